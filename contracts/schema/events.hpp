// Payloads of events: what a block tells the outside, proved by its receipt root.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "core/codec.hpp"

namespace consilium::schema {

struct AccountRegistered {
    PublicKey account;
    Role role = Role::kTrainer;
    std::uint32_t organisation{};
    std::string name;  // of the organisation
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("account", self.account);
        visit("role", self.role);
        visit("organisation", self.organisation);
        visit("name", self.name, Limit{kMaxNameBytes});
    }
    friend bool operator==(const AccountRegistered&, const AccountRegistered&) = default;
};
struct AccountStatusChanged {
    PublicKey account;
    Role role = Role::kTrainer;
    AccountStatus status = AccountStatus::kPending;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("account", self.account);
        visit("role", self.role);
        visit("status", self.status);
    }
    friend bool operator==(const AccountStatusChanged&, const AccountStatusChanged&) = default;
};
struct BallotCast {
    PublicKey account;
    std::uint16_t action{};
    PublicKey voter;
    std::uint16_t votes{};
    std::uint16_t needed{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("account", self.account);
        visit("action", self.action);
        visit("voter", self.voter);
        visit("votes", self.votes);
        visit("needed", self.needed);
    }
    friend bool operator==(const BallotCast&, const BallotCast&) = default;
};

struct ProposalOpened {
    std::uint64_t proposal{};
    ProposalKind kind = ProposalKind::kCreateTask;
    PublicKey proposer;
    Height expires;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
        visit("kind", self.kind);
        visit("proposer", self.proposer);
        visit("expires", self.expires);
    }
    friend bool operator==(const ProposalOpened&, const ProposalOpened&) = default;
};
struct VoteCast {
    std::uint64_t proposal{};
    PublicKey voter;
    bool is_yes{};
    std::uint16_t yes{};
    std::uint16_t needed{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
        visit("voter", self.voter);
        visit("is_yes", self.is_yes);
        visit("yes", self.yes);
        visit("needed", self.needed);
    }
    friend bool operator==(const VoteCast&, const VoteCast&) = default;
};
struct ProposalDecided {
    std::uint64_t proposal{};
    ProposalKind kind = ProposalKind::kCreateTask;
    ProposalStatus status = ProposalStatus::kOpen;
    std::uint16_t code{};  // of the execution
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
        visit("kind", self.kind);
        visit("status", self.status);
        visit("code", self.code);
    }
    friend bool operator==(const ProposalDecided&, const ProposalDecided&) = default;
};

struct TaskCreated {
    std::uint32_t task{};
    std::string name;
    std::uint64_t dimension{};
    std::uint32_t rounds{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("name", self.name, Limit{kMaxNameBytes});
        visit("dimension", self.dimension);
        visit("rounds", self.rounds);
    }
    friend bool operator==(const TaskCreated&, const TaskCreated&) = default;
};
struct TaskFinished {
    std::uint32_t task{};
    TaskStatus status = TaskStatus::kFinished;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("status", self.status);
    }
    friend bool operator==(const TaskFinished&, const TaskFinished&) = default;
};
struct RoundOpened {  // ROUND_OPEN
    RoundLabel label;
    RoundTerms terms;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("terms", self.terms);
    }
    friend bool operator==(const RoundOpened&, const RoundOpened&) = default;
};
struct PhaseChanged {
    RoundLabel label;
    Phase phase = Phase::kSubmitting;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("phase", self.phase);
    }
    friend bool operator==(const PhaseChanged&, const PhaseChanged&) = default;
};
enum class PrivacyLevel : std::uint8_t {
    kLocal = 1,    // statistics of the updates begin to open
    kCentral = 2,  // the weighted sum begins to open
};
[[nodiscard]] constexpr bool is_known(PrivacyLevel level) {
    return level == PrivacyLevel::kLocal || level == PrivacyLevel::kCentral;
}
[[nodiscard]] constexpr std::string_view to_string(PrivacyLevel level) {
    return level == PrivacyLevel::kLocal ? "local" : "central";
}
struct PrivacyCharge {
    std::uint32_t organisation{};
    std::uint64_t rho{};             // of this round, units of 2^-40
    std::uint64_t epsilon_micros{};  // of the task so far, at this level
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("organisation", self.organisation);
        visit("rho", self.rho);
        visit("epsilon_micros", self.epsilon_micros);
    }
    friend bool operator==(const PrivacyCharge&, const PrivacyCharge&) = default;
};
struct PrivacySpent {
    RoundLabel label;
    PrivacyLevel level = PrivacyLevel::kLocal;
    std::vector<PrivacyCharge> charges;  // by slot
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("level", self.level);
        visit("charges", self.charges, Limit{kMaxClients});
    }
    friend bool operator==(const PrivacySpent&, const PrivacySpent&) = default;
};

struct RoundEnded {  // ABORTED, CANCELLED
    RoundLabel label;
    EndReason reason = EndReason::kNone;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("reason", self.reason);
    }
    friend bool operator==(const RoundEnded&, const RoundEnded&) = default;
};

