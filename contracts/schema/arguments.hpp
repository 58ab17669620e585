// Argument structs of every transaction, in the canonical encoding.
//
// Slots (clients) count from 1 to M, members of the committee from 1 to n, both in the order of
// the epoch's record. A subset A of the committee is a 16-bit word: bit k-1 stands for member k.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contracts/schema/blob_reference.hpp"
#include "contracts/schema/limits.hpp"
#include "contracts/schema/modules.hpp"
#include "contracts/schema/task.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium::schema {

// Which attempt of which round, on which mask batch of which MPC epoch.
struct RoundLabel {
    std::uint64_t mpc_epoch{};
    std::uint64_t round{};
    std::uint32_t attempt{};  // from 0
    std::uint64_t batch{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("round", self.round);
        visit("attempt", self.attempt);
        visit("batch", self.batch);
    }
    friend bool operator==(const RoundLabel&, const RoundLabel&) = default;
};

struct BatchLabel {
    std::uint64_t mpc_epoch{};
    std::uint64_t batch{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("batch", self.batch);
    }
    friend bool operator==(const BatchLabel&, const BatchLabel&) = default;
};

// registration/register: the sender is the new account's key.
struct Register {
    Role role = Role::kTrainer;
    std::string organisation;  // an existing one, spelled alike, or a new one
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("role", self.role);
        visit("organisation", self.organisation, Limit{kMaxNameBytes});
    }
    friend bool operator==(const Register&, const Register&) = default;
};

// registration/approve, reject, suspend, reinstate, retire: one ballot of the sender. An account
// retires itself with a single retire transaction.
struct AccountBallot {
    PublicKey account;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("account", self.account);
    }
    friend bool operator==(const AccountBallot&, const AccountBallot&) = default;
};

enum class ProposalKind : std::uint16_t {
    kCreateTask = 1,              // TaskSpec
    kSetParameters = 2,           // Parameters
    kCancelRound = 3,             // RoundReference
    kAbortRound = 4,              // RoundReference
    kOpenMpcEpoch = 5,            // EpochReference
    kCloseTask = 6,               // TaskReference
    kPromoteModel = 7,            // ModelReference
    kRollBackModel = 8,           // ModelReference
    kApproveReferenceSet = 9,     // ReferenceSetApproval
    kSetDataWeights = 10,         // DataWeights
    kChangeValidators = 11,       // ChangeValidators (contracts/schema/membership.hpp)
    kCancelValidatorChange = 12,  // MembershipReference
    kSetRule = 13,                // RuleChoice
};
[[nodiscard]] constexpr bool is_known(ProposalKind kind) {
    return kind >= ProposalKind::kCreateTask && kind <= ProposalKind::kSetRule;
}
[[nodiscard]] std::string_view to_string(ProposalKind kind);

// governance/propose: the proposer's own vote is counted as yes.
struct Propose {
    ProposalKind kind = ProposalKind::kCreateTask;
    Bytes payload;  // canonical encoding of the kind's struct
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kind", self.kind);
        visit("payload", self.payload, Limit{kMaxProposalPayloadBytes});
    }
    friend bool operator==(const Propose&, const Propose&) = default;
};
struct RoundReference {
    std::uint64_t round{};
    std::uint32_t attempt{};  // of an abort; a cancellation ends whichever attempt is current
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("round", self.round);
        visit("attempt", self.attempt);
    }
    friend bool operator==(const RoundReference&, const RoundReference&) = default;
};
// The epoch that shall end; a new one opens as soon as no round is running.
// verification/void_epoch, too: a member holds secrets that are ahead of this chain, so it was set
// back to an older height and the epoch's masks and coins may be known already.
struct EpochReference {
    std::uint64_t mpc_epoch{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
    }
    friend bool operator==(const EpochReference&, const EpochReference&) = default;
};
struct TaskReference {
    std::uint32_t task{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
    }
    friend bool operator==(const TaskReference&, const TaskReference&) = default;
};
struct ModelReference {
    std::uint32_t task{};
    std::uint32_t version{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("version", self.version);
    }
    friend bool operator==(const ModelReference&, const ModelReference&) = default;
};

