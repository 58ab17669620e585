// The state before and after each block, compared with the rule.
#include "tests/simulation/mpc/change_checks.hpp"

#include <algorithm>

#include "contracts/schema/limits.hpp"
#include "contracts/schema/modules.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace keys = schema::keys;
using schema::BatchState;
using schema::MembershipRecord;
using schema::Phase;
using schema::RoundRecord;

[[nodiscard]] MembershipRecord membership_in(const StateReader& state) {
    return read_record<MembershipRecord>(state, keys::membership()).value();
}

// The attempt that is under way, if one is.
[[nodiscard]] std::optional<RoundRecord> open_attempt(const StateReader& state) {
    auto round = current_round(state);
    if (!round || round->phase == Phase::kAborted) return std::nullopt;
    return round;
}

// Shares of its statistics may be out: only its own committee can end it.
[[nodiscard]] bool is_bound(const std::optional<RoundRecord>& round) {
    return round && schema::phase_order(round->phase) >= schema::phase_order(Phase::kCoinTest);
}

[[nodiscard]] bool has_ended(std::span<const Event> events, const schema::RoundLabel& label,
                             std::uint16_t kind, schema::EndReason reason) {
    const schema::RoundEnded expected{label, reason};
    return std::any_of(events.begin(), events.end(), [&](const Event& one) {
        return one.module == static_cast<std::uint16_t>(schema::Module::kRounds) &&
               one.kind == kind && one.payload == encode(expected);
    });
}

}  // namespace

void ChangeChecks::fail(const Executed& block, const std::string& what) const {
    fail_("M15: " + what + " at height " + std::to_string(block.height.value));
}

void ChangeChecks::on_block(const Executed& block) {
    const MembershipRecord before = membership_in(block.before);
    const MembershipRecord after = membership_in(block.after);
    if (after.epoch != before.epoch) {
        check_changed(block, before, after);
    } else if (before.pending && before.pending == after.pending) {
        check_due(block, *before.pending);
    }
    check_committee(block, after);
}

// It has not happened: its time has not come, or a round stands where it must be waited for.
void ChangeChecks::check_due(const Executed& block, const schema::ChangeValidators& change) {
    if (block.height < change.activation) return;
    const auto round = open_attempt(block.after);
    if (!is_bound(round)) return fail(block, "a due change of the validators does not happen");
    if (block.height > change.activation) return;
    ++counts_["changes_waiting"];
    ++counts_["changes_in_" + std::string(schema::to_string(round->phase))];
}

void ChangeChecks::check_changed(const Executed& block, const MembershipRecord& before,
                                 const MembershipRecord& after) {
    if (!before.pending || block.height < before.pending->activation) {
        return fail(block, "the validators change before the height that was voted on");
    }
    if (after.validators != before.pending->validators || after.pending) {
        return fail(block, "the validators are not those that were voted on");
    }
    check_attempt(block);
    check_old_epoch(block);
}

void ChangeChecks::check_attempt(const Executed& block) {
    if (open_attempt(block.after)) return fail(block, "a round is open across a change");
    const auto round = open_attempt(block.before);
    if (!round) {
        ++counts_["changes_between"];
        return;
    }
    // One that was bound has ended by itself, with its result or cancelled: M4 looks at that.
    if (is_bound(round)) return;
    const bool is_restarted = has_ended(block.events, round->label, schema::event::kRoundAborted,
                                        schema::EndReason::kMembershipChanged);
    const auto left = current_round(block.after);
    const bool has_failed =
        !left || (left->phase == Phase::kAborted && left->label == round->label &&
                  left->reason != schema::EndReason::kMembershipChanged);
    if (is_restarted == has_failed) return fail(block, "an attempt before COIN_T has another end");
    ++counts_["changes_restarting"];
    ++counts_["changes_in_" + std::string(schema::to_string(round->phase))];
}

// Nothing of the old epoch is used any more, and another one has begun.
void ChangeChecks::check_old_epoch(const Executed& block) {
    const auto old = current_epoch(block.before);
    if (!old) return;
    const auto now = current_epoch(block.after);
    if (!now || now->mpc_epoch <= old->mpc_epoch) {
        return fail(block, "no new MPC epoch is opened with the new validators");
    }
    for (std::uint64_t number = 0; number < old->next_batch; ++number) {
        const auto batch =
            read_record<schema::BatchRecord>(block.after, keys::batch({old->mpc_epoch, number}));
        const bool is_over = !batch || batch->state == BatchState::kConsumed ||
                             batch->state == BatchState::kVoid ||
                             batch->state == BatchState::kBurned;
        if (!is_over) fail(block, "batch " + std::to_string(number) + " outlives its epoch");
    }
}

// There is never a moment at which a committee and the chain's validators differ.
void ChangeChecks::check_committee(const Executed& block, const MembershipRecord& record) {
    const auto epoch = current_epoch(block.after);
    if (!epoch) return;
    std::vector<PublicKey> expected;
    for (const schema::Validator& validator : record.validators) {
        if (expected.size() < schema::kMaxCommittee) expected.push_back(validator.key);
    }
    if (epoch->members != expected) fail(block, "the committee is not the chain's validators");
    const auto round = open_attempt(block.after);
    if (round && round->label.mpc_epoch != epoch->mpc_epoch) {
        fail(block, "a round of an MPC epoch that is over is open");
    }
}

}  // namespace consilium::simulation
