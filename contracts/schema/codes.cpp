// Names of the result codes.
#include "contracts/schema/codes.hpp"

#include <array>

#include "core/check.hpp"

namespace consilium::schema {
namespace {

struct CodeName {
    Code code;
    std::string_view name;
};

constexpr std::array kCodes{
    CodeName{Code::kOk, "ok"},
    CodeName{Code::kWrongChain, "wrong_chain"},
    CodeName{Code::kWrongGenesis, "wrong_genesis"},
    CodeName{Code::kExpired, "expired"},
    CodeName{Code::kExpiryTooFar, "expiry_too_far"},
    CodeName{Code::kNonceUsed, "nonce_used"},
    CodeName{Code::kNonceGap, "nonce_gap"},
    CodeName{Code::kUnknownAccount, "unknown_account"},
    CodeName{Code::kAccountNotActive, "account_not_active"},
    CodeName{Code::kQuotaExceeded, "quota_exceeded"},
    CodeName{Code::kBlockFull, "block_full"},
    CodeName{Code::kBadSignature, "bad_signature"},
    CodeName{Code::kUnknownAction, "unknown_action"},
    CodeName{Code::kActionInactive, "action_inactive"},
    CodeName{Code::kBadArguments, "bad_arguments"},
    CodeName{Code::kRoleNotAllowed, "role_not_allowed"},
    CodeName{Code::kWrongPhase, "wrong_phase"},
    CodeName{Code::kWrongLabel, "wrong_label"},
    CodeName{Code::kDuplicate, "duplicate"},
    CodeName{Code::kEquivocation, "equivocation"},
    CodeName{Code::kNameInvalid, "name_invalid"},
    CodeName{Code::kNameTaken, "name_taken"},
    CodeName{Code::kAlreadyRegistered, "already_registered"},
    CodeName{Code::kPendingFull, "pending_full"},
    CodeName{Code::kRoleTaken, "role_taken"},
    CodeName{Code::kUnknownTarget, "unknown_target"},
    CodeName{Code::kWrongStatus, "wrong_status"},
    CodeName{Code::kAlreadyVoted, "already_voted"},
    CodeName{Code::kValidatorFixed, "validator_fixed"},
    CodeName{Code::kClientsFull, "clients_full"},
    CodeName{Code::kCouncilTooSmall, "council_too_small"},
    CodeName{Code::kRoleNotRegistrable, "role_not_registrable"},
    CodeName{Code::kSuccessorKnown, "successor_known"},
    CodeName{Code::kSuccessorUnproven, "successor_unproven"},
    CodeName{Code::kInvitationsFull, "invitations_full"},
    CodeName{Code::kUnknownProposal, "unknown_proposal"},
    CodeName{Code::kProposalClosed, "proposal_closed"},
    CodeName{Code::kProposalsFull, "proposals_full"},
    CodeName{Code::kBadPayload, "bad_payload"},
    CodeName{Code::kNotProposer, "not_proposer"},
    CodeName{Code::kParameterOutOfBounds, "parameter_out_of_bounds"},
    CodeName{Code::kMembershipOutdated, "membership_outdated"},
    CodeName{Code::kMembershipPending, "membership_pending"},
    CodeName{Code::kMembershipUnchanged, "membership_unchanged"},
    CodeName{Code::kTooFewValidators, "too_few_validators"},
    CodeName{Code::kValidatorTwice, "validator_twice"},
    CodeName{Code::kNotAValidatorKey, "not_a_validator_key"},
    CodeName{Code::kWrongOrganisation, "wrong_organisation"},
    CodeName{Code::kAddressInvalid, "address_invalid"},
    CodeName{Code::kTooManyLeave, "too_many_leave"},
    CodeName{Code::kTooManyJoin, "too_many_join"},
    CodeName{Code::kActivationTooSoon, "activation_too_soon"},
    CodeName{Code::kActivationTooLate, "activation_too_late"},
    CodeName{Code::kNoMembershipPending, "no_membership_pending"},
    CodeName{Code::kUnknownTask, "unknown_task"},
    CodeName{Code::kTaskNotActive, "task_not_active"},
    CodeName{Code::kTaskInvalid, "task_invalid"},
    CodeName{Code::kRoundRunning, "round_running"},
    CodeName{Code::kNoCertifiedBatch, "no_certified_batch"},
    CodeName{Code::kUnknownRound, "unknown_round"},
    CodeName{Code::kNotManual, "not_manual"},
    CodeName{Code::kTooFewClients, "too_few_clients"},
    CodeName{Code::kTasksFull, "tasks_full"},
    CodeName{Code::kTooLateToAbort, "too_late_to_abort"},
    CodeName{Code::kNotAClient, "not_a_client"},
    CodeName{Code::kPledgeMissing, "pledge_missing"},
    CodeName{Code::kPledgeMismatch, "pledge_mismatch"},
    CodeName{Code::kWrongLength, "wrong_length"},
    CodeName{Code::kNotSubmitted, "not_submitted"},
    CodeName{Code::kNotAMember, "not_a_member"},
    CodeName{Code::kNoEphemeralKey, "no_ephemeral_key"},
    CodeName{Code::kWrongLeader, "wrong_leader"},
    CodeName{Code::kUnknownSubset, "unknown_subset"},
    CodeName{Code::kWrongCommitment, "wrong_commitment"},
    CodeName{Code::kWordOutOfRange, "word_out_of_range"},
    CodeName{Code::kBlobTooLong, "blob_too_long"},
    CodeName{Code::kMemberExcluded, "member_excluded"},
    CodeName{Code::kUnknownModel, "unknown_model"},
    CodeName{Code::kMetricOutOfRange, "metric_out_of_range"},
};

}  // namespace

std::string_view to_string(Code code) {
    for (const CodeName& entry : kCodes) {
        if (entry.code == code) return entry.name;
    }
    UNREACHABLE();
}

std::optional<Code> find_code(std::uint16_t number) {
    for (const CodeName& entry : kCodes) {
        if (static_cast<std::uint16_t>(entry.code) == number) return entry.code;
    }
    return std::nullopt;
}

}  // namespace consilium::schema
