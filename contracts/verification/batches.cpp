// States of mask batches.
#include "contracts/verification/batches.hpp"

#include <algorithm>

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/batch_states.hpp"
#include "contracts/verification/disputes.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/labels.hpp"
#include "contracts/verification/sacrifice.hpp"
#include "contracts/verification/shares.hpp"
#include "fl_engine/smpc/batch.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::BatchLabel;
using schema::BatchRecord;
using schema::BatchState;
using schema::Code;
using schema::EpochRecord;
namespace event = schema::event;
namespace keys = schema::keys;

bool is_preparation_over(const Execution& execution, const BatchRecord& batch) {
    return is_window_over(execution.parameters.preparation_window,
                          {batch.opened, batch.opened_time}, execution.block);
}

// P, Q and delta are fixed from now on; nobody knows whether the absent are silent or slow.
void begin_sacrifice(Execution& execution, const EpochRecord& epoch, BatchRecord& batch) {
    store_batch_state(execution, batch, BatchState::kSacrifice);
    for (std::uint16_t member = 1; member <= epoch.members.size(); ++member) {
        const bool has_posted = (batch.delta_posters & schema::member_bit(member)) != 0;
        if (has_posted || epoch.is_excluded(member)) continue;
        execution.emit(schema::Module::kVerification, event::kAbsent,
                       schema::Absent{epoch.mpc_epoch, 0, 0, member, batch.label.batch});
    }
}

// P3.
void decide(Execution& execution, const EpochRecord& epoch, BatchRecord& batch) {
    const auto heard = heard_of(epoch, batch.posters);
    const SharePosts posts = load_prep_shares(execution.state, batch, heard);
    const smpc::BatchDecision decision =
        smpc::decide_batch(committee_of(epoch), posts.spans(),
                           static_cast<std::uint32_t>(count_members(epoch.excluded)));
    batch.delta_posters = heard;
    batch.delta = decision.delta;
    switch (decision.outcome) {
        case smpc::BatchOutcome::kWait:
            return;
        case smpc::BatchOutcome::kIncomplete:
            if (is_preparation_over(execution, batch)) begin_sacrifice(execution, epoch, batch);
            return;
        case smpc::BatchOutcome::kCertified:
            return certify_batch(execution, batch);
        case smpc::BatchOutcome::kDisputed: {
            const smpc::BatchItems items(static_cast<std::uint32_t>(epoch.clients.size()));
            const smpc::BatchItem item = items.at(decision.bad_item);
            return open_dispute(
                execution, batch,
                {schema::DisputeKind::kShares, static_cast<std::uint16_t>(item.first),
                 static_cast<std::uint16_t>(item.second)});
        }
    }
    UNREACHABLE();
}

void check_late(Execution& execution, const EpochRecord& epoch, const BatchRecord& batch,
                const smpc::PostedShare& late) {
    const SharePosts posts = load_prep_shares(execution.state, batch, batch.delta_posters);
    const auto fault = smpc::check_late_delta(committee_of(epoch), posts.spans(), late);
    if (fault) {
        report_batch_fault(execution, schema::action::kPrepShare, batch.label, *fault);
    }
}

