// STAT1: ranges and norms. AGG: the weighted sum and the new model.
#include "contracts/verification/opening.hpp"

#include <algorithm>
#include <bit>

#include "contracts/models.hpp"
#include "contracts/rounds.hpp"
#include "contracts/verification/shares.hpp"
#include "contracts/verification/stored_shares.hpp"
#include "contracts/verification/verdict.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/confirmations.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "fl_engine/smpc/statistics.hpp"
#include "fl_engine/smpc/verdict.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::EndReason;
using schema::EpochRecord;
using schema::Phase;
using schema::RoundRecord;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

EpochRecord epoch_of(const Execution& execution, const RoundRecord& round) {
    return execution.state.load<EpochRecord>(keys::epoch(round.label.mpc_epoch));
}

// The posted aggregate shares; nullopt when a blob is missing.
std::optional<StoredShares> open_aggregate_posts(Execution& execution, const RoundRecord& round) {
    StoredShares posts;
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        if ((round.aggregate_posters & schema::member_bit(member)) == 0) continue;
        const auto record = execution.state.load<schema::AggregateShareRecord>(
            keys::aggregate(round.label.round, member));
        if (!posts.add(execution, member, record.share.sha256,
                       static_cast<std::size_t>(round.terms.dimension))) {
            return std::nullopt;
        }
    }
    return posts;
}

// What the sum is; its d values are read off the base tile by tile wherever they are needed.
struct OpenedSum {
    std::vector<smpc::PostedShare> base;  // t+1 vectors that define its polynomial
    std::vector<smpc::Fault> faults;
    Digest sha256;  // of its values
};

// The vectors of these members, in the order given.
std::vector<smpc::PostedShare> select(std::span<const smpc::PostedShare> posts,
                                      schema::MemberSet members) {
    std::vector<smpc::PostedShare> chosen;
    for (const smpc::PostedShare& post : posts) {
        const auto member = static_cast<std::uint16_t>(post.member);
        if ((members & schema::member_bit(member)) != 0) chosen.push_back(post);
    }
    return chosen;
}

// The AGG_OK of these members, ascending.
std::vector<smpc::Confirmation> confirmations_of(const Execution& execution,
                                                 const RoundRecord& round,
                                                 schema::MemberSet members) {
    std::vector<smpc::Confirmation> confirmations;
    for (const smpc::MemberIndex member : members_of(members)) {
        const Bytes key = keys::aggregate_ok(round.label.round, static_cast<std::uint16_t>(member));
        const auto record = execution.state.load<schema::AggregateOkRecord>(key);
        confirmations.push_back({member, record.sha256});
    }
    return confirmations;
}

schema::MemberSet matching_oks(const Execution& execution, const RoundRecord& round,
                               const Digest& digest) {
    schema::MemberSet matching = 0;
    for (const auto& ok : confirmations_of(execution, round, round.aggregate_oks)) {
        if (ok.sha256 != digest) continue;
        matching |= schema::member_bit(static_cast<std::uint16_t>(ok.member));
    }
    return matching;
}

// The first t+1 posters define the polynomial; posters on it and matching OKs vouch for it.
std::optional<OpenedSum> open_optimistically(const Execution& execution, const RoundRecord& round,
                                             const EpochRecord& epoch,
                                             std::span<const smpc::PostedShare> posts) {
    const smpc::Committee committee = committee_of(epoch);
    const auto first = first_posters_of(epoch);
    const schema::MemberSet first_set = set_of(first);
    const auto base = select(posts, first_set);
    const auto others = select(posts, static_cast<schema::MemberSet>(~first_set));
    const auto voices = static_cast<std::size_t>(std::popcount(
        static_cast<schema::MemberSet>(round.aggregate_posters | round.aggregate_oks)));
    if (base.size() != first.size() || voices < 2 * std::size_t{committee.t()} + 1) {
        return std::nullopt;
    }
    OpenedSum sum;
    sum.base = base;
    std::size_t agreeing = base.size();
    for (const smpc::PostedShare& post : others) {
        const auto fault = smpc::check_late_share(base, post);
        if (fault) sum.faults.push_back(*fault);
        agreeing += fault ? 0U : 1U;
    }
    sum.sha256 = smpc::interpolated_digest(base);
    const auto matching = static_cast<schema::MemberSet>(
        matching_oks(execution, round, sum.sha256) & ~round.aggregate_posters);
    const auto oks = static_cast<std::size_t>(std::popcount(matching));
    if (!smpc::is_optimistic_result(committee, agreeing, oks)) return std::nullopt;
    return sum;
}

