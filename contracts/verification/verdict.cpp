// STAT2 and the verdict: the rule is smpc::judge(), here it meets the state.
#include "contracts/verification/verdict.hpp"

#include <algorithm>
#include <bit>

#include "contracts/privacy.hpp"
#include "contracts/rounds.hpp"
#include "contracts/verification/opening.hpp"
#include "contracts/verification/rules.hpp"
#include "contracts/verification/shares.hpp"
#include "fl_engine/smpc/statistics.hpp"
#include "fl_engine/smpc/verdict.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::ClientCode;
using schema::ClientOutcome;
using schema::EpochRecord;
using schema::Mode;
using schema::Phase;
using schema::RoundRecord;
using schema::VerdictRecord;
namespace event = schema::event;
namespace keys = schema::keys;

static_assert(static_cast<int>(ClientCode::kLoo) == static_cast<int>(smpc::VerdictCode::kLoo));
static_assert(static_cast<int>(ClientCode::kNull) == static_cast<int>(smpc::VerdictCode::kNull));
static_assert(static_cast<int>(Mode::kSum) == static_cast<int>(smpc::StatMode::kSum));

smpc::StatMode mode_of(const RoundRecord& round) {
    return static_cast<smpc::StatMode>(round.terms.mode);
}

// One outcome per slot of the epoch: what stopped it before the rule, or OK until the rule has
// spoken.
VerdictRecord start_record(const RoundRecord& round, const EpochRecord& epoch) {
    VerdictRecord record;
    record.label = round.label;
    record.clip_next = round.terms.clip_norm;
    for (std::uint16_t slot = 1; slot <= epoch.clients.size(); ++slot) {
        ClientOutcome outcome;
        outcome.slot = slot;
        const schema::SlotSet bit = schema::slot_bit(slot);
        if ((round.submitted & bit) == 0) {
            outcome.code = ClientCode::kNoSubmit;
        } else if ((round.ranged & bit) == 0) {
            outcome.code = ClientCode::kNoRange;
        } else if ((round.in_range & bit) == 0) {
            outcome.code = ClientCode::kRangeFail;
        } else if ((round.passed & bit) == 0) {
            outcome.code = ClientCode::kNormFail;
        }
        record.clients.push_back(outcome);
    }
    return record;
}

void store_record(Execution& execution, const VerdictRecord& record) {
    execution.state.store(keys::verdict(record.label.round), record);
    execution.emit(schema::Module::kVerification, event::kVerdict, record);
}

// Of values per slot of V0 those of the clients that passed, in slot order.
std::vector<std::int64_t> passed_only(const RoundRecord& round,
                                      const std::vector<std::int64_t>& values) {
    std::vector<std::int64_t> passed;
    const std::vector<std::uint16_t> ranged = slots_of(round.ranged);
    for (std::size_t i = 0; i < ranged.size(); ++i) {
        if ((round.passed & schema::slot_bit(ranged[i])) != 0) passed.push_back(values[i]);
    }
    return passed;
}

smpc::VerdictInput make_input(const RoundRecord& round, const smpc::Committee& committee,
                              std::vector<std::int64_t> statistics) {
    smpc::VerdictInput input;
    input.mode = mode_of(round);
    input.c_max = round.terms.malicious_max;
    input.blur_bound = smpc::blur_bound(committee, round.terms.blur_bits);
    input.norms = passed_only(round, round.norms);
    if (round.reference) {
        input.reference =
            smpc::VerdictReference{passed_only(round, round.reference_products),
                                   static_cast<std::int64_t>(round.reference->squared_norm)};
    }
    input.statistics = std::move(statistics);
    for (const std::uint16_t slot : slots_of(round.passed)) {
        input.clients.push_back(slot);
        input.data_weights.push_back(round.terms.data_weights[slot - 1U]);
    }
    return input;
}

void emit_statistics(Execution& execution, const RoundRecord& round,
                     const std::vector<std::int64_t>& statistics) {
    schema::Statistics opened;
    opened.label = round.label;
    opened.mode = round.terms.mode;
    opened.slots = slots_of(round.passed);
    opened.norms = passed_only(round, round.norms);
    if (round.reference) opened.references = passed_only(round, round.reference_products);
    if (round.terms.mode == Mode::kSum) {
        opened.values = statistics;
    } else {
        const std::size_t count = opened.slots.size();
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t j = i + 1; j < count; ++j) {
                opened.values.push_back(statistics[i * count + j]);
            }
        }
    }
    execution.emit(schema::Module::kVerification, event::kStatistics, opened);
}

