// Numbers of modules, actions and events, and the roles of accounts. Never reused.
#pragma once
#include <cstdint>
#include <string_view>

namespace consilium::schema {

enum class Module : std::uint16_t {
    kRegistration = 1,
    kGovernance = 2,
    kRounds = 3,
    kSubmission = 4,
    kVerification = 5,
    kModels = 6,
};

namespace action {
inline constexpr std::uint16_t kRegister = 1;  // registration
inline constexpr std::uint16_t kApprove = 2;
inline constexpr std::uint16_t kReject = 3;
inline constexpr std::uint16_t kSuspend = 4;
inline constexpr std::uint16_t kReinstate = 5;
inline constexpr std::uint16_t kRetire = 6;
inline constexpr std::uint16_t kRotateKey = 7;
inline constexpr std::uint16_t kInvite = 8;
inline constexpr std::uint16_t kPropose = 1;  // governance
inline constexpr std::uint16_t kVote = 2;
inline constexpr std::uint16_t kWithdraw = 3;
inline constexpr std::uint16_t kOpenRound = 1;  // rounds
inline constexpr std::uint16_t kPledge = 1;     // submission
inline constexpr std::uint16_t kSubmit = 2;
inline constexpr std::uint16_t kRange = 3;
inline constexpr std::uint16_t kEphemeralKey = 1;  // verification
inline constexpr std::uint16_t kKeyCommit = 2;
inline constexpr std::uint16_t kKeyAck = 3;
inline constexpr std::uint16_t kClientKeys = 4;
inline constexpr std::uint16_t kPrepShare = 5;
inline constexpr std::uint16_t kPrepWeights = 6;
inline constexpr std::uint16_t kPrepCheck = 7;
inline constexpr std::uint16_t kPrepReveal = 8;
inline constexpr std::uint16_t kCoinShare = 9;
inline constexpr std::uint16_t kStat1 = 10;
inline constexpr std::uint16_t kStat2 = 11;
inline constexpr std::uint16_t kAggregate = 12;
inline constexpr std::uint16_t kAggregateOk = 13;
inline constexpr std::uint16_t kReference = 14;
inline constexpr std::uint16_t kVoidEpoch = 15;
inline constexpr std::uint16_t kReportMetrics = 1;  // models
}  // namespace action

namespace event {
inline constexpr std::uint16_t kAccountRegistered = 1;  // registration
inline constexpr std::uint16_t kAccountStatus = 2;
inline constexpr std::uint16_t kBallotCast = 3;
inline constexpr std::uint16_t kRotationAnnounced = 4;
inline constexpr std::uint16_t kKeyRotated = 5;
inline constexpr std::uint16_t kAccountInvited = 6;
inline constexpr std::uint16_t kProposalOpened = 1;  // governance
inline constexpr std::uint16_t kVoteCast = 2;
inline constexpr std::uint16_t kProposalDecided = 3;
inline constexpr std::uint16_t kMembershipAnnounced = 4;
inline constexpr std::uint16_t kMembershipCancelled = 5;
inline constexpr std::uint16_t kMembershipChanged = 6;
inline constexpr std::uint16_t kTaskCreated = 1;  // rounds
inline constexpr std::uint16_t kRoundOpened = 2;
inline constexpr std::uint16_t kPhaseChanged = 3;
inline constexpr std::uint16_t kRoundAborted = 4;
inline constexpr std::uint16_t kRoundCancelled = 5;
inline constexpr std::uint16_t kTaskFinished = 6;
inline constexpr std::uint16_t kPrivacySpent = 7;
inline constexpr std::uint16_t kUpdatePledged = 1;  // submission
inline constexpr std::uint16_t kUpdateSubmitted = 2;
inline constexpr std::uint16_t kSubmissionsClosed = 3;
inline constexpr std::uint16_t kRangeProved = 4;
inline constexpr std::uint16_t kEpochOpened = 1;  // verification
inline constexpr std::uint16_t kEpochActive = 2;
inline constexpr std::uint16_t kEpochEnded = 3;
inline constexpr std::uint16_t kAbsent = 4;
inline constexpr std::uint16_t kPrepOpened = 5;
inline constexpr std::uint16_t kBatchState = 6;
inline constexpr std::uint16_t kBatchDisputed = 7;
inline constexpr std::uint16_t kFault = 8;
inline constexpr std::uint16_t kEquivocation = 9;
inline constexpr std::uint16_t kStatistics = 10;
inline constexpr std::uint16_t kVerdict = 11;
inline constexpr std::uint16_t kResult = 12;
inline constexpr std::uint16_t kAggregateFallback = 13;
inline constexpr std::uint16_t kExcluded = 14;
inline constexpr std::uint16_t kSeed = 15;
inline constexpr std::uint16_t kRangesClosed = 16;
inline constexpr std::uint16_t kReferenceFixed = 17;
inline constexpr std::uint16_t kEpochHalted = 18;
inline constexpr std::uint16_t kEpochVoid = 19;
inline constexpr std::uint16_t kModelRegistered = 1;  // models
inline constexpr std::uint16_t kMetricsReported = 2;
inline constexpr std::uint16_t kModelPromoted = 3;
inline constexpr std::uint16_t kModelRolledBack = 4;
}  // namespace event

enum class Role : std::uint8_t {
    kValidator = 1,
    kCouncil = 2,
    kOperator = 3,
    kTrainer = 4,
    kAuditor = 5,
};
[[nodiscard]] constexpr bool is_known(Role role) {
    return role >= Role::kValidator && role <= Role::kAuditor;
}
[[nodiscard]] std::string_view to_string(Role role);

enum class AccountStatus : std::uint8_t {
    kPending = 1,
    kApproved = 2,
    kSuspended = 3,
    kRetired = 4,
    kRejected = 5,
    kRotated = 6,  // its account has gone over to another key
};
[[nodiscard]] constexpr bool is_known(AccountStatus status) {
    return status >= AccountStatus::kPending && status <= AccountStatus::kRotated;
}
[[nodiscard]] std::string_view to_string(AccountStatus status);

// A set of roles as bits: bit r for role r.
using RoleSet = std::uint8_t;
[[nodiscard]] constexpr RoleSet role_bit(Role role) {
    return static_cast<RoleSet>(1U << static_cast<unsigned>(role));
}
inline constexpr RoleSet kNoAccountNeeded = 0;  // the action creates the account

}  // namespace consilium::schema
