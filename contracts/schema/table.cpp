// The action and event tables, cost, and the blobs that transactions name.
#include "contracts/schema/table.hpp"

#include <algorithm>
#include <array>

#include "contracts/schema/arguments.hpp"
#include "core/codec.hpp"

namespace consilium::schema {
namespace {

constexpr std::string_view kRegistration = "registration";
constexpr std::string_view kGovernance = "governance";
constexpr std::string_view kRounds = "rounds";
constexpr std::string_view kSubmission = "submission";
constexpr std::string_view kVerification = "verification";
constexpr std::string_view kModels = "models";

constexpr RoleSet kCouncilOnly = role_bit(Role::kCouncil);
constexpr RoleSet kTrainerOnly = role_bit(Role::kTrainer);
constexpr RoleSet kValidatorOnly = role_bit(Role::kValidator);
constexpr RoleSet kCouncilOrOperator = kCouncilOnly | role_bit(Role::kOperator);
constexpr RoleSet kValidatorOrTrainer = kValidatorOnly | kTrainerOnly;
constexpr RoleSet kAnyButValidator = kCouncilOrOperator | kTrainerOnly | role_bit(Role::kAuditor);
constexpr Height kFromStart{1};

constexpr std::array kActions{
    ActionInfo{Module::kRegistration, action::kRegister, kRegistration, "register",
               kNoAccountNeeded, kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRegistration, action::kApprove, kRegistration, "approve", kCouncilOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRegistration, action::kReject, kRegistration, "reject", kCouncilOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRegistration, action::kSuspend, kRegistration, "suspend", kCouncilOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRegistration, action::kReinstate, kRegistration, "reinstate", kCouncilOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRegistration, action::kRetire, kRegistration, "retire", kAnyButValidator,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRegistration, action::kRotateKey, kRegistration, "rotate_key",
               kAnyButValidator, kFromStart, BlobKind::kNone, 2000},
    ActionInfo{Module::kRegistration, action::kInvite, kRegistration, "invite", kCouncilOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kGovernance, action::kPropose, kGovernance, "propose", kCouncilOnly,
               kFromStart, BlobKind::kReferenceSet, 2000},
    ActionInfo{Module::kGovernance, action::kVote, kGovernance, "vote", kCouncilOnly, kFromStart,
               BlobKind::kNone, 2000},
    ActionInfo{Module::kGovernance, action::kWithdraw, kGovernance, "withdraw", kCouncilOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kRounds, action::kOpenRound, kRounds, "open_round", kCouncilOrOperator,
               kFromStart, BlobKind::kNone, 500},
    ActionInfo{Module::kSubmission, action::kPledge, kSubmission, "pledge", kTrainerOnly,
               kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kSubmission, action::kSubmit, kSubmission, "submit", kTrainerOnly,
               kFromStart, BlobKind::kVector, 500},
    ActionInfo{Module::kSubmission, action::kRange, kSubmission, "range", kTrainerOnly, kFromStart,
               BlobKind::kVector, 500},
    ActionInfo{Module::kVerification, action::kEphemeralKey, kVerification, "ephemeral_key",
               kValidatorOrTrainer, kFromStart, BlobKind::kNone, 200},
    ActionInfo{Module::kVerification, action::kKeyCommit, kVerification, "key_commit",
               kValidatorOnly, kFromStart, BlobKind::kCiphertext, 1000},
    ActionInfo{Module::kVerification, action::kKeyAck, kVerification, "key_ack", kValidatorOnly,
               kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kClientKeys, kVerification, "client_keys",
               kValidatorOnly, kFromStart, BlobKind::kCiphertext, 500},
    ActionInfo{Module::kVerification, action::kPrepShare, kVerification, "prep_share",
               kValidatorOnly, kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kPrepWeights, kVerification, "prep_w", kValidatorOnly,
               kFromStart, BlobKind::kVector, 5000},
    ActionInfo{Module::kVerification, action::kPrepCheck, kVerification, "prep_check",
               kValidatorOnly, kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kPrepReveal, kVerification, "prep_reveal",
               kValidatorOnly, kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kCoinShare, kVerification, "coin_share",
               kValidatorOnly, kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kStat1, kVerification, "stat1", kValidatorOnly,
               kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kStat2, kVerification, "stat2", kValidatorOnly,
               kFromStart, BlobKind::kNone, 1000},
    ActionInfo{Module::kVerification, action::kAggregate, kVerification, "aggregate",
               kValidatorOnly, kFromStart, BlobKind::kVector, 5000},
    ActionInfo{Module::kVerification, action::kAggregateOk, kVerification, "aggregate_ok",
               kValidatorOnly, kFromStart, BlobKind::kNone, 5000},
    ActionInfo{Module::kVerification, action::kReference, kVerification, "reference",
               kValidatorOnly, kFromStart, BlobKind::kIntegers, 500},
    ActionInfo{Module::kVerification, action::kVoidEpoch, kVerification, "void_epoch",
               kValidatorOnly, kFromStart, BlobKind::kNone, 500},
    ActionInfo{Module::kModels, action::kReportMetrics, kModels, "report_metrics", kTrainerOnly,
               kFromStart, BlobKind::kNone, 200},
};

constexpr std::array kEvents{
    EventInfo{Module::kRegistration, event::kAccountRegistered, kRegistration,
              "account_registered"},
    EventInfo{Module::kRegistration, event::kAccountStatus, kRegistration, "account_status"},
    EventInfo{Module::kRegistration, event::kBallotCast, kRegistration, "ballot_cast"},
    EventInfo{Module::kRegistration, event::kRotationAnnounced, kRegistration,
              "rotation_announced"},
    EventInfo{Module::kRegistration, event::kKeyRotated, kRegistration, "key_rotated"},
    EventInfo{Module::kRegistration, event::kAccountInvited, kRegistration, "account_invited"},
    EventInfo{Module::kGovernance, event::kProposalOpened, kGovernance, "proposal_opened"},
    EventInfo{Module::kGovernance, event::kVoteCast, kGovernance, "vote_cast"},
    EventInfo{Module::kGovernance, event::kProposalDecided, kGovernance, "proposal_decided"},
    EventInfo{Module::kGovernance, event::kMembershipAnnounced, kGovernance,
              "membership_announced"},
    EventInfo{Module::kGovernance, event::kMembershipCancelled, kGovernance,
              "membership_cancelled"},
    EventInfo{Module::kGovernance, event::kMembershipChanged, kGovernance, "membership_changed"},
    EventInfo{Module::kRounds, event::kTaskCreated, kRounds, "task_created"},
    EventInfo{Module::kRounds, event::kRoundOpened, kRounds, "round_opened"},
    EventInfo{Module::kRounds, event::kPhaseChanged, kRounds, "phase_changed"},
    EventInfo{Module::kRounds, event::kRoundAborted, kRounds, "round_aborted"},
    EventInfo{Module::kRounds, event::kRoundCancelled, kRounds, "round_cancelled"},
    EventInfo{Module::kRounds, event::kTaskFinished, kRounds, "task_finished"},
    EventInfo{Module::kRounds, event::kPrivacySpent, kRounds, "privacy_spent"},
    EventInfo{Module::kSubmission, event::kUpdatePledged, kSubmission, "update_pledged"},
    EventInfo{Module::kSubmission, event::kUpdateSubmitted, kSubmission, "update_submitted"},
    EventInfo{Module::kSubmission, event::kSubmissionsClosed, kSubmission, "submissions_closed"},
    EventInfo{Module::kSubmission, event::kRangeProved, kSubmission, "range_proved"},
    EventInfo{Module::kVerification, event::kEpochOpened, kVerification, "epoch_opened"},
    EventInfo{Module::kVerification, event::kEpochActive, kVerification, "epoch_active"},
    EventInfo{Module::kVerification, event::kEpochEnded, kVerification, "epoch_ended"},
    EventInfo{Module::kVerification, event::kAbsent, kVerification, "absent"},
    EventInfo{Module::kVerification, event::kPrepOpened, kVerification, "prep_opened"},
    EventInfo{Module::kVerification, event::kBatchState, kVerification, "batch_state"},
    EventInfo{Module::kVerification, event::kBatchDisputed, kVerification, "batch_disputed"},
    EventInfo{Module::kVerification, event::kFault, kVerification, "fault"},
    EventInfo{Module::kVerification, event::kEquivocation, kVerification, "equivocation"},
    EventInfo{Module::kVerification, event::kStatistics, kVerification, "statistics"},
    EventInfo{Module::kVerification, event::kVerdict, kVerification, "verdict"},
    EventInfo{Module::kVerification, event::kResult, kVerification, "result"},
    EventInfo{Module::kVerification, event::kAggregateFallback, kVerification,
              "aggregate_fallback"},
    EventInfo{Module::kVerification, event::kExcluded, kVerification, "excluded"},
    EventInfo{Module::kVerification, event::kEpochHalted, kVerification, "epoch_halted"},
    EventInfo{Module::kVerification, event::kEpochVoid, kVerification, "epoch_void"},
    EventInfo{Module::kVerification, event::kSeed, kVerification, "seed"},
    EventInfo{Module::kVerification, event::kRangesClosed, kVerification, "ranges_closed"},
    EventInfo{Module::kVerification, event::kReferenceFixed, kVerification, "reference_fixed"},
    EventInfo{Module::kModels, event::kModelRegistered, kModels, "model_registered"},
    EventInfo{Module::kModels, event::kMetricsReported, kModels, "metrics_reported"},
    EventInfo{Module::kModels, event::kModelPromoted, kModels, "model_promoted"},
    EventInfo{Module::kModels, event::kModelRolledBack, kModels, "model_rolled_back"},
};

constexpr std::uint64_t kCheapestCost = 200;
constexpr std::uint64_t kBytesPerCostUnit = 64;

template <typename Arguments>
std::optional<BlobReference> reference_of(const Bytes& arguments, BlobKind kind,
                                          BlobName Arguments::*member) {
    const auto decoded = decode<Arguments>(arguments);
    if (!decoded) return std::nullopt;
    const BlobName& name = (*decoded).*member;
    return BlobReference{name.sha256, name.length, kind};
}

// What a client sends for the batch of its attempt.
template <typename Arguments>
std::optional<BlobReference> client_reference_of(const Bytes& arguments, BlobKind kind,
                                                 BlobName Arguments::*member) {
    const auto decoded = decode<Arguments>(arguments);
    if (!decoded) return std::nullopt;
    const BlobName& name = (*decoded).*member;
    const BatchLabel batch{decoded->label.mpc_epoch, decoded->label.batch};
    return BlobReference{name.sha256, name.length, kind, batch};
}

// Of the proposals only the one to approve a reference set names a blob.
std::optional<BlobReference> proposed_blob(const Bytes& arguments, BlobKind kind) {
    const auto propose = decode<Propose>(arguments);
    if (!propose || propose->kind != ProposalKind::kApproveReferenceSet) return std::nullopt;
    return reference_of<ReferenceSetApproval>(propose->payload, kind, &ReferenceSetApproval::blob);
}

}  // namespace

std::span<const ActionInfo> action_table() {
    return kActions;
}

const ActionInfo* find_action(std::uint16_t module, std::uint16_t action) {
    const auto found = std::find_if(kActions.begin(), kActions.end(), [&](const ActionInfo& info) {
        return static_cast<std::uint16_t>(info.module) == module && info.action == action;
    });
    return found == kActions.end() ? nullptr : &*found;
}

const ActionInfo* find_action(std::string_view module, std::string_view action) {
    const auto found = std::find_if(kActions.begin(), kActions.end(), [&](const ActionInfo& info) {
        return info.module_name == module && info.name == action;
    });
    return found == kActions.end() ? nullptr : &*found;
}

std::span<const EventInfo> event_table() {
    return kEvents;
}

const EventInfo* find_event(std::uint16_t module, std::uint16_t kind) {
    const auto found = std::find_if(kEvents.begin(), kEvents.end(), [&](const EventInfo& info) {
        return static_cast<std::uint16_t>(info.module) == module && info.kind == kind;
    });
    return found == kEvents.end() ? nullptr : &*found;
}

std::uint64_t transaction_cost(const Transaction& transaction) {
    const ActionInfo* info = find_action(transaction.module, transaction.action);
    return (info == nullptr ? kCheapestCost : info->cost) +
           transaction.arguments.size() / kBytesPerCostUnit;
}

std::optional<BlobReference> blob_reference(const Transaction& transaction) {
    const ActionInfo* info = find_action(transaction.module, transaction.action);
    if (info == nullptr || info->blob == BlobKind::kNone) return std::nullopt;
    const Bytes& arguments = transaction.arguments;
    if (info->module == Module::kSubmission && info->action == action::kRange) {
        return client_reference_of<Range>(arguments, info->blob, &Range::proof);
    }
    if (info->module == Module::kSubmission) {
        return client_reference_of<Submit>(arguments, info->blob, &Submit::update);
    }
    if (info->module == Module::kGovernance) return proposed_blob(arguments, info->blob);
    CHECK(info->module == Module::kVerification);
    if (info->action == action::kReference) {
        return reference_of<ReferenceUpdate>(arguments, info->blob, &ReferenceUpdate::update);
    }
    if (info->action == action::kKeyCommit) {
        return reference_of<KeyCommit>(arguments, info->blob, &KeyCommit::ciphertexts);
    }
    if (info->action == action::kClientKeys) {
        return reference_of<ClientKeys>(arguments, info->blob, &ClientKeys::ciphertexts);
    }
    if (info->action == action::kPrepWeights) {
        return reference_of<PrepWeights>(arguments, info->blob, &PrepWeights::share);
    }
    CHECK(info->action == action::kAggregate);
    return reference_of<Aggregate>(arguments, info->blob, &Aggregate::share);
}

}  // namespace consilium::schema
