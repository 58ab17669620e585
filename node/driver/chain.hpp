// The committed chain of this node: head, state, and executing blocks on top of it.
//
// Executing is pure and leaves the chain alone, so that proposals are executed before they are
// decided; commit() makes one of them the head, durably. The state is held in memory as a
// persistent tree; its root is compared with the header after every execution.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "core/genesis.hpp"
#include "core/state_tree.hpp"
#include "node/driver/env.hpp"

namespace consilium::driver {

// A block and everything that follows from it.
struct ExecutedBlock {
    Block block;
    Digest digest;
    std::vector<Digest> ids;
    BlockReceipts receipts;
    StateWrites writes;
    StateTree state;
    Membership next_membership;
    std::vector<Bytes> blobs;
};

// Why a block could not be executed.
struct ExecutionFailure {
    // Set when content that the contracts compute with is not here; fetching it helps.
    std::optional<Digest> missing;
    Error error;
    std::vector<std::size_t> inadmissible;  // places of transactions that must not stand in it
};
template <typename T>
using ExecutionResult = tl::expected<T, ExecutionFailure>;

class Chain {
  public:
    // Loads the store, or writes the genesis block into an empty one, and checks the newest blocks:
    // links, transaction roots, certificates, and the root of the loaded state.
    [[nodiscard]] static Result<Chain> open(const Genesis& genesis, Env& env);

    [[nodiscard]] const ChainIdentity& identity() const { return identity_; }
    [[nodiscard]] const Head& head() const { return head_; }
    [[nodiscard]] const Digest& head_digest() const { return head_digest_; }
    [[nodiscard]] Height height() const { return head_.header.height; }
    [[nodiscard]] const StateTree& state() const { return state_; }
    [[nodiscard]] const Membership& membership() const { return head_.membership; }
    // True when open() found an empty store.
    [[nodiscard]] bool was_empty() const { return was_empty_; }

    struct Proposer {
        ReplicaId id;
        TimeMs time;  // of the block
    };
    // Next nonce of an account, and whether the state knows the key.
    struct AccountNonce {
        std::uint64_t next{};
        bool is_known{};
    };
    [[nodiscard]] AccountNonce account_nonce(const PublicKey& key) const;
    // Why the contracts would not admit the transaction now; the signature is not looked at.
    [[nodiscard]] std::optional<Error> refuses(const Transaction& transaction) const;
    // Execution units that one block may take.
    [[nodiscard]] std::uint64_t block_cost_max() const;
    // Whether something in the state waits for blocks to pass (windows have a clock).
    [[nodiscard]] bool has_open_window() const;

    // Executes and fills in the header.
    [[nodiscard]] ExecutionResult<ExecutedBlock> assemble(
        const Proposer& proposer, std::vector<Transaction> transactions) const;
    // Executes and compares every header field but the time's relation to clocks.
    [[nodiscard]] ExecutionResult<ExecutedBlock> execute(const Block& block) const;
    // Certificate of a block that extends the head.
    [[nodiscard]] Result<void> check_certificate_of(const BlockHeader& header,
                                                    const Certificate& certificate) const;
    // The new head, durable when this returns. Announces it through Env.
    [[nodiscard]] Result<void> commit(ExecutedBlock executed, const Certificate& certificate,
                                      bool is_live);

  private:
    Chain(const Genesis& genesis, Env& env);
    [[nodiscard]] Result<void> write_genesis(const Genesis& genesis);
    [[nodiscard]] Result<void> load(const Genesis& genesis, Head head);
    [[nodiscard]] Result<void> verify_recent() const;
    [[nodiscard]] ExecutionResult<ExecutedBlock> run(BlockHeader header,
                                                     std::vector<Transaction> transactions) const;

    ChainIdentity identity_;
    Env* env_;
    Head head_;
    Digest head_digest_;
    StateTree state_;
    bool was_empty_ = false;
};

}  // namespace consilium::driver
