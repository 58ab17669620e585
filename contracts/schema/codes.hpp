// Stable result codes of transactions: what a receipt carries and what admission answers.
//
// 0 is success. 1-19 are admission codes: a transaction with one of them never stands in a valid
// block. The others are refusals inside a block: only the sender's nonce advances.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace consilium::schema {

enum class Code : std::uint16_t {
    kOk = 0,
    // Admission.
    kWrongChain = 1,
    kWrongGenesis = 2,
    kExpired = 3,
    kExpiryTooFar = 4,
    kNonceUsed = 5,  // a replay, or another transaction took this nonce
    kNonceGap = 6,
    kUnknownAccount = 7,
    kAccountNotActive = 8,
    kQuotaExceeded = 9,
    kBlockFull = 10,
    kBadSignature = 11,
    // Any module.
    kUnknownAction = 20,
    kActionInactive = 21,
    kBadArguments = 22,
    kRoleNotAllowed = 23,
    kWrongPhase = 24,
    kWrongLabel = 25,    // names another epoch, round, attempt or batch than the current one
    kDuplicate = 26,     // the same was already stored
    kEquivocation = 27,  // something else was already stored under the same label
    // Registration.
    kNameInvalid = 100,
    kNameTaken = 101,
    kAlreadyRegistered = 102,
    kPendingFull = 103,
    kRoleTaken = 104,  // the organisation already has an account of this role
    kUnknownTarget = 105,
    kWrongStatus = 106,
    kAlreadyVoted = 107,
    kValidatorFixed = 108,
    kClientsFull = 109,
    kCouncilTooSmall = 110,
    kRoleNotRegistrable = 111,  // no longer given: validators register, too
    kSuccessorKnown = 120,      // the new key has an account already
    kSuccessorUnproven = 121,   // it has not signed
    kInvitationsFull = 122,     // all of the sender's have become accounts that are not decided
    // Governance.
    kUnknownProposal = 200,
    kProposalClosed = 201,
    kProposalsFull = 202,
    kBadPayload = 203,
    kNotProposer = 204,
    kParameterOutOfBounds = 205,
    // Changes of the validators.
    kMembershipOutdated = 220,   // made for another membership epoch
    kMembershipPending = 221,    // a change has passed already and is not yet in force
    kMembershipUnchanged = 222,  // the list is what is in force
    kTooFewValidators = 223,
    kValidatorTwice = 224,     // a key or an organisation is named twice
    kNotAValidatorKey = 225,   // neither a validator nor registered as one to be
    kWrongOrganisation = 226,  // the key is registered for another name
    kAddressInvalid = 227,
    kTooManyLeave = 228,  // nobody who stays might hold what was agreed on
    kTooManyJoin = 229,   // those who stay are no quorum of the new list
    kActivationTooSoon = 230,
    kActivationTooLate = 231,
    kNoMembershipPending = 232,
    // Rounds.
    kUnknownTask = 300,
    kTaskNotActive = 301,
    kTaskInvalid = 302,
    kRoundRunning = 303,
    kNoCertifiedBatch = 304,
    kUnknownRound = 305,
    kNotManual = 306,
    kTooFewClients = 307,
    kTasksFull = 308,
    kTooLateToAbort = 309,
    // Submission.
    kNotAClient = 400,
    kPledgeMissing = 401,
    kPledgeMismatch = 402,
    kWrongLength = 403,
    kNotSubmitted = 404,
    // Verification.
    kNotAMember = 500,
    kNoEphemeralKey = 501,
    kWrongLeader = 502,
    kUnknownSubset = 503,
    kWrongCommitment = 504,
    kWordOutOfRange = 505,
    kBlobTooLong = 506,
    kMemberExcluded = 510,  // a proven liar of this epoch
    // Models.
    kUnknownModel = 600,
    kMetricOutOfRange = 601,
};

// Stable lower-case name, such as "wrong_phase".
[[nodiscard]] std::string_view to_string(Code code);
[[nodiscard]] std::optional<Code> find_code(std::uint16_t number);
// Admission codes keep a transaction out of a block; its nonce stays usable.
[[nodiscard]] constexpr bool is_admission(Code code) {
    return code != Code::kOk && static_cast<std::uint16_t>(code) < 20;
}

}  // namespace consilium::schema