// The proposing transaction names the blob: a node takes its upload, and nobody votes for a block
// with the proposal before holding it. The set may serve any task that names it from then on.
struct ReferenceSetApproval {
    BlobName blob;
    std::optional<std::uint32_t> task;  // an existing one gets the set with its next round
    bool is_required{};                 // of that task: no round goes on without a reference
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("blob", self.blob);
        visit("task", self.task);
        visit("is_required", self.is_required);
    }
    friend bool operator==(const ReferenceSetApproval&, const ReferenceSetApproval&) = default;
};
// Replaces the data weights of a task from its next round on.
struct DataWeights {
    std::uint32_t task{};
    std::vector<DataWeight> weights;  // 1 for every trainer not named
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("weights", self.weights, Limit{kMaxClients});
    }
    friend bool operator==(const DataWeights&, const DataWeights&) = default;
};
// Another entry of the rule table for a task, from its next round on.
struct RuleChoice {
    std::uint32_t task{};
    std::uint16_t rule{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("rule", self.rule);
    }
    friend bool operator==(const RuleChoice&, const RuleChoice&) = default;
};

// governance/vote
struct Vote {
    std::uint64_t proposal{};
    bool is_yes{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
        visit("is_yes", self.is_yes);
    }
    friend bool operator==(const Vote&, const Vote&) = default;
};
// governance/withdraw
struct Withdraw {
    std::uint64_t proposal{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
    }
    friend bool operator==(const Withdraw&, const Withdraw&) = default;
};

// rounds/open_round: the next round of a task with a manual schedule.
using OpenRound = TaskReference;

// submission/pledge: write-once per (mpc_epoch, batch, slot), for ever.
struct Pledge {
    RoundLabel label;
    std::uint16_t slot{};
    BlobName update;  // the masked update e_i: 8 d bytes
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("slot", self.slot);
        visit("update", self.update);
    }
    friend bool operator==(const Pledge&, const Pledge&) = default;
};
// submission/submit: must equal the stored pledge.
using Submit = Pledge;
// submission/range: one per (mpc_epoch, batch, slot).
struct Range {
    RoundLabel label;
    std::uint16_t slot{};
    BlobName proof;  // that no coordinate of the update wraps around the field: 8 (2 Nb + 2) bytes
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("slot", self.slot);
        visit("proof", self.proof);
    }
    friend bool operator==(const Range&, const Range&) = default;
};

// verification/ephemeral_key: sent by every member and every client.
struct EphemeralKey {
    std::uint64_t mpc_epoch{};
    std::array<std::uint8_t, 32> key{};  // X25519
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("key", self.key);
    }
    friend bool operator==(const EphemeralKey&, const EphemeralKey&) = default;
};

struct KeyCommitment {
    std::uint16_t subset{};
    std::uint32_t turn{};  // how often the leader of the subset has moved
    Digest commitment;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subset", self.subset);
        visit("turn", self.turn);
        visit("commitment", self.commitment);
    }
    friend bool operator==(const KeyCommitment&, const KeyCommitment&) = default;
};
// verification/key_commit
struct KeyCommit {
    std::uint64_t mpc_epoch{};
    std::vector<KeyCommitment> entries;
    BlobName ciphertexts;  // of (K_A, nonce) for each other member of each subset
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("entries", self.entries, Limit{kMaxSubsets});
        visit("ciphertexts", self.ciphertexts);
    }
    friend bool operator==(const KeyCommit&, const KeyCommit&) = default;
};

struct KeyAcknowledgement {
    std::uint16_t subset{};
    Digest commitment;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subset", self.subset);
        visit("commitment", self.commitment);
    }
    friend bool operator==(const KeyAcknowledgement&, const KeyAcknowledgement&) = default;
};
// verification/key_ack
struct KeyAck {
    std::uint64_t mpc_epoch{};
    std::vector<KeyAcknowledgement> entries;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("entries", self.entries, Limit{kMaxSubsets});
    }
    friend bool operator==(const KeyAck&, const KeyAck&) = default;
};
// verification/client_keys: the bundle of the sending member for one client.
struct ClientKeys {
    std::uint64_t mpc_epoch{};
    std::uint16_t slot{};
    BlobName ciphertexts;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("slot", self.slot);
        visit("ciphertexts", self.ciphertexts);
    }
    friend bool operator==(const ClientKeys&, const ClientKeys&) = default;
};

// verification/prep_share: shares of delta over the items of the batch, ascending.
struct PrepShare {
    BatchLabel label;
    std::vector<std::uint64_t> values;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("values", self.values, Limit{kMaxShareWords});
    }
    friend bool operator==(const PrepShare&, const PrepShare&) = default;
};

