// States of mask batches.
#include "contracts/verification/batches.hpp"

#include <algorithm>

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/labels.hpp"
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

SharePosts load_shares(const StateView& state, const BatchRecord& batch,
                       schema::MemberSet members) {
    return load_posts(state, members,
                      [&](std::uint16_t member) { return keys::prep_share(batch.label, member); });
}

void store_state(Execution& execution, BatchRecord& batch, BatchState state) {
    batch.state = state;
    execution.state.store(keys::batch(batch.label), batch);
    execution.emit(schema::Module::kVerification, event::kBatchState,
                   schema::BatchStateChanged{batch.label, state});
}

// The batch is over: its shares and opened values are of no further use.
void retire_batch(Execution& execution, BatchRecord& batch, BatchState state) {
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        execution.state.erase(keys::prep_share(batch.label, member));
    }
    batch.delta.clear();
    store_state(execution, batch, state);
}

void retire_in_epoch(Execution& execution, EpochRecord& epoch, BatchRecord& batch,
                     BatchState state) {
    retire_batch(execution, batch, state);
    std::erase(epoch.live_batches, batch.label.batch);
}

void decide(Execution& execution, EpochRecord& epoch, BatchRecord& batch) {
    const smpc::Committee committee = committee_of(epoch);
    const SharePosts posts = load_shares(execution.state, batch, batch.posters);
    const smpc::BatchDecision decision = smpc::decide_batch(committee, posts.spans(), 0);
    if (decision.outcome == smpc::BatchOutcome::kCertified) {
        batch.certified = execution.block.height;
        batch.certified_posters = batch.posters;
        batch.delta = decision.delta;
        store_state(execution, batch, BatchState::kCertified);
    } else if (decision.outcome == smpc::BatchOutcome::kDisputed) {
        const smpc::BatchItems items(static_cast<std::uint32_t>(epoch.clients.size()));
        const smpc::BatchItem item = items.at(decision.bad_item);
        execution.emit(schema::Module::kVerification, event::kBatchDisputed,
                       schema::BatchDisputed{batch.label, static_cast<std::uint16_t>(item.first),
                                             static_cast<std::uint16_t>(item.second)});
        retire_in_epoch(execution, epoch, batch, BatchState::kVoid);
        // Who lied is not known; without a pause one liar would keep everybody busy for ever.
        epoch.next_preparation =
            Height{execution.block.height.value + execution.parameters.preparation_window.blocks};
        execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
    }
}

void check_late(Execution& execution, const EpochRecord& epoch, const BatchRecord& batch,
                const smpc::PostedShare& late) {
    const SharePosts posts = load_shares(execution.state, batch, batch.certified_posters);
    const auto fault = smpc::check_late_delta(committee_of(epoch), posts.spans(), late);
    if (!fault) return;
    schema::FaultProved proof;
    proof.action = schema::action::kPrepShare;
    proof.label.mpc_epoch = batch.label.mpc_epoch;
    proof.label.batch = batch.label.batch;
    proof.member = static_cast<std::uint16_t>(fault->member);
    proof.coordinate = fault->coordinate;
    execution.emit(schema::Module::kVerification, event::kFault, proof);
}

Code post_share(Execution& execution, const Sender& sender, const schema::PrepShare& arguments) {
    const auto epoch = current_epoch(execution.state);
    if (!epoch || epoch->phase != schema::EpochPhase::kActive) return Code::kWrongPhase;
    if (arguments.label.mpc_epoch != epoch->mpc_epoch) return Code::kWrongLabel;
    const auto member = epoch->find_member(sender.key);
    if (!member) return Code::kNotAMember;
    auto batch = execution.state.find<BatchRecord>(keys::batch(arguments.label));
    if (!batch) return Code::kWrongLabel;
    const bool is_posting = batch->state == BatchState::kPosting;
    const bool is_late =
        batch->state == BatchState::kCertified || batch->state == BatchState::kAssigned;
    if (!is_posting && !is_late) return Code::kWrongPhase;
    const smpc::BatchItems items(static_cast<std::uint32_t>(epoch->clients.size()));
    const Code code = check_words(arguments.values, items.size());
    if (code != Code::kOk) return code;
    const Bytes key = keys::prep_share(arguments.label, *member);
    if (const auto stored = execution.state.find<schema::ShareRecord>(key)) {
        return compare_stored(execution, sender, schema::action::kPrepShare,
                              stored->values == arguments.values);
    }
    execution.state.store(key, schema::ShareRecord{arguments.values});
    batch->posters |= schema::member_bit(*member);
    execution.state.store(keys::batch(arguments.label), *batch);
    if (is_posting) {
        execution.posted_batches.insert(arguments.label.batch);
    } else {
        check_late(execution, *epoch, *batch, {*member, arguments.values});
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

void settle_batches(Execution& execution) {
    for (const std::uint64_t number : execution.posted_batches) {
        auto epoch = current_epoch(execution.state);
        CHECK(epoch.has_value());
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch->mpc_epoch, number}));
        if (batch.state == BatchState::kPosting) decide(execution, *epoch, batch);
    }
}

void prepare_batches(Execution& execution) {
    const auto task = rounds::served_task(execution.state);
    auto epoch = current_epoch(execution.state);
    if (!task || !epoch || epoch->phase != schema::EpochPhase::kActive) return;
    const EpochRecord before = *epoch;
    std::uint32_t stock = 0;
    for (const std::uint64_t number : before.live_batches) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch->mpc_epoch, number}));
        if (batch.state == BatchState::kAssigned) continue;
        if (batch.dimension == task->dimension) {
            ++stock;
        } else {
            retire_in_epoch(execution, *epoch, batch, BatchState::kVoid);  // of an earlier task
        }
    }
    const std::uint32_t wanted = wanted_batches(execution, *task);
    const bool may_open = execution.block.height >= epoch->next_preparation;
    for (; may_open && stock < wanted; ++stock) {
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
    store_state(execution, batch, BatchState::kAssigned);
}

void consume_batch(Execution& execution, const BatchLabel& label) {
    auto batch = execution.state.load<BatchRecord>(keys::batch(label));
    CHECK(batch.state == BatchState::kAssigned);
    auto epoch = execution.state.load<EpochRecord>(keys::epoch(label.mpc_epoch));
    retire_in_epoch(execution, epoch, batch, BatchState::kConsumed);
    execution.state.store(keys::epoch(label.mpc_epoch), epoch);
}

void void_batches(Execution& execution, EpochRecord& epoch) {
    const std::vector<std::uint64_t> live = epoch.live_batches;
    for (const std::uint64_t number : live) {
        auto batch = execution.state.load<BatchRecord>(keys::batch({epoch.mpc_epoch, number}));
        CHECK(batch.state != BatchState::kAssigned);
        retire_in_epoch(execution, epoch, batch, BatchState::kVoid);
    }
}

}  // namespace consilium::contracts::verification
