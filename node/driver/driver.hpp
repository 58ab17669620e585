// One replica: consensus, mempool, blobs, execution and sync, tied together as a state machine.
//
// Feed it events, one at a time, on one thread; effects go through Env. It has no clock, thread or
// socket of its own, so the simulator runs exactly what a hospital runs. It follows the chain as
// an observer when its key is no member of the current membership.
//
// Order of effects: votes are durable before they are sent, a block is durable before it is
// announced (`on_committed`), a HAVE follows the durable blob.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "consensus/config.hpp"
#include "core/genesis.hpp"
#include "node/driver/env.hpp"

namespace consilium::driver {

// Times of the driver itself, in milliseconds; those of consensus are in its own configuration.
struct DriverTimes {
    std::uint64_t batch_delay_ms = 10;    // a first transaction waits so long for company
    std::uint64_t blob_fetch_ms = 5'000;  // T_fetch of rule D
    std::uint64_t resend_ms = 1'000;      // relay of waiting transactions, HAVEs, status
};

struct DriverOptions {
    Genesis genesis;
    PublicKey own_key;  // not a member of the membership: observer
    // The operator's word that this key has never voted on this chain. Without it an empty store
    // means amnesia: the driver observes until it cannot contradict a vote it may have sent.
    bool first_start = false;
    consensus::ReplicaConfig consensus;
    DriverTimes times;
    // How many blocks behind the end of their attempt masked updates and range proofs are kept
    // (R9). Nothing on the chain needs them from the end on, so nodes need not agree.
    std::uint64_t client_blob_blocks = 100;
    // Fresh random bits for this process; used in questions that old answers must not fit.
    std::uint64_t nonce{};
};

struct PeerFrame {
    PublicKey from;  // authenticated by the link; may be an observer
    FrameKind kind{};
    Bytes payload;
};
struct PeerConnected {
    PublicKey peer;
};
struct PeerDisconnected {
    PublicKey peer;
};
// From this node's API or worker. Blobs that the transaction names may come with it.
struct SubmitTransaction {
    Ticket ticket{};
    Bytes transaction;  // canonical encoding
    // Null for none. Shared, because the worker keeps them to submit them again.
    std::shared_ptr<const std::vector<Bytes>> blobs;
};
// A blob uploaded on its own. Refused unless a pledge on the chain or a waiting transaction names
// its hash and length.
struct SubmitBlob {
    Ticket ticket{};
    PublicKey account;  // who signed the upload
    Bytes content;
};
struct SignaturesChecked {
    Ticket ticket{};
    std::vector<bool> valid;
};
struct TimerFired {};
using Event = std::variant<PeerFrame, PeerConnected, PeerDisconnected, SubmitTransaction,
                           SubmitBlob, SignaturesChecked, TimerFired>;

enum class DriverMode {
    kVoting,
    kObserving,  // no member, or amnesia
    kSyncing,    // known to be behind
    kDegraded,   // storage failed: reads only
};

// For /healthz, /readyz, /metrics.
struct DriverStatus {
    DriverMode mode{};
    Height height;
    View view;
    Height highest_claim;  // newest height proven by a peer
    bool is_primary{};
    std::size_t waiting_transactions{};
    std::size_t waiting_bytes{};
    std::size_t pulled_blobs{};  // being pulled
    std::size_t pulled_bytes{};
    std::size_t client_blobs{};           // masked updates and range proofs held
    std::uint64_t client_blobs_erased{};  // since the driver was opened
    std::size_t buffered_messages{};      // held for peers by consensus
    std::size_t buffered_messages_max{};
    std::uint64_t proposals_refused{};
    std::uint64_t view_changes{};
    std::uint64_t invalid_messages{};
    std::uint64_t evidence{};
};

class Driver {
  public:
    // Loads the store, or writes the genesis block into an empty one. Checks certificates, links
    // and the state root of the newest blocks. kMismatch: the store is of another chain or damaged.
    [[nodiscard]] static Result<std::unique_ptr<Driver>> open(const DriverOptions& options,
                                                              Env& env, Now now);
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;
    Driver(Driver&&) = delete;
    Driver& operator=(Driver&&) = delete;
    ~Driver();

    // Once, before the first event: resends stored votes, asks peers for their heights.
    void start(Now now);
    void handle(const Event& event, Now now);

    [[nodiscard]] const Head& head() const;
    [[nodiscard]] const StateTree& state() const;
    [[nodiscard]] DriverStatus status() const;
    [[nodiscard]] const ChainIdentity& identity() const;
    // The length that a blob must have to be taken from this account, if it is wanted at all.
    [[nodiscard]] std::optional<std::uint64_t> wanted_blob(const Digest& hash,
                                                           const PublicKey& account) const;
    [[nodiscard]] bool is_waiting(const Digest& transaction_id) const;  // in the mempool
    // Nonce for the next transaction of an account, counting what waits here.
    [[nodiscard]] std::uint64_t next_nonce(const PublicKey& account) const;

  private:
    class Core;  // in core.hpp, private to this folder
    explicit Driver(std::unique_ptr<Core> core);
    std::unique_ptr<Core> core_;
};

}  // namespace consilium::driver
