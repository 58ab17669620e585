// Transactions that wait for a block: bounded, fair between accounts, in the order of their nonces.
//
// A transaction is *ready* when all earlier nonces of its account are decided or ready and every
// blob it names is eligible (rule D). Only ready ones are proposed, and only they start the
// censorship clock. Signatures are the caller's business: check admits() first, then the
// signature, then add(). Plain data structure: no I/O, no clock; times are passed in.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/transaction.hpp"
#include "core/types.hpp"
#include "node/driver/limits.hpp"

namespace consilium::driver {

struct BlobKey {
    Digest hash;
    std::uint64_t length{};
    friend auto operator<=>(const BlobKey&, const BlobKey&) = default;
};

struct MempoolLimits {
    std::size_t transactions = limits::kMempoolTransactions;
    std::size_t bytes = limits::kMempoolBytes;
    std::size_t per_account = limits::kMempoolPerAccount;
    std::size_t unknown_accounts = limits::kMempoolUnknownAccounts;
    std::uint64_t nonce_gap = limits::kNonceGap;
    std::uint64_t blob_fetch_ms = 5'000;  // T_fetch: by so much blob transactions wait longer
};

// A transaction on its way into the pool.
struct Candidate {
    Transaction transaction;
    Digest id;
    std::size_t size_bytes{};
    std::uint64_t cost{};
    std::vector<BlobKey> blobs;
    std::uint64_t account_nonce{};  // next nonce of the sender in the state
    bool is_known_account{};        // the state knows the sender
};

struct Waiting {
    Candidate candidate;
    std::optional<std::uint64_t> ready_since_ms;  // monotonic
};

// How much one block may take.
struct BlockBudget {
    std::size_t transactions = kMaxTransactionsPerBlock;
    std::size_t bytes = limits::kBlockTransactionBytes;
    std::size_t blob_bytes = limits::kBlockBlobBytes;
    std::uint64_t cost = 0;
};

class Mempool {
  public:
    // True when the blob may be proposed.
    using Eligibility = std::function<bool(const BlobKey& blob)>;

    Mempool(MempoolLimits limits, Eligibility is_eligible);

    // kRefused: expired, nonce used or too far ahead, another transaction holds the nonce; the
    // context begins with a code's name and a colon. kLimitExceeded: no room. `head` is the newest
    // committed height.
    [[nodiscard]] Result<void> admits(const Candidate& candidate, Height head) const;
    // The same checks again, then takes it.
    [[nodiscard]] Result<void> add(Candidate candidate, Height head, std::uint64_t now_ms);
    [[nodiscard]] const Waiting* find(const Digest& id) const;

    // A block was committed: `nonces` holds the new next nonce of every account that it changed.
    // Drops what was used up or has expired and returns how many of these were not used up.
    std::size_t advance(Height head, const std::map<PublicKey, std::uint64_t>& nonces,
                        std::uint64_t now_ms);
    // Drops one that turned out inadmissible, and what of its account was ready only with it.
    void remove(const Digest& id, std::uint64_t now_ms);
    // The blob's eligibility may have changed.
    void refresh_blob(const Digest& hash, std::uint64_t now_ms);
    void refresh_all(std::uint64_t now_ms);

    // Ready transactions in the order in which they would be executed: round robin between
    // accounts, beginning behind the one served first last time.
    [[nodiscard]] std::vector<const Waiting*> select(const BlockBudget& budget) const;
    // Moves the round robin on; call when a selection was proposed.
    void rotate();

    // When the oldest ready transaction became ready; with blobs, T_fetch later. May lie in the
    // future. nullopt: nothing is ready.
    [[nodiscard]] std::optional<std::uint64_t> oldest_clock_ms() const;
    // The oldest `count` ready ones, oldest first.
    [[nodiscard]] std::vector<const Waiting*> oldest(std::size_t count) const;
    // Changes whenever a transaction becomes ready or stops being so.
    [[nodiscard]] std::uint64_t revision() const { return revision_; }
    [[nodiscard]] bool has_ready() const { return !clock_.empty(); }

    // Distinct blobs named by waiting transactions.
    [[nodiscard]] std::vector<BlobKey> named_blobs() const;
    [[nodiscard]] std::optional<std::uint64_t> named_length(const Digest& hash) const;
    // The waiting transactions that name a blob.
    [[nodiscard]] std::vector<const Waiting*> naming(const Digest& hash) const;

    // First nonce from `state_nonce` on that no waiting transaction of the account holds.
    [[nodiscard]] std::uint64_t next_free_nonce(const PublicKey& account,
                                                std::uint64_t state_nonce) const;

    [[nodiscard]] std::size_t size() const { return by_id_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

  private:
    struct Account {
        std::uint64_t next_nonce{};
        bool is_known{};
        std::map<std::uint64_t, Waiting> waiting;  // by nonce
    };
    using Accounts = std::map<PublicKey, Account>;

    void refresh(Account& account, std::uint64_t now_ms);
    void erase(Accounts::iterator account, std::uint64_t nonce);
    void set_clock(Waiting& waiting, std::optional<std::uint64_t> ready_since_ms);
    [[nodiscard]] std::uint64_t clock_of(const Waiting& waiting) const;

    MempoolLimits limits_;
    Eligibility is_eligible_;
    Accounts accounts_;
    std::map<Digest, std::pair<PublicKey, std::uint64_t>> by_id_;
    std::map<Digest, std::set<Digest>> by_blob_;        // hash -> ids
    std::set<std::pair<Height, Digest>> by_expiry_;     // (valid_until, id)
    std::set<std::pair<std::uint64_t, Digest>> clock_;  // (clock start, id) of ready ones
    std::size_t bytes_ = 0;
    std::size_t unknown_ = 0;  // transactions of accounts that the state does not know
    std::optional<PublicKey> cursor_;
    std::uint64_t revision_ = 0;
};

}  // namespace consilium::driver
