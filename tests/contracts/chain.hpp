// A chain in memory for contract tests: keys, blocks, state, blobs; no consensus, no signatures.
//
// Every block is applied to a state tree, so a later block reads what earlier ones wrote.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contracts/executor.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/modules.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema/records.hpp"
#include "core/state_tree.hpp"

namespace consilium::contracts::testing {

// Holds blobs by hash, as a node's store does.
class MemoryBlobs final : public BlobReader {
  public:
    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override;
    Digest put(Bytes content);
    void drop(const Digest& hash) { blobs_.erase(hash); }

  private:
    std::map<Digest, Bytes> blobs_;
};

// Parameters with windows short enough to let them pass block by block.
[[nodiscard]] schema::Parameters test_parameters();
// An MLP 3-8-1 with 41 parameters, pairwise, three rounds.
[[nodiscard]] schema::TaskSpec test_task();
// The public key of secret sha256(name).
[[nodiscard]] PublicKey key_of(const std::string& name);

struct SentAction {
    schema::Module module;
    std::uint16_t action;
};

// One block as it was run, for whoever wants to run it again.
struct RanBlock {
    BlockContext context;
    std::vector<Transaction> transactions;
};

class Chain {
  public:
    explicit Chain(std::size_t organisations,
                   const schema::Parameters& parameters = test_parameters());

    // A transaction with the account's next nonce; unsigned, contracts do not look.
    [[nodiscard]] Transaction make_raw(const PublicKey& sender, SentAction name, Bytes arguments);
    template <typename Arguments>
    [[nodiscard]] Transaction make(const PublicKey& sender, SentAction name,
                                   const Arguments& arguments) {
        return make_raw(sender, name, encode(arguments));
    }
    // One block; fails the test if a transaction is inadmissible.
    const BlockEffects& run(const std::vector<Transaction>& transactions);
    // Transactions that were made but never run no longer count for the next nonces.
    void forget_plans() { planned_nonces_.clear(); }
    // Blocks without transactions.
    void pass(std::size_t blocks);
    // A block with this one transaction. A refusal must leave everything but the nonce as an empty
    // block would.
    template <typename Arguments>
    schema::Code send(const PublicKey& sender, SentAction name, const Arguments& arguments) {
        return send_raw(sender, name, encode(arguments));
    }
    schema::Code send_raw(const PublicKey& sender, SentAction name, Bytes arguments);
    // Executes without applying.
    [[nodiscard]] tl::expected<BlockEffects, MissingBlob> execute(
        const std::vector<Transaction>& transactions) const;

    template <typename T>
    [[nodiscard]] std::optional<T> find(const Bytes& key) const {
        const auto value = state.get(key);
        if (!value) return std::nullopt;
        return decode<T>(*value).value();
    }
    template <typename T>
    [[nodiscard]] T load(const Bytes& key) const {
        auto record = find<T>(key);
        CHECK(record.has_value());
        return *record;
    }
    // Payloads of the events of one kind in the last block, of block and receipts.
    template <typename T>
    [[nodiscard]] std::vector<T> events(schema::Module module, std::uint16_t kind) const {
        std::vector<T> found;
        for (const Event& event : last_events_) {
            if (event.module == static_cast<std::uint16_t>(module) && event.kind == kind) {
                found.push_back(decode<T>(event.payload).value());
            }
        }
        return found;
    }
    [[nodiscard]] schema::Code code_of(std::size_t position) const;
    [[nodiscard]] const BlockEffects& last() const { return last_; }  // of the newest block

    // Registers a trainer of organisation i and has the council approve it.
    PublicKey add_trainer(std::size_t organisation);
    // All council members needed vote for the proposal; returns the last receipt's code.
    schema::Code decide(schema::ProposalKind kind, Bytes payload);
    // Every member of the council needed casts this ballot.
    schema::Code ballot(std::uint16_t action, const PublicKey& account);

    Genesis genesis;
    StateTree state;
    MemoryBlobs blobs;
    std::vector<PublicKey> validators;
    std::vector<PublicKey> council;
    std::vector<PublicKey> trainers;
    Height height{0};
    TimeMs time{1'000'000};
    std::vector<RanBlock> history;  // from height 1

  private:
    [[nodiscard]] BlockContext next_block() const;

    std::map<PublicKey, std::uint64_t> planned_nonces_;
    BlockEffects last_;
    std::vector<Event> last_events_;
};

inline constexpr SentAction kRegister{schema::Module::kRegistration, schema::action::kRegister};
inline constexpr SentAction kApprove{schema::Module::kRegistration, schema::action::kApprove};
inline constexpr SentAction kReject{schema::Module::kRegistration, schema::action::kReject};
inline constexpr SentAction kSuspend{schema::Module::kRegistration, schema::action::kSuspend};
inline constexpr SentAction kReinstate{schema::Module::kRegistration, schema::action::kReinstate};
inline constexpr SentAction kRetire{schema::Module::kRegistration, schema::action::kRetire};
inline constexpr SentAction kPropose{schema::Module::kGovernance, schema::action::kPropose};
inline constexpr SentAction kVote{schema::Module::kGovernance, schema::action::kVote};
inline constexpr SentAction kWithdraw{schema::Module::kGovernance, schema::action::kWithdraw};
inline constexpr SentAction kOpenRound{schema::Module::kRounds, schema::action::kOpenRound};
inline constexpr SentAction kPledge{schema::Module::kSubmission, schema::action::kPledge};
inline constexpr SentAction kSubmit{schema::Module::kSubmission, schema::action::kSubmit};
inline constexpr SentAction kRange{schema::Module::kSubmission, schema::action::kRange};
inline constexpr SentAction kCoinShare{schema::Module::kVerification, schema::action::kCoinShare};
inline constexpr SentAction kEphemeralKey{schema::Module::kVerification,
                                          schema::action::kEphemeralKey};
inline constexpr SentAction kKeyCommit{schema::Module::kVerification, schema::action::kKeyCommit};
inline constexpr SentAction kKeyAck{schema::Module::kVerification, schema::action::kKeyAck};
inline constexpr SentAction kClientKeys{schema::Module::kVerification, schema::action::kClientKeys};
inline constexpr SentAction kPrepShare{schema::Module::kVerification, schema::action::kPrepShare};
inline constexpr SentAction kStat1{schema::Module::kVerification, schema::action::kStat1};
inline constexpr SentAction kStat2{schema::Module::kVerification, schema::action::kStat2};
inline constexpr SentAction kAggregate{schema::Module::kVerification, schema::action::kAggregate};
inline constexpr SentAction kAggregateOk{schema::Module::kVerification,
                                         schema::action::kAggregateOk};
inline constexpr SentAction kReference{schema::Module::kVerification, schema::action::kReference};
inline constexpr SentAction kReportMetrics{schema::Module::kModels, schema::action::kReportMetrics};

}  // namespace consilium::contracts::testing
