// Names of the schema's enumerations, and look-up of keys in an epoch.
#include "contracts/schema/modules.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "core/check.hpp"

namespace consilium::schema {

std::string_view to_string(Role role) {
    switch (role) {
        case Role::kValidator:
            return "validator";
        case Role::kCouncil:
            return "council";
        case Role::kOperator:
            return "operator";
        case Role::kTrainer:
            return "trainer";
        case Role::kAuditor:
            return "auditor";
    }
    UNREACHABLE();
}

std::string_view to_string(AccountStatus status) {
    switch (status) {
        case AccountStatus::kPending:
            return "pending";
        case AccountStatus::kApproved:
            return "approved";
        case AccountStatus::kSuspended:
            return "suspended";
        case AccountStatus::kRetired:
            return "retired";
        case AccountStatus::kRejected:
            return "rejected";
        case AccountStatus::kRotated:
            return "rotated";
    }
    UNREACHABLE();
}

std::string_view to_string(ModelKind kind) {
    switch (kind) {
        case ModelKind::kLogistic:
            return "logistic";
        case ModelKind::kMlp:
            return "mlp";
    }
    UNREACHABLE();
}

std::string_view to_string(Schedule schedule) {
    switch (schedule) {
        case Schedule::kAutomatic:
            return "automatic";
        case Schedule::kManual:
            return "manual";
    }
    UNREACHABLE();
}

std::string_view to_string(Mode mode) {
    switch (mode) {
        case Mode::kPairwise:
            return "pairwise";
        case Mode::kSum:
            return "sum";
    }
    UNREACHABLE();
}

std::string_view to_string(ProposalKind kind) {
    switch (kind) {
        case ProposalKind::kCreateTask:
            return "create_task";
        case ProposalKind::kSetParameters:
            return "set_parameters";
        case ProposalKind::kCancelRound:
            return "cancel_round";
        case ProposalKind::kAbortRound:
            return "abort_round";
        case ProposalKind::kOpenMpcEpoch:
            return "open_mpc_epoch";
        case ProposalKind::kCloseTask:
            return "close_task";
        case ProposalKind::kPromoteModel:
            return "promote_model";
        case ProposalKind::kRollBackModel:
            return "roll_back_model";
        case ProposalKind::kApproveReferenceSet:
            return "approve_reference_set";
        case ProposalKind::kSetDataWeights:
            return "set_data_weights";
        case ProposalKind::kChangeValidators:
            return "change_validators";
        case ProposalKind::kCancelValidatorChange:
            return "cancel_validator_change";
        case ProposalKind::kSetRule:
            return "set_rule";
    }
    UNREACHABLE();
}

std::string_view to_string(ProposalStatus status) {
    switch (status) {
        case ProposalStatus::kOpen:
            return "open";
        case ProposalStatus::kExecuted:
            return "executed";
        case ProposalStatus::kFailed:
            return "failed";
        case ProposalStatus::kRejected:
            return "rejected";
        case ProposalStatus::kExpired:
            return "expired";
        case ProposalStatus::kWithdrawn:
            return "withdrawn";
    }
    UNREACHABLE();
}

std::string_view to_string(TaskStatus status) {
    switch (status) {
        case TaskStatus::kActive:
            return "active";
        case TaskStatus::kFinished:
            return "finished";
        case TaskStatus::kClosed:
            return "closed";
    }
    UNREACHABLE();
}

std::string_view to_string(EpochPhase phase) {
    switch (phase) {
        case EpochPhase::kEphemeralKeys:
            return "ephemeral_keys";
        case EpochPhase::kCommitments:
            return "commitments";
        case EpochPhase::kActive:
            return "active";
        case EpochPhase::kEnded:
            return "ended";
    }
    UNREACHABLE();
}

std::string_view to_string(BatchState state) {
    switch (state) {
        case BatchState::kPosting:
            return "posting";
        case BatchState::kCertified:
            return "certified";
        case BatchState::kAssigned:
            return "assigned";
        case BatchState::kConsumed:
            return "consumed";
        case BatchState::kVoid:
            return "void";
        case BatchState::kSacrifice:
            return "sacrifice";
        case BatchState::kDisputed:
            return "disputed";
        case BatchState::kBurned:
            return "burned";
    }
    UNREACHABLE();
}

std::string_view to_string(DisputeKind kind) {
    switch (kind) {
        case DisputeKind::kShares:
            return "shares";
        case DisputeKind::kCheck:
            return "check";
    }
    UNREACHABLE();
}

std::string_view to_string(CoinKind kind) {
    switch (kind) {
        case CoinKind::kChi:
            return "chi";
        case CoinKind::kRange:
            return "range";
        case CoinKind::kTest:
            return "test";
    }
    UNREACHABLE();
}

std::string_view to_string(Phase phase) {
    switch (phase) {
        case Phase::kSubmitting:
            return "submitting";
        case Phase::kStat1:
            return "stat1";
        case Phase::kStat2:
            return "stat2";
        case Phase::kCoinRange:
            return "coin_range";
        case Phase::kRanging:
            return "ranging";
        case Phase::kCoinTest:
            return "coin_test";
        case Phase::kAggregate:
            return "aggregate";
        case Phase::kResult:
            return "result";
        case Phase::kAborted:
            return "aborted";
        case Phase::kCancelled:
            return "cancelled";
    }
    UNREACHABLE();
}

int phase_order(Phase phase) {
    switch (phase) {
        case Phase::kSubmitting:
            return 1;
        case Phase::kCoinRange:
            return 2;
        case Phase::kRanging:
            return 3;
        case Phase::kCoinTest:
            return 4;
        case Phase::kStat1:
            return 5;
        case Phase::kStat2:
            return 6;
        case Phase::kAggregate:
            return 7;
        case Phase::kResult:
        case Phase::kAborted:
        case Phase::kCancelled:
            return 8;
    }
    UNREACHABLE();
}

std::string_view to_string(EndReason reason) {
    switch (reason) {
        case EndReason::kNone:
            return "none";
        case EndReason::kTooFewSubmitted:
            return "too_few_submitted";
        case EndReason::kCouncil:
            return "council";
        case EndReason::kTooFewPassed:
            return "too_few_passed";
        case EndReason::kTooFewWeighted:
            return "too_few_weighted";
        case EndReason::kOverflow:
            return "overflow";
        case EndReason::kTooManyAttempts:
            return "too_many_attempts";
        case EndReason::kTaskClosed:
            return "task_closed";
        case EndReason::kTooFewRanged:
            return "too_few_ranged";
        case EndReason::kNoReference:
            return "no_reference";
        case EndReason::kEpochHalted:
            return "epoch_halted";
        case EndReason::kMembershipChanged:
            return "membership_changed";
        case EndReason::kChainSetBack:
            return "chain_set_back";
    }
    UNREACHABLE();
}

std::string_view to_string(ClientCode code) {
    switch (code) {
        case ClientCode::kOk:
            return "OK";
        case ClientCode::kNoSubmit:
            return "NO_SUBMIT";
        case ClientCode::kNoRange:
            return "NO_RANGE";
        case ClientCode::kRangeFail:
            return "RANGE_FAIL";
        case ClientCode::kNormFail:
            return "NORM_FAIL";
        case ClientCode::kNull:
            return "NULL";
        case ClientCode::kRef:
            return "REF";
        case ClientCode::kAgree:
            return "AGREE";
        case ClientCode::kLoo:
            return "LOO";
    }
    UNREACHABLE();
}

namespace {

std::optional<std::uint16_t> position_from_one(const std::vector<PublicKey>& keys,
                                               const PublicKey& key) {
    const auto found = std::find(keys.begin(), keys.end(), key);
    if (found == keys.end()) return std::nullopt;
    return static_cast<std::uint16_t>(found - keys.begin() + 1);
}

}  // namespace

std::optional<std::uint16_t> EpochRecord::find_member(const PublicKey& key) const {
    return position_from_one(members, key);
}

std::optional<std::uint16_t> EpochRecord::find_slot(const PublicKey& key) const {
    return position_from_one(clients, key);
}

}  // namespace consilium::schema
