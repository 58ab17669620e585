// State records of registration, governance, tasks and models. Keys: contracts/schema/keys.hpp.
//
// Written by the contracts only; whoever reads them got them with a proof or from its own store.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/invitation.hpp"
#include "contracts/schema/limits.hpp"
#include "contracts/schema/modules.hpp"
#include "contracts/schema/task.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium::schema {

// chain
struct ChainRecord {
    std::string chain_id;
    Digest genesis_hash;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain_id, Limit{kMaxChainIdBytes});
        visit("genesis_hash", self.genesis_hash);
    }
    friend bool operator==(const ChainRecord&, const ChainRecord&) = default;
};

// account/<key>
struct AccountRecord {
    Role role = Role::kTrainer;
    AccountStatus status = AccountStatus::kPending;
    std::uint32_t organisation{};
    std::uint32_t index{};  // order of registration, from 0
    Height registered;
    Height changed;  // of the status
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("role", self.role);
        visit("status", self.status);
        visit("organisation", self.organisation);
        visit("index", self.index);
        visit("registered", self.registered);
        visit("changed", self.changed);
    }
    friend bool operator==(const AccountRecord&, const AccountRecord&) = default;
};

// nonce/<key>: the next nonce, and the use of the current quota window.
struct NonceRecord {
    std::uint64_t next{};
    std::uint64_t window{};  // height / quota_window_blocks
    std::uint32_t used{};    // transactions in that window
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("next", self.next);
        visit("window", self.window);
        visit("used", self.used);
    }
    friend bool operator==(const NonceRecord&, const NonceRecord&) = default;
};

// organisation/<id>
struct OrganisationRecord {
    std::string name;
    std::optional<PublicKey> validator;
    std::optional<PublicKey> council;  // at most one approved or pending account of each role
    std::optional<PublicKey> trainer;
    std::uint32_t accounts{};  // neither rejected nor retired; at 0 the name is free again
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("name", self.name, Limit{kMaxNameBytes});
        visit("validator", self.validator);
        visit("council", self.council);
        visit("trainer", self.trainer);
        visit("accounts", self.accounts);
    }
    friend bool operator==(const OrganisationRecord&, const OrganisationRecord&) = default;
};

// registry: the lists that contracts walk.
struct RegistryRecord {
    std::uint32_t organisations{};      // ids 0..organisations-1
    std::uint32_t accounts{};           // indices 0..accounts-1
    std::vector<PublicKey> validators;  // in the order of the membership
    std::vector<PublicKey> council;     // approved
    std::vector<PublicKey> trainers;    // approved, in the order of approval
    std::vector<PublicKey> pending;     // strangers and invited ones
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("organisations", self.organisations);
        visit("accounts", self.accounts);
        visit("validators", self.validators, Limit{kMaxMembers});
        visit("council", self.council, Limit{kMaxCouncil});
        visit("trainers", self.trainers, Limit{kMaxClients});
        visit("pending", self.pending, Limit{kMaxPendingAccounts + kMaxInvitations});
    }
    friend bool operator==(const RegistryRecord&, const RegistryRecord&) = default;
};

// ballot/<account>/<action>: who voted for that action on that account; gone once it is done.
struct BallotRecord {
    std::vector<PublicKey> voters;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("voters", self.voters, Limit{kMaxCouncil});
    }
    friend bool operator==(const BallotRecord&, const BallotRecord&) = default;
};

enum class ProposalStatus : std::uint8_t {
    kOpen = 1,
    kExecuted = 2,
    kFailed = 3,  // passed, but executing it was refused with `code`
    kRejected = 4,
    kExpired = 5,
    kWithdrawn = 6,
};
[[nodiscard]] constexpr bool is_known(ProposalStatus status) {
    return status >= ProposalStatus::kOpen && status <= ProposalStatus::kWithdrawn;
}
[[nodiscard]] std::string_view to_string(ProposalStatus status);