Code post_share(Execution& execution, const Sender& sender, const schema::PrepShare& arguments) {
    BatchPlace place;
    if (const Code code = find_batch_place(execution.state, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    BatchRecord& batch = place.batch;
    const bool is_posting = batch.state == BatchState::kPosting;
    // After a sacrifice only the value at 0 of the posted polynomial is proven: a comparison could
    // accuse an honest member.
    const bool is_late =
        (batch.state == BatchState::kCertified || batch.state == BatchState::kAssigned) &&
        !batch.was_sacrificed();
    const Bytes key = keys::prep_share(arguments.label, place.member);
    const auto stored = execution.state.find<schema::ShareRecord>(key);
    // Its own first share is compared in every state: another one is a contradiction.
    if (!is_posting && !is_late && !stored) return Code::kWrongPhase;
    const smpc::BatchItems items(static_cast<std::uint32_t>(place.epoch.clients.size()));
    const Code code = check_words(arguments.values, items.size());
    if (code != Code::kOk) return code;
    if (stored) {
        return compare_stored(execution, sender, schema::action::kPrepShare,
                              stored->values == arguments.values);
    }
    execution.state.store(key, schema::ShareRecord{arguments.values});
    batch.posters |= schema::member_bit(place.member);
    execution.state.store(keys::batch(arguments.label), batch);
    if (is_posting) {
        execution.posted_batches.insert(arguments.label.batch);
    } else {
        check_late(execution, place.epoch, batch, {place.member, arguments.values});
    }
    return Code::kOk;
}

void open_batch(Execution& execution, EpochRecord& epoch, std::uint64_t dimension) {
    BatchRecord batch;
    batch.label = {epoch.mpc_epoch, epoch.next_batch};
    batch.dimension = dimension;
    batch.opened = execution.block.height;
    batch.opened_time = execution.block.time;
    ++epoch.next_batch;
    epoch.live_batches.push_back(batch.label.batch);
    execution.state.store(keys::batch(batch.label), batch);
    execution.emit(schema::Module::kVerification, event::kPrepOpened,
                   schema::PrepOpened{batch.label, dimension});
}

// EXCLUDE takes effect: what is not decided yet is thrown away, because its decision would need
// another count of members; a dispute goes on.
void exclude(Execution& execution, EpochRecord& epoch,
             const std::vector<schema::ExclusionRecord>& liars) {
    const schema::MemberSet before = epoch.excluded;
    for (const schema::ExclusionRecord& liar : liars) {
        if (epoch.is_excluded(liar.member)) continue;  // two disputes of one block
        epoch.excluded |= schema::member_bit(liar.member);
        execution.state.store(keys::exclusion(epoch.mpc_epoch, liar.member), liar);
        execution.emit(schema::Module::kVerification, event::kExcluded, liar);
    }
    if (epoch.excluded == before) return;
    const std::vector<std::uint64_t> live = epoch.live_batches;
    for (const std::uint64_t number : live) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch.mpc_epoch, number}));
        const bool is_undecided =
            batch.state == BatchState::kPosting || batch.state == BatchState::kSacrifice;
        if (is_undecided) retire_batch(execution, epoch, batch, BatchState::kVoid);
    }
}

// The assumption of at most t liars is broken (or a dispute blamed nobody): nothing is opened in
// this epoch any more, until the council opens another one.
void halt_epoch(Execution& execution, EpochRecord& epoch) {
    epoch.is_halted = true;
    execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
    execution.emit(schema::Module::kVerification, event::kEpochHalted,
                   schema::EpochHalted{epoch.mpc_epoch, epoch.excluded});
    auto round = rounds::current_round(execution.state);
    if (round && round->label.mpc_epoch == epoch.mpc_epoch) {
        rounds::end_round(execution, *round, schema::Phase::kCancelled,
                          schema::EndReason::kEpochHalted);
    }
    epoch = execution.state.load<EpochRecord>(keys::epoch(epoch.mpc_epoch));
    void_batches(execution, epoch);
    execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
}

// Batches that the task may still need: its remaining rounds, and one for an attempt to come.
std::uint32_t wanted_batches(const Execution& execution, const schema::TaskRecord& task) {
    std::uint32_t wanted = task.spec.rounds - task.rounds_begun;
    const auto round = rounds::current_round(execution.state);
    if (round && round->phase == schema::Phase::kAborted) ++wanted;
    return std::min(wanted, execution.parameters.batch_stock);
}

}  // namespace

Code execute_prep_share(Execution& execution, const Sender& sender,
                        const Transaction& transaction) {
    return with_arguments<schema::PrepShare>(transaction.arguments, [&](const auto& arguments) {
        return post_share(execution, sender, arguments);
    });
}

void fire_batch_deadlines(Execution& execution) {
    const auto epoch = current_epoch(execution.state);
    if (!epoch || epoch->phase != schema::EpochPhase::kActive) return;
    for (const std::uint64_t number : epoch->live_batches) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch->mpc_epoch, number}));
        const bool is_due =
            batch.state == BatchState::kPosting && is_preparation_over(execution, batch);
        if (is_due) decide(execution, *epoch, batch);
    }
}