std::optional<OpenedSum> open_sum(const Execution& execution, const RoundRecord& round,
                                  const EpochRecord& epoch,
                                  std::span<const smpc::PostedShare> posts) {
    if (auto sum = open_optimistically(execution, round, epoch, posts)) return sum;
    auto opened = smpc::find_base(committee_of(epoch), posts);
    if (!opened) return std::nullopt;
    auto base = select(posts, set_of(opened->base));
    const Digest digest = smpc::interpolated_digest(base);
    return OpenedSum{std::move(base), std::move(opened->faults), digest};
}

// `posts`: also those of members of X. A member that confirmed another sum in good faith has done
// nothing wrong: liars among the first posters can choose their errors so that its share fits.
void report_sum_faults(Execution& execution, const RoundRecord& round, const EpochRecord& epoch,
                       const OpenedSum& sum, std::span<const smpc::PostedShare> posts) {
    for (const smpc::Fault& fault : sum.faults) {
        report_fault(execution, action::kAggregate, round.label, fault);
    }
    const schema::MemberSet right = matching_oks(execution, round, sum.sha256);
    const auto others = static_cast<schema::MemberSet>(round.aggregate_oks & ~right);
    for (const smpc::Fault& fault :
         smpc::false_confirmations(committee_of(epoch), members_of(epoch.excluded), posts, sum.base,
                                   confirmations_of(execution, round, others))) {
        report_fault(execution, action::kAggregateOk, round.label, fault);
    }
}

// The next model in blob form, or nullopt with `missing_blob` set, or an empty one on overflow.
std::optional<Bytes> step_model(Execution& execution, const RoundRecord& round,
                                const OpenedSum& sum) {
    const Digest& hash = round.terms.model.sha256;
    const auto model = execution.open_blob(hash);
    if (!model) return std::nullopt;
    const smpc::ModelStep step{.clip_norm = round.terms.clip_norm,
                               .scale = smpc::encoding_scale(round.terms.nu, round.terms.dimension),
                               .weight_sum = round.weight_sum};
    smpc::InterpolationStream opened(sum.base, 0);
    const std::size_t size_bytes = opened.length() * sizeof(std::int64_t);
    if (model->size_bytes() != size_bytes) {
        execution.missing_blob = hash;
        return std::nullopt;
    }
    Bytes next;
    next.reserve(size_bytes);
    Bytes old;
    for (auto tile = opened.next(); !tile.empty(); tile = opened.next()) {
        old.resize(tile.size_bytes());
        if (!model->read(next.size(), old)) {
            execution.missing_blob = hash;
            return std::nullopt;
        }
        const auto parameters = smpc::decode_integers(old, tile.size());
        CHECK(parameters.has_value());
        const auto moved = smpc::apply_aggregate(*parameters, smpc::read_aggregate(tile), step);
        if (!moved) return Bytes{};
        const Bytes bytes = smpc::encode_integers(*moved);
        next.insert(next.end(), bytes.begin(), bytes.end());
    }
    return next;
}

void finish_round(Execution& execution, RoundRecord& round, const OpenedSum& sum) {
    auto parameters = step_model(execution, round, sum);
    if (!parameters) return;
    if (parameters->empty()) {
        rounds::end_round(execution, round, Phase::kCancelled, EndReason::kOverflow);
        return;
    }
    auto task = execution.state.load<schema::TaskRecord>(keys::task(round.terms.task));
    const auto verdict =
        execution.state.load<schema::VerdictRecord>(keys::verdict(round.label.round));
    const schema::ModelRecord model =
        models::register_version(execution, task,
                                 {.round = round.label.round,
                                  .aggregate = sum.sha256,
                                  .parent = round.terms.model_version,
                                  .parameters = std::move(*parameters)});
    ++task.rounds_done;
    task.clip_norm = verdict.clip_next;
    execution.state.store(keys::task(task.id), task);
    round.aggregate = sum.sha256;
    round.model_version = model.version;
    execution.emit(schema::Module::kVerification, event::kResult,
                   schema::RoundResult{round.label, sum.sha256, round.weight_sum, model.version,
                                       model.parameters});
    rounds::end_round(execution, round, Phase::kResult, EndReason::kNone);
}

}  // namespace