struct UpdateNamed {  // a pledge or a submission
    RoundLabel label;
    std::uint16_t slot{};
    BlobName update;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("slot", self.slot);
        visit("update", self.update);
    }
    friend bool operator==(const UpdateNamed&, const UpdateNamed&) = default;
};
struct SubmissionsClosed {  // SUBMITTED
    RoundLabel label;
    SlotSet submitted{};              // U
    std::optional<Digest> reference;  // hash of g; absent: the attempt has none
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("submitted", self.submitted);
        visit("reference", self.reference);
    }
    friend bool operator==(const SubmissionsClosed&, const SubmissionsClosed&) = default;
};
using RangeProved = Range;
struct RangesClosed {
    RoundLabel label;
    SlotSet ranged{};  // V0
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("ranged", self.ranged);
    }
    friend bool operator==(const RangesClosed&, const RangesClosed&) = default;
};
struct ReferenceFixed {  // q of the chain's validators computed the same reference update
    RoundLabel label;
    AgreedReference reference;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("reference", self.reference);
    }
    friend bool operator==(const ReferenceFixed&, const ReferenceFixed&) = default;
};

struct EpochOpened {  // EPOCH_OPEN
    std::uint64_t mpc_epoch{};
    std::vector<PublicKey> members;
    std::vector<PublicKey> clients;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("members", self.members, Limit{kMaxCommittee});
        visit("clients", self.clients, Limit{kMaxClients});
    }
    friend bool operator==(const EpochOpened&, const EpochOpened&) = default;
};
struct EpochChanged {  // became ACTIVE, is void, or ended
    std::uint64_t mpc_epoch{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
    }
    friend bool operator==(const EpochChanged&, const EpochChanged&) = default;
};
// Something was not there in time; no evidence of malice. Of the key setup: a leader did not get
// its key acknowledged. Of a batch (subset and turn are 0): the member missed PREP_SHARE.
struct Absent {
    std::uint64_t mpc_epoch{};
    MemberSet subset{};
    std::uint32_t turn{};
    std::uint16_t member{};
    std::optional<std::uint64_t> batch;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("subset", self.subset);
        visit("turn", self.turn);
        visit("member", self.member);
        visit("batch", self.batch);
    }
    friend bool operator==(const Absent&, const Absent&) = default;
};
struct PrepOpened {  // PREP_OPEN
    BatchLabel label;
    std::uint64_t dimension{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("dimension", self.dimension);
    }
    friend bool operator==(const PrepOpened&, const PrepOpened&) = default;
};
struct BatchStateChanged {  // every state after POSTING
    BatchLabel label;
    BatchState state = BatchState::kPosting;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("state", self.state);
    }
    friend bool operator==(const BatchStateChanged&, const BatchStateChanged&) = default;
};
struct BatchDisputed {  // DISPUTED
    BatchLabel label;
    DisputeKind kind = DisputeKind::kShares;
    std::uint16_t first{};  // slots of the item; of kCheck both are the failed check's
    std::uint16_t second{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("kind", self.kind);
        visit("first", self.first);
        visit("second", self.second);
    }
    friend bool operator==(const BatchDisputed&, const BatchDisputed&) = default;
};
struct FaultProved {         // FAULT: a posted share is off the opened polynomial
    std::uint16_t action{};  // of verification
    RoundLabel label;        // round and attempt are 0 for a batch
    std::uint16_t member{};
    std::uint64_t coordinate{};  // smallest wrong one
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("action", self.action);
        visit("label", self.label);
        visit("member", self.member);
        visit("coordinate", self.coordinate);
    }
    friend bool operator==(const FaultProved&, const FaultProved&) = default;
};
struct Equivocation {  // a second, different message under one label; the first one counts
    std::uint16_t module{};
    std::uint16_t action{};
    PublicKey sender;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("module", self.module);
        visit("action", self.action);
        visit("sender", self.sender);
    }
    friend bool operator==(const Equivocation&, const Equivocation&) = default;
};
struct EpochHalted {  // more than t members are proven liars: the council opens another epoch
    std::uint64_t mpc_epoch{};
    MemberSet excluded{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("excluded", self.excluded);
    }
    friend bool operator==(const EpochHalted&, const EpochHalted&) = default;
};
struct SeedOpened {  // SEED: the value of a coin
    CoinKind kind = CoinKind::kChi;
    RoundLabel label;  // of chi: round and attempt are 0
    Digest seed;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kind", self.kind);
        visit("label", self.label);
        visit("seed", self.seed);
    }
    friend bool operator==(const SeedOpened&, const SeedOpened&) = default;
};
struct Statistics {  // STATS: everything that was opened for the verdict
    RoundLabel label;
    Mode mode = Mode::kPairwise;
    std::vector<std::uint16_t> slots;      // V1 ascending
    std::vector<std::int64_t> norms;       // blurred, per slot
    std::vector<std::int64_t> references;  // blurred <u_i, g>, per slot; empty without a reference
    std::vector<std::int64_t> values;      // PAIRWISE: products i < j, lexicographic; SUM: sigma_i
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("mode", self.mode);
        visit("slots", self.slots, Limit{kMaxClients});
        visit("norms", self.norms, Limit{kMaxClients});
        visit("references", self.references, Limit{kMaxClients});
        visit("values", self.values, Limit{kMaxPairs});
    }
    friend bool operator==(const Statistics&, const Statistics&) = default;
};
struct RoundResult {  // RESULT
    RoundLabel label;
    Digest aggregate;  // SHA-256 of d int64 little-endian
    std::uint64_t weight_sum{};
    std::uint32_t model_version{};
    BlobName model;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("aggregate", self.aggregate);
        visit("weight_sum", self.weight_sum);
        visit("model_version", self.model_version);
        visit("model", self.model);
    }
    friend bool operator==(const RoundResult&, const RoundResult&) = default;
};
struct MetricsReported {
    std::uint32_t task{};
    std::uint32_t version{};
    MetricsEntry entry;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("version", self.version);
        visit("entry", self.entry);
    }
    friend bool operator==(const MetricsReported&, const MetricsReported&) = default;
};

}  // namespace consilium::schema
