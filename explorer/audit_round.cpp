// The steps of a round in the order of the protocol.
#include "explorer/audit_round.hpp"

#include <algorithm>
#include <bit>

#include "contracts/verification/opening.hpp"
#include "contracts/verification/rules.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/coin.hpp"
#include "fl_engine/smpc/confirmations.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "fl_engine/smpc/statistics.hpp"

namespace consilium::explorer {
namespace {

using contracts::verification::slots_of;
using schema::ClientCode;
using schema::EndReason;
namespace action = schema::action;

Bytes coin_label(smpc::RoundCoin coin, const schema::RoundLabel& label) {
    return smpc::round_coin_label(
        {coin, label.mpc_epoch, label.round, std::uint64_t{label.attempt}});
}

// Who submitted and who proved, counted from their transactions; g by the quorum of REF.
void audit_windows(AttemptAudit& audit) {
    const AttemptTranscript& round = audit.transcript;
    Comparison& comparison = audit.comparison;
    if (round.submissions_closed) {
        comparison.equal("submitted", round.submitted, round.submissions_closed->submitted);
        std::optional<Digest> reference;
        if (round.reference) reference = round.reference->sha256;
        comparison.equal("reference hash", reference, round.submissions_closed->reference);
    }
    if (round.submissions_closed && round.terms.reference_set) {
        ++comparison.counts.references;
        const auto& counted = round.counted_references;
        const bool is_counted =
            std::find(counted.begin(), counted.end(), round.reference) != counted.end();
        if (!is_counted && !counted.empty()) {
            comparison.equal("reference", counted.back(), round.reference);
        }
    }
    if (round.ranges_closed) {
        comparison.equal("ranged", round.ranged, round.ranges_closed->ranged);
    }
}

void audit_stat1(AttemptAudit& audit, OpeningAudit& opening_audit) {
    const AttemptTranscript& round = audit.transcript;
    if (!round.stat1.opened) return;
    ++audit.comparison.counts.stat1;
    const std::vector<std::uint16_t> ranged = slots_of(round.ranged);
    const smpc::Stat1Layout layout(ranged.size(), round.reference.has_value());
    const auto opening = reopen(opening_audit, round.stat1, action::kStat1, layout.length());
    if (!opening) return;
    audit.has_stat1 = true;
    const smpc::Stat1Values values = smpc::read_stat1(layout, opening->values);
    for (std::size_t i = 0; i < ranged.size(); ++i) {
        if (!values.is_in_range[i]) continue;
        audit.in_range |= schema::slot_bit(ranged[i]);
        if (!smpc::norm_passes(values.norms[i], round.terms.nu)) continue;
        audit.passed |= schema::slot_bit(ranged[i]);
        audit.passed_norms.push_back(values.norms[i]);
        if (round.reference) audit.passed_references.push_back(values.reference[i]);
    }
    if (!round.record) return;
    audit.comparison.equal("record norm", values.norms, round.record->norms);
    audit.comparison.equal("record reference product", values.reference,
                           round.record->reference_products);
    audit.comparison.equal("record in_range", audit.in_range, round.record->in_range);
    audit.comparison.equal("record passed", audit.passed, round.record->passed);
}

void audit_stat2(AttemptAudit& audit, OpeningAudit& opening_audit) {
    const AttemptTranscript& round = audit.transcript;
    if (!round.statistics || !audit.has_stat1) return;
    ++audit.comparison.counts.stat2;
    const std::vector<std::uint16_t> slots = slots_of(audit.passed);
    const auto mode = static_cast<smpc::StatMode>(round.terms.mode);
    const smpc::Stat2Layout layout(mode, slots.size());
    const auto opening = reopen(opening_audit, round.stat2, action::kStat2, layout.length());
    if (!opening) return;
    audit.statistics = smpc::read_stat2(layout, opening->values);
    std::vector<std::int64_t> shown;
    if (mode == smpc::StatMode::kSum) {
        shown = *audit.statistics;
    } else {
        for (std::size_t i = 0; i < slots.size(); ++i) {
            for (std::size_t j = i + 1; j < slots.size(); ++j) {
                shown.push_back((*audit.statistics)[i * slots.size() + j]);
            }
        }
    }
    audit.comparison.equal("statistics slot", slots, round.statistics->slots);
    audit.comparison.equal("statistics norm", audit.passed_norms, round.statistics->norms);
    audit.comparison.equal("statistics reference", audit.passed_references,
                           round.statistics->references);
    audit.comparison.equal("statistics value", shown, round.statistics->values);
}

std::vector<smpc::MemberIndex> excluded_of(const OpeningAudit& audit, const Posts& posts) {
    std::vector<smpc::MemberIndex> excluded;
    for (std::uint16_t member = 1; member <= audit.committee.n(); ++member) {
        if ((posts.excluded & schema::member_bit(member)) != 0) excluded.push_back(member);
    }
    return excluded;
}

struct OpenedSum {
    std::vector<std::int64_t> values;
    std::vector<smpc::MemberIndex> base;  // whose vectors define its polynomial
};

// The first t+1 posters define the polynomial, posters on it and matching AGG_OK vouch for it: what
// is opened when VECOPEN alone has too few, and tried first where both can open.
std::optional<OpenedSum> open_with_oks(OpeningAudit& audit, const AttemptTranscript& round) {
    const Posts& posts = round.aggregate;
    const auto first = smpc::first_posters(audit.committee, excluded_of(audit, posts));
    if (!first) return std::nullopt;
    std::vector<smpc::PostedShare> base;
    std::vector<smpc::PostedShare> others;
    std::vector<smpc::Fault> faults;
    schema::MemberSet posters = 0;
    for (const smpc::PostedShare& share : heard_posts(posts)) {
        const bool is_first = std::find(first->begin(), first->end(), share.member) != first->end();
        (is_first ? base : others).push_back(share);
        posters |= schema::member_bit(share.member);
    }
    if (base.size() != first->size()) return std::nullopt;
    auto sum = smpc::read_aggregate(smpc::interpolate_vector(base, 0));
    std::size_t agreeing = base.size();
    for (const smpc::PostedShare& share : others) {
        const auto fault = smpc::check_late_share(base, share);
        if (fault) faults.push_back(*fault);
        agreeing += fault ? 0U : 1U;
    }
    const Digest digest = smpc::aggregate_digest(sum);
    std::size_t oks = 0;
    for (const Post& post : round.aggregate_ok.all) {
        const auto bit = post.member == 0 ? schema::MemberSet{} : schema::member_bit(post.member);
        const bool counts = (bit & ~posts.excluded & ~posters) != 0 && post.digest == digest;
        oks += counts ? 1U : 0U;
    }
    if (!smpc::is_optimistic_result(audit.committee, agreeing, oks)) return std::nullopt;
    for (const smpc::Fault& fault : faults) expect_fault(audit, posts, action::kAggregate, fault);
    return OpenedSum{std::move(sum), *first};
}

std::optional<OpenedSum> open_sum(OpeningAudit& audit, const AttemptTranscript& round) {
    if (auto sum = open_with_oks(audit, round)) return sum;
    const auto dimension = static_cast<std::size_t>(round.terms.dimension);
    auto opening = reopen(audit, round.aggregate, action::kAggregate, dimension);
    if (!opening) return std::nullopt;
    return OpenedSum{smpc::read_aggregate(opening->values), std::move(opening->base)};
}

// AGG_OK of another sum by members outside X, unless their senders may have seen it and found their
// share on its polynomial. What members of X had posted before is what they may have seen, too.
void expect_false_oks(OpeningAudit& audit, const AttemptTranscript& round, const OpenedSum& sum,
                      const Digest& digest) {
    std::vector<smpc::Confirmation> others;
    for (const Post& post : round.aggregate_ok.all) {
        if (post.digest == digest || post.member == 0) continue;
        if ((round.aggregate.excluded & schema::member_bit(post.member)) != 0) continue;
        others.push_back({post.member, post.digest});
    }
    std::vector<smpc::PostedShare> posted;
    std::vector<smpc::PostedShare> base;
    for (const Post& post : round.aggregate.all) {
        posted.push_back({post.member, post.values});
        const bool is_base =
            std::find(sum.base.begin(), sum.base.end(), post.member) != sum.base.end();
        if (is_base) base.push_back(posted.back());
    }
    const auto excluded = excluded_of(audit, round.aggregate);
    for (const smpc::Fault& fault :
         smpc::false_confirmations(audit.committee, excluded, posted, base, others)) {
        expect_fault(audit, round.aggregate_ok, action::kAggregateOk, fault);
    }
}

void audit_sum(AttemptAudit& audit, OpeningAudit& opening_audit) {
    AttemptTranscript& round = audit.transcript;
    if (!round.aggregate.opened) return;
    ++audit.comparison.counts.aggregates;
    if (!read_words(opening_audit, round.aggregate, round.blobs, round.terms.dimension)) return;
    const auto dimension = static_cast<std::size_t>(round.terms.dimension);
    if (!are_well_formed(opening_audit, round.aggregate, action::kAggregate, dimension)) return;
    auto sum = open_sum(opening_audit, round);
    if (!sum) return;
    const Digest digest = smpc::aggregate_digest(sum->values);
    expect_false_oks(opening_audit, round, *sum, digest);
    audit.sum = std::move(sum->values);
    if (round.result) audit.comparison.equal("aggregate", digest, round.result->aggregate);
    for (Post& post : round.aggregate.all) post.values = {};  // memory; not needed any more
}

// A halted epoch opens nothing more: the attempt ends with it.
void audit_halt(AttemptAudit& audit) {
    const AttemptTranscript& round = audit.transcript;
    const bool is_ended = round.ended && round.ended->reason == EndReason::kEpochHalted;
    audit.comparison.equal("ended by the halt", round.halted.has_value(), is_ended);
    if (round.halted) {
        audit.comparison.equal("height of the halt", round.halted->value, round.last.value);
    }
}

// What stopped each client before the rule, or OK until the rule has spoken.
schema::VerdictRecord start_verdict(const AttemptAudit& audit) {
    const AttemptTranscript& round = audit.transcript;
    schema::VerdictRecord record;
    record.label = round.label;
    record.clip_next = round.terms.clip_norm;
    record.is_cancelled = true;
    for (std::uint16_t slot = 1; slot <= round.parties.clients.size(); ++slot) {
        const schema::SlotSet bit = schema::slot_bit(slot);
        schema::ClientOutcome outcome;
        outcome.slot = slot;
        if ((round.submitted & bit) == 0) {
            outcome.code = ClientCode::kNoSubmit;
        } else if ((round.ranged & bit) == 0) {
            outcome.code = ClientCode::kNoRange;
        } else if ((audit.in_range & bit) == 0) {
            outcome.code = ClientCode::kRangeFail;
        } else if ((audit.passed & bit) == 0) {
            outcome.code = ClientCode::kNormFail;
        }
        record.clients.push_back(outcome);
    }
    return record;
}

std::string text_of_outcome(const schema::ClientOutcome& outcome) {
    return std::string(schema::to_string(outcome.code)) + (outcome.is_suspect ? " suspect" : "") +
           " weight " + std::to_string(outcome.weight) + " reduced " +
           std::to_string(outcome.reduced_weight);
}

void compare_verdicts(Comparison& comparison, const std::string& where,
                      const schema::VerdictRecord& expected, const schema::VerdictRecord& found) {
    comparison.equal(where + " clients", expected.clients.size(), found.clients.size());
    const std::size_t count = std::min(expected.clients.size(), found.clients.size());
    for (std::size_t i = 0; i < count; ++i) {
        if (expected.clients[i] == found.clients[i]) continue;
        comparison.note(where + " of slot " + std::to_string(expected.clients[i].slot),
                        text_of_outcome(expected.clients[i]), text_of_outcome(found.clients[i]));
    }
    comparison.equal(where + " dither_bits", expected.dither_bits, found.dither_bits);
    comparison.equal(where + " weight_sum", expected.weight_sum, found.weight_sum);
    comparison.equal(where + " clip_next", expected.clip_next, found.clip_next);
    comparison.equal(where + " is_cancelled", expected.is_cancelled, found.is_cancelled);
    comparison.equal(where + " label", text_of(expected.label), text_of(found.label));
}

smpc::VerdictInput make_input(const AttemptAudit& audit, const smpc::Committee& committee) {
    const schema::RoundTerms& terms = audit.transcript.terms;
    smpc::VerdictInput input;
    input.mode = static_cast<smpc::StatMode>(terms.mode);
    input.c_max = terms.malicious_max;
    input.blur_bound = smpc::blur_bound(committee, terms.blur_bits);
    input.norms = audit.passed_norms;
    input.statistics = *audit.statistics;
    if (audit.transcript.reference) {
        input.reference = smpc::VerdictReference{
            audit.passed_references,
            static_cast<std::int64_t>(audit.transcript.reference->squared_norm)};
    }
    for (const std::uint16_t slot : slots_of(audit.passed)) {
        input.clients.push_back(slot);
        const bool has_weight = slot <= terms.data_weights.size();
        input.data_weights.push_back(has_weight ? terms.data_weights[slot - 1U] : 0U);
    }
    return input;
}

void note_rule(const smpc::Verdict& verdict, schema::VerdictRecord& record) {
    for (std::size_t i = 0; i < verdict.clients.size(); ++i) {
        const smpc::ClientVerdict& client = verdict.clients[i];
        schema::ClientOutcome& outcome = record.clients[client.client - 1U];
        outcome.code = static_cast<ClientCode>(client.code);
        outcome.is_suspect = client.is_suspect;
        outcome.weight = client.weight;
        outcome.reduced_weight = verdict.reduced.weights[i];
    }
    if (verdict.reduced.dither_bits) {
        record.dither_bits = static_cast<std::uint8_t>(*verdict.reduced.dither_bits);
    }
    record.weight_sum = verdict.reduced.sum;
    record.is_cancelled = verdict.is_cancelled;
}

// The rule with the history that this audit has computed itself. nullopt: no such rule, or the
// input does not fit; both are findings.
std::optional<schema::VerdictRecord> judge_again(AttemptAudit& audit, VerdictHistories& histories) {
    const AttemptTranscript& round = audit.transcript;
    const auto clients = static_cast<std::uint32_t>(round.parties.clients.size());
    const auto committee =
        smpc::Committee::make(static_cast<std::uint32_t>(round.parties.members.size()));
    const auto* rule = contracts::verification::find_rule(round.terms.rule, round.last);
    if (!committee || rule == nullptr) {
        audit.comparison.note("rule", "a known rule", std::to_string(round.terms.rule));
        return std::nullopt;
    }
    auto& [mpc_epoch, kept] = histories[round.terms.task];
    smpc::VerdictHistory history = mpc_epoch == round.label.mpc_epoch && kept.clients() == clients
                                       ? kept
                                       : smpc::VerdictHistory::make(clients);
    smpc::VerdictInput input = make_input(audit, *committee);
    input.gain = smpc::agree_gain(history, round.terms.clip_norm);
    const auto verdict = rule->judge(input, history);
    if (!verdict) {
        audit.comparison.note("verdict input", "one that fits", verdict.error().context);
        return std::nullopt;
    }
    schema::VerdictRecord record = start_verdict(audit);
    note_rule(*verdict, record);
    if (verdict->is_cancelled) return record;
    smpc::note_clip_norm(history, round.terms.clip_norm);
    record.clip_next =
        smpc::next_clip_norm(input.norms, input.blur_bound,
                             {.current = round.terms.clip_norm,
                              .scale = smpc::encoding_scale(round.terms.nu, round.terms.dimension),
                              .lowest = round.clip_min,
                              .highest = round.clip_max});
    mpc_epoch = round.label.mpc_epoch;
    kept = std::move(history);
    return record;
}

// The model step and the record of the new version.
void audit_model(AttemptAudit& audit, std::uint64_t weight_sum) {
    const AttemptTranscript& round = audit.transcript;
    const bool is_overflow = round.ended && round.ended->reason == EndReason::kOverflow;
    if (!audit.sum || (!round.result && !is_overflow)) return;
    const auto content = round.blobs.find(round.terms.model.sha256);
    const auto dimension = static_cast<std::size_t>(round.terms.dimension);
    const auto model = content == round.blobs.end()
                           ? Result<std::vector<std::int64_t>>(make_error(ErrorCode::kNotFound, ""))
                           : smpc::decode_integers(*content->second, dimension);
    if (!model) return audit.comparison.miss("blob " + round.terms.model.sha256.hex());
    ++audit.comparison.counts.models;
    const smpc::ModelStep step{.clip_norm = round.terms.clip_norm,
                               .scale = smpc::encoding_scale(round.terms.nu, round.terms.dimension),
                               .weight_sum = weight_sum};
    const auto next =
        weight_sum == 0
            ? Result<std::vector<std::int64_t>>(make_error(ErrorCode::kRefused, "no weight"))
            : smpc::apply_aggregate(*model, *audit.sum, step);
    audit.comparison.equal("overflow", !next.has_value(), is_overflow);
    if (!next || !round.result) return;
    const Bytes parameters = smpc::encode_integers(*next);
    const schema::BlobName name{sha256(parameters), parameters.size()};
    audit.comparison.equal("weight_sum", weight_sum, round.result->weight_sum);
    audit.comparison.equal("model", name, round.result->model);
    if (!round.model) return audit.comparison.note("model record", "a record", "none");
    audit.comparison.equal("model record", name, round.model->parameters);
    audit.comparison.equal("model record aggregate",
                           std::optional(smpc::aggregate_digest(*audit.sum)),
                           round.model->aggregate);
    audit.comparison.equal("model record parent", std::optional(round.terms.model_version),
                           round.model->parent);
    audit.comparison.equal("model record round", std::optional(round.label.round),
                           round.model->round);
}

// A history record stands as the newest verdict of its task and epoch has left it.
void audit_history(AttemptAudit& audit, const VerdictHistories& histories) {
    const AttemptTranscript& round = audit.transcript;
    const auto kept = histories.find(round.terms.task);
    std::optional<Digest> expected;
    if (kept != histories.end() && kept->second.first == round.label.mpc_epoch) {
        expected = sha256(encode(kept->second.second));
    }
    std::optional<Digest> found;
    if (round.history) found = sha256(encode(*round.history));
    audit.comparison.equal("history", expected, found);
}

}  // namespace

AttemptAudit audit_attempt_openings(AttemptTranscript transcript) {
    Comparison comparison(text_of(transcript.label), transcript.last);
    AttemptAudit audit{.transcript = std::move(transcript),
                       .comparison = std::move(comparison),
                       .passed_norms = {},
                       .passed_references = {},
                       .statistics = {},
                       .sum = {},
                       .verdict = {}};
    ++audit.comparison.counts.attempts;
    const AttemptTranscript& round = audit.transcript;
    const auto committee =
        smpc::Committee::make(static_cast<std::uint32_t>(round.parties.members.size()));
    if (!committee) {
        audit.comparison.note("committee", "4 to 13 members",
                              std::to_string(round.parties.members.size()));
        return audit;
    }
    OpeningAudit openings{*committee, round.label, audit.comparison, {}};
    audit_windows(audit);
    audit_coin(openings, round.range_coin, coin_label(smpc::RoundCoin::kRange, round.label),
               round.range_seed);
    audit_coin(openings, round.test_coin, coin_label(smpc::RoundCoin::kTest, round.label),
               round.test_seed);
    audit_stat1(audit, openings);
    audit_stat2(audit, openings);
    audit_sum(audit, openings);
    audit_halt(audit);
    audit.comparison.equal_faults(openings.faults, round.faults);
    return audit;
}

void audit_attempt_verdict(AttemptAudit& audit, VerdictHistories& histories) {
    const AttemptTranscript& round = audit.transcript;
    std::optional<schema::VerdictRecord> expected;
    if (round.verdict && audit.has_stat1) {
        ++audit.comparison.counts.verdicts;
        const bool is_enough =
            std::popcount(audit.passed) >= schema::min_submissions(round.terms.malicious_max);
        if (!is_enough) {
            expected = start_verdict(audit);
        } else if (audit.statistics) {
            expected = judge_again(audit, histories);
        } else {
            audit.comparison.note("verdict", "after STAT2", "without STAT2");
        }
    }
    if (expected) {
        compare_verdicts(audit.comparison, "verdict", *expected, *round.verdict);
        if (round.verdict_record) {
            compare_verdicts(audit.comparison, "verdict record", *expected, *round.verdict_record);
        }
        audit_model(audit, expected->weight_sum);
        audit.verdict = std::move(expected);
    } else if (round.result) {
        audit.comparison.note("result", "after a verdict", "without one");
    }
    const bool is_over = round.result || round.ended;
    if (is_over) audit_history(audit, histories);
}

void adopt_history(const AttemptTranscript& round, VerdictHistories& histories) {
    if (!round.verdict || !round.history) return;
    histories[round.terms.task] = {round.label.mpc_epoch, *round.history};
}

}  // namespace consilium::explorer