std::vector<std::uint16_t> slots_of(schema::SlotSet set) {
    std::vector<std::uint16_t> slots;
    for (std::uint16_t slot = 1; slot <= schema::kMaxClients; ++slot) {
        if ((set & schema::slot_bit(slot)) != 0) slots.push_back(slot);
    }
    return slots;
}

std::size_t stat1_length(const RoundRecord& round) {
    const auto clients = static_cast<std::size_t>(std::popcount(round.ranged));
    return smpc::Stat1Layout(clients, round.reference.has_value()).length();
}

void report_fault(Execution& execution, std::uint16_t share_action, const schema::RoundLabel& label,
                  const smpc::Fault& fault) {
    execution.emit(schema::Module::kVerification, event::kFault,
                   schema::FaultProved{share_action, label,
                                       static_cast<std::uint16_t>(fault.member), fault.coordinate});
}

void start_fallback(Execution& execution, RoundRecord& round) {
    if (round.is_aggregate_fallback) return;
    round.is_aggregate_fallback = true;
    execution.emit(schema::Module::kVerification, event::kAggregateFallback,
                   schema::PhaseChanged{round.label, round.phase});
}

void open_stat1(Execution& execution, RoundRecord& round) {
    const EpochRecord epoch = epoch_of(execution, round);
    const smpc::Committee committee = committee_of(epoch);
    const SharePosts posts =
        load_posts(execution.state, heard_of(epoch, round.stat1_posters),
                   [&](std::uint16_t member) { return keys::stat1(round.label.round, member); });
    const auto opening = smpc::open_shares(committee, posts.spans());
    if (!opening) return;
    for (const smpc::Fault& fault : opening->faults) {
        report_fault(execution, action::kStat1, round.label, fault);
    }
    round.stat1_base.assign(opening->base.begin(), opening->base.end());
    const std::vector<std::uint16_t> ranged = slots_of(round.ranged);
    smpc::Stat1Values values = smpc::read_stat1(
        smpc::Stat1Layout(ranged.size(), round.reference.has_value()), opening->values);
    round.norms = std::move(values.norms);
    round.reference_products = std::move(values.reference);
    std::vector<std::int64_t> passed_norms;
    for (std::size_t i = 0; i < ranged.size(); ++i) {
        if (!values.is_in_range[i]) continue;
        round.in_range |= schema::slot_bit(ranged[i]);
        if (!smpc::norm_passes(round.norms[i], round.terms.nu)) continue;
        round.passed |= schema::slot_bit(ranged[i]);
        passed_norms.push_back(round.norms[i]);
    }
    const std::size_t needed = schema::min_submissions(round.terms.malicious_max);
    if (passed_norms.size() < needed) {
        store_early_verdict(execution, round, epoch);
        rounds::end_round(execution, round, Phase::kCancelled, EndReason::kTooFewPassed);
        return;
    }
    round.clip_weights =
        smpc::clip_weights(passed_norms, smpc::blur_bound(committee, round.terms.blur_bits));
    rounds::change_phase(execution, round, Phase::kStat2);
}

void open_aggregate(Execution& execution, RoundRecord& round) {
    const EpochRecord epoch = epoch_of(execution, round);
    RoundRecord heard = round;  // without what members of X said
    heard.aggregate_posters = heard_of(epoch, round.aggregate_posters);
    heard.aggregate_oks = heard_of(epoch, round.aggregate_oks);
    const auto voices =
        static_cast<schema::MemberSet>(heard.aggregate_posters | heard.aggregate_oks);
    if (count_members(voices) < 2 * std::size_t{committee_of(epoch).t()} + 1) return;
    const auto posts = open_aggregate_posts(execution, round);
    if (!posts) return;
    const std::vector<smpc::PostedShare> vectors = posts->posts();
    const auto sum = open_sum(execution, heard, epoch, select(vectors, heard.aggregate_posters));
    if (!posts->are_read(execution) || !sum) return;
    report_sum_faults(execution, heard, epoch, *sum, vectors);
    finish_round(execution, round, *sum);
    (void)posts->are_read(execution);
}

}  // namespace consilium::contracts::verification