void settle_batches(Execution& execution) {
    auto epoch = current_epoch(execution.state);
    if (!epoch || epoch->phase != schema::EpochPhase::kActive) return;
    const EpochRecord before = *epoch;  // X of the start of the block
    std::vector<schema::ExclusionRecord> liars;
    bool has_computed = false;  // one piece of recomputation a block
    bool is_blameless = false;
    for (const std::uint64_t number : before.live_batches) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch->mpc_epoch, number}));
        const bool has_news = execution.posted_batches.contains(number);
        if (batch.state == BatchState::kPosting && has_news) {
            decide(execution, before, batch);
        } else if (batch.state == BatchState::kSacrifice && has_news) {
            advance_sacrifice(execution, before, batch);
        } else if (batch.state == BatchState::kDisputed) {
            const Judgement judgement = advance_dispute(execution, *epoch, batch, !has_computed);
            has_computed = has_computed || is_recomputing(execution.state, batch);
            has_computed = has_computed || judgement.is_done;
            is_blameless = is_blameless || (judgement.is_done && judgement.liars.empty());
            liars.insert(liars.end(), judgement.liars.begin(), judgement.liars.end());
        }
    }
    exclude(execution, *epoch, liars);
    if (*epoch != before) execution.state.store(keys::epoch(epoch->mpc_epoch), *epoch);
    const std::size_t tolerated = committee_of(*epoch).t();
    const bool is_broken = is_blameless || count_members(epoch->excluded) > tolerated;
    if (is_broken && !epoch->is_halted) halt_epoch(execution, *epoch);
}

void prepare_batches(Execution& execution) {
    const auto task = rounds::served_task(execution.state);
    auto epoch = current_epoch(execution.state);
    if (!task || !epoch || epoch->phase != schema::EpochPhase::kActive || epoch->is_halted) return;
    const EpochRecord before = *epoch;
    std::uint32_t stock = 0;
    bool has_dispute = false;
    for (const std::uint64_t number : before.live_batches) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch->mpc_epoch, number}));
        if (batch.state == BatchState::kAssigned) continue;
        if (batch.state == BatchState::kDisputed) {
            has_dispute = true;  // finishes: it names somebody
        } else if (batch.dimension == task->dimension) {
            ++stock;
        } else {
            retire_batch(execution, *epoch, batch, BatchState::kVoid);  // of an earlier task
        }
    }
    const std::uint32_t wanted = wanted_batches(execution, *task);
    // While it is open who lied, the same liar would spoil the next batch too.
    for (; !has_dispute && stock < wanted; ++stock) {
        if (epoch->live_batches.size() >= schema::kMaxLiveBatches) break;
        open_batch(execution, *epoch, task->dimension);
    }
    if (*epoch != before) execution.state.store(keys::epoch(epoch->mpc_epoch), *epoch);
}

std::optional<std::uint64_t> find_certified(const StateView& state, const EpochRecord& epoch,
                                            std::uint64_t dimension) {
    for (const std::uint64_t number : epoch.live_batches) {
        const auto batch = state.load<BatchRecord>(keys::batch({epoch.mpc_epoch, number}));
        if (batch.state == BatchState::kCertified && batch.dimension == dimension) return number;
    }
    return std::nullopt;
}

void assign_batch(Execution& execution, const BatchLabel& label, std::uint64_t round) {
    auto batch = execution.state.load<BatchRecord>(keys::batch(label));
    CHECK(batch.state == BatchState::kCertified);
    batch.round = round;
    store_batch_state(execution, batch, BatchState::kAssigned);
}

void consume_batch(Execution& execution, const BatchLabel& label) {
    auto batch = execution.state.load<BatchRecord>(keys::batch(label));
    CHECK(batch.state == BatchState::kAssigned);
    auto epoch = execution.state.load<EpochRecord>(keys::epoch(label.mpc_epoch));
    retire_batch(execution, epoch, batch, BatchState::kConsumed);
    execution.state.store(keys::epoch(label.mpc_epoch), epoch);
}

void void_batches(Execution& execution, EpochRecord& epoch) {
    const std::vector<std::uint64_t> live = epoch.live_batches;
    for (const std::uint64_t number : live) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch.mpc_epoch, number}));
        CHECK(batch.state != BatchState::kAssigned);
        retire_batch(execution, epoch, batch, BatchState::kVoid);
    }
}

}  // namespace consilium::contracts::verification