// proposal/<id>
struct ProposalRecord {
    std::uint64_t id{};
    ProposalKind kind = ProposalKind::kCreateTask;
    Bytes payload;
    PublicKey proposer;
    Height opened;
    Height expires;  // the first height at which it is no longer open
    ProposalStatus status = ProposalStatus::kOpen;
    std::uint16_t code{};  // of the execution
    std::vector<PublicKey> yes;
    std::vector<PublicKey> no;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("id", self.id);
        visit("kind", self.kind);
        visit("payload", self.payload, Limit{kMaxProposalPayloadBytes});
        visit("proposer", self.proposer);
        visit("opened", self.opened);
        visit("expires", self.expires);
        visit("status", self.status);
        visit("code", self.code);
        visit("yes", self.yes, Limit{kMaxCouncil});
        visit("no", self.no, Limit{kMaxCouncil});
    }
    friend bool operator==(const ProposalRecord&, const ProposalRecord&) = default;
};

// governance
struct GovernanceRecord {
    std::uint64_t next_proposal = 1;
    std::vector<std::uint64_t> open;  // ascending
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("next_proposal", self.next_proposal);
        visit("open", self.open, Limit{kMaxOpenProposals});
    }
    friend bool operator==(const GovernanceRecord&, const GovernanceRecord&) = default;
};

// tasks
struct TasksRecord {
    std::uint32_t next_task = 1;
    std::vector<std::uint32_t> active;  // ascending; the first one is served
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("next_task", self.next_task);
        visit("active", self.active, Limit{kMaxActiveTasks});
    }
    friend bool operator==(const TasksRecord&, const TasksRecord&) = default;
};

enum class TaskStatus : std::uint8_t { kActive = 1, kFinished = 2, kClosed = 3 };
[[nodiscard]] constexpr bool is_known(TaskStatus status) {
    return status >= TaskStatus::kActive && status <= TaskStatus::kClosed;
}
[[nodiscard]] std::string_view to_string(TaskStatus status);

// task/<id>
struct TaskRecord {
    std::uint32_t id{};
    TaskSpec spec;
    TaskStatus status = TaskStatus::kActive;
    Height created;
    std::uint64_t dimension{};        // d
    std::uint32_t rounds_begun{};     // of spec.rounds; a cancelled round counts too
    std::uint32_t rounds_done{};      // with a result
    std::uint64_t clip_norm{};        // C_r of the next round, Q32
    std::uint32_t latest_version{};   // of the newest registered model
    std::uint32_t current_version{};  // what the next round trains from
    std::optional<std::uint32_t> promoted_version;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("id", self.id);
        visit("spec", self.spec);
        visit("status", self.status);
        visit("created", self.created);
        visit("dimension", self.dimension);
        visit("rounds_begun", self.rounds_begun);
        visit("rounds_done", self.rounds_done);
        visit("clip_norm", self.clip_norm);
        visit("latest_version", self.latest_version);
        visit("current_version", self.current_version);
        visit("promoted_version", self.promoted_version);
    }
    friend bool operator==(const TaskRecord&, const TaskRecord&) = default;
};

// model/<task>/<version>: version 0 is the initial model.
struct ModelRecord {
    std::uint32_t task{};
    std::uint32_t version{};
    BlobName parameters;                  // d int64 little-endian, units of 2^-32
    std::optional<std::uint32_t> parent;  // version
    std::optional<std::uint64_t> round;
    std::optional<Digest> aggregate;  // SHA-256 of the d int64 of the opened sum
    Height created;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("version", self.version);
        visit("parameters", self.parameters);
        visit("parent", self.parent);
        visit("round", self.round);
        visit("aggregate", self.aggregate);
        visit("created", self.created);
    }
    friend bool operator==(const ModelRecord&, const ModelRecord&) = default;
};

struct MetricsEntry {
    PublicKey trainer;
    std::uint32_t auc_micros{};
    std::uint32_t accuracy_micros{};
    std::uint32_t balanced_accuracy_micros{};
    std::uint8_t rows_log2{};
    Height height;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("trainer", self.trainer);
        visit("auc_micros", self.auc_micros);
        visit("accuracy_micros", self.accuracy_micros);
        visit("balanced_accuracy_micros", self.balanced_accuracy_micros);
        visit("rows_log2", self.rows_log2);
        visit("height", self.height);
    }
    friend bool operator==(const MetricsEntry&, const MetricsEntry&) = default;
};
// metrics/<task>/<version>
struct MetricsRecord {
    std::vector<MetricsEntry> entries;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("entries", self.entries, Limit{kMaxClients});
    }
    friend bool operator==(const MetricsRecord&, const MetricsRecord&) = default;
};

}  // namespace consilium::schema