void note_verdict(const smpc::Verdict& verdict, VerdictRecord& record, RoundRecord& round) {
    for (std::size_t i = 0; i < verdict.clients.size(); ++i) {
        const smpc::ClientVerdict& client = verdict.clients[i];
        ClientOutcome& outcome = record.clients[client.client - 1U];
        outcome.code = static_cast<ClientCode>(client.code);
        outcome.is_suspect = client.is_suspect;
        outcome.weight = client.weight;
        outcome.reduced_weight = verdict.reduced.weights[i];
        if (client.is_accepted()) {
            round.accepted |= schema::slot_bit(static_cast<std::uint32_t>(outcome.slot));
        }
    }
    if (verdict.reduced.dither_bits) {
        record.dither_bits = static_cast<std::uint8_t>(*verdict.reduced.dither_bits);
    }
    record.weight_sum = verdict.reduced.sum;
    record.is_cancelled = verdict.is_cancelled;
    round.reduced_weights = verdict.reduced.weights;
    round.dither_bits = record.dither_bits;
    round.weight_sum = record.weight_sum;
}

std::uint64_t next_clip(Execution& execution, const RoundRecord& round,
                        const smpc::VerdictInput& input) {
    const auto spec = execution.state.load<schema::TaskRecord>(keys::task(round.terms.task)).spec;
    const smpc::ClipNormRule rule{
        .current = round.terms.clip_norm,
        .scale = smpc::encoding_scale(round.terms.nu, round.terms.dimension),
        .lowest = spec.clip_min,
        .highest = spec.clip_max};
    return smpc::next_clip_norm(input.norms, input.blur_bound, rule);
}

// Judges, writes record and history, and moves the round on.
void judge_round(Execution& execution, RoundRecord& round, const EpochRecord& epoch,
                 smpc::VerdictInput input) {
    const Bytes key = keys::history(round.terms.task, round.label.mpc_epoch);
    const auto clients = static_cast<std::uint32_t>(epoch.clients.size());
    auto history = execution.state.find<smpc::VerdictHistory>(key).value_or(
        smpc::VerdictHistory::make(clients));
    CHECK(history.is_well_formed());
    CHECK(history.clients() == clients);
    input.gain = smpc::agree_gain(history, round.terms.clip_norm);
    const Rule* rule = find_rule(round.terms.rule, execution.block.height);
    CHECK(rule != nullptr);  // a task with another rule is never created
    const auto verdict = rule->judge(input, history);
    CHECK(verdict.has_value());
    VerdictRecord record = start_record(round, epoch);
    note_verdict(*verdict, record, round);
    if (verdict->is_cancelled) {
        store_record(execution, record);
        rounds::end_round(execution, round, Phase::kCancelled, schema::EndReason::kTooFewWeighted);
        return;
    }
    smpc::note_clip_norm(history, round.terms.clip_norm);
    execution.state.store(key, history);
    record.clip_next = next_clip(execution, round, input);
    store_record(execution, record);
    rounds::change_phase(execution, round, Phase::kAggregate);
    privacy::charge_sum(execution, round);
}

}  // namespace

std::size_t stat2_length(const RoundRecord& round) {
    const auto clients = static_cast<std::size_t>(std::popcount(round.passed));
    return smpc::Stat2Layout(mode_of(round), clients).length();
}

void store_early_verdict(Execution& execution, const RoundRecord& round, const EpochRecord& epoch) {
    VerdictRecord record = start_record(round, epoch);
    record.is_cancelled = true;
    store_record(execution, record);
}

void open_stat2(Execution& execution, RoundRecord& round) {
    const auto epoch = execution.state.load<EpochRecord>(keys::epoch(round.label.mpc_epoch));
    const smpc::Committee committee = committee_of(epoch);
    const SharePosts posts =
        load_posts(execution.state, heard_of(epoch, round.stat2_posters),
                   [&](std::uint16_t member) { return keys::stat2(round.label.round, member); });
    const auto opening = smpc::open_shares(committee, posts.spans());
    if (!opening) return;
    for (const smpc::Fault& fault : opening->faults) {
        report_fault(execution, schema::action::kStat2, round.label, fault);
    }
    round.stat2_base.assign(opening->base.begin(), opening->base.end());
    const auto clients = static_cast<std::size_t>(std::popcount(round.passed));
    std::vector<std::int64_t> statistics =
        smpc::read_stat2(smpc::Stat2Layout(mode_of(round), clients), opening->values);
    emit_statistics(execution, round, statistics);
    judge_round(execution, round, epoch, make_input(round, committee, std::move(statistics)));
}

}  // namespace consilium::contracts::verification