// verification/prep_w: the share of w of a batch in SACRIFICE, 8 d bytes.
struct PrepWeights {
    BatchLabel label;
    BlobName share;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("share", self.share);
    }
    friend bool operator==(const PrepWeights&, const PrepWeights&) = default;
};
// verification/prep_check: shares of chk_j, j = 1..M.
struct PrepCheck {
    BatchLabel label;
    std::vector<std::uint64_t> values;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("values", self.values, Limit{kMaxClients});
    }
    friend bool operator==(const PrepCheck&, const PrepCheck&) = default;
};
enum class DisputeKind : std::uint8_t {
    kShares = 1,  // type 1: the shares of an item lie on no polynomial
    kCheck = 2,   // type 2: a check of the sacrifice is not zero
};
[[nodiscard]] constexpr bool is_known(DisputeKind kind) {
    return kind == DisputeKind::kShares || kind == DisputeKind::kCheck;
}
[[nodiscard]] std::string_view to_string(DisputeKind kind);
using KeyBytes = std::array<std::uint8_t, 32>;
// verification/prep_reveal: keys of a DISPUTED batch, those of the asked slots and pi_A^b, for the
// subsets that hold the sender.
struct PrepReveal {
    BatchLabel label;
    std::vector<KeyBytes> masks;  // of the first asked slot, then of the second; in ring order
    std::vector<KeyBytes> prep;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("masks", self.masks, Limit{2 * kMaxRing});
        visit("prep", self.prep, Limit{kMaxRing});
    }
    friend bool operator==(const PrepReveal&, const PrepReveal&) = default;
};

enum class CoinKind : std::uint8_t {
    kChi = 1,    // of a batch in SACRIFICE
    kRange = 2,  // R of an attempt
    kTest = 3,   // T of an attempt
};
[[nodiscard]] constexpr bool is_known(CoinKind kind) {
    return kind >= CoinKind::kChi && kind <= CoinKind::kTest;
}
[[nodiscard]] std::string_view to_string(CoinKind kind);

inline constexpr std::size_t kCoinWords = 3;

// verification/coin_share: PRSS shares of elements 0..2 of the coin's own keys.
struct CoinShare {
    CoinKind kind = CoinKind::kChi;
    RoundLabel label;  // of chi: round and attempt are 0
    std::vector<std::uint64_t> values;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kind", self.kind);
        visit("label", self.label);
        visit("values", self.values, Limit{kCoinWords});
    }
    friend bool operator==(const CoinShare&, const CoinShare&) = default;
};

// verification/reference: the reference update that the sending chain validator computed, for every
// attempt of the round.
struct ReferenceUpdate {
    std::uint64_t round{};
    BlobName update;               // g: d int64 little-endian
    std::uint64_t squared_norm{};  // ||g||^2, at most B^2
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("round", self.round);
        visit("update", self.update);
        visit("squared_norm", self.squared_norm);
    }
    friend bool operator==(const ReferenceUpdate&, const ReferenceUpdate&) = default;
};

// verification/stat1: lambda_i, phi_i, psi_i, gamma_ii and, with a reference, c_i for each slot of
// V0, ascending.
// verification/stat2: PAIRWISE gamma_ij for i < j, both passing, lexicographic; SUM sigma_i.
struct StatShare {
    RoundLabel label;
    std::vector<std::uint64_t> values;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("values", self.values, Limit{kMaxShareWords});
    }
    friend bool operator==(const StatShare&, const StatShare&) = default;
};
// verification/aggregate: the share of the weighted sum, 8 d bytes.
struct Aggregate {
    RoundLabel label;
    BlobName share;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("share", self.share);
    }
    friend bool operator==(const Aggregate&, const Aggregate&) = default;
};
// verification/aggregate_ok: my share lies on the polynomial of the first t + 1 members.
struct AggregateOk {
    RoundLabel label;
    Digest sha256;  // of the aggregate, d int64 little-endian
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("sha256", self.sha256);
    }
    friend bool operator==(const AggregateOk&, const AggregateOk&) = default;
};

inline constexpr std::uint32_t kMicros = 1'000'000;

// models/report_metrics: of the sender's own held-out rows.
struct ReportMetrics {
    std::uint32_t task{};
    std::uint32_t version{};
    std::uint32_t auc_micros{};  // at most kMicros, like the next two
    std::uint32_t accuracy_micros{};
    std::uint32_t balanced_accuracy_micros{};
    std::uint8_t rows_log2{};  // floor of the binary logarithm: the exact count stays private
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("version", self.version);
        visit("auc_micros", self.auc_micros);
        visit("accuracy_micros", self.accuracy_micros);
        visit("balanced_accuracy_micros", self.balanced_accuracy_micros);
        visit("rows_log2", self.rows_log2);
    }
    friend bool operator==(const ReportMetrics&, const ReportMetrics&) = default;
};

}  // namespace consilium::schema
