// Everything the driver cannot do itself: network, timer, disk, keys, and telling others.
//
// The node implements it with TLS links, RocksDB and a pool of threads; the simulator with a
// seeded event queue. All methods are called on the driver's thread and must not call back into
// the driver; answers come as events.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/membership.hpp"
#include "core/receipt.hpp"
#include "core/state_tree.hpp"
#include "node/driver/signatures.hpp"
#include "node/driver/storage.hpp"
#include "node/driver/wire.hpp"

namespace consilium::driver {

// Both clocks at one moment. Intervals are measured on the monotonic one only.
struct Now {
    std::uint64_t monotonic_ms{};  // never goes back while the process runs
    TimeMs wall;                   // Unix time; may jump
};

// Names a question of the caller's; the answer repeats it.
using Ticket = std::uint64_t;

enum class SubmissionStatus {
    kAccepted,   // in the mempool (or stored, for a blob) and relayed; promises nothing more
    kDuplicate,  // known already: waiting, or committed
    kRefused,    // see the error
};
struct SubmissionResult {
    Ticket ticket{};
    SubmissionStatus status{};
    Error error;  // meaningful for kRefused only
};

// A block that is final and durable on this node, with what follows from it.
struct CommittedBlock {
    const Block& block;
    const Certificate& certificate;
    const BlockReceipts& receipts;
    const StateTree& state;        // after the block; cheap to copy, a copy may go to any thread
    const Membership& membership;  // certifies the next block
    bool is_live{};                // false while catching up with others
};

enum class ReportKind {
    kDegraded,        // a storage error: no more votes from this driver
    kEvidence,        // a member signed two different messages for one place
    kInvalidMessage,  // a peer sent bytes that no correct node sends
    kInvalidProposal,
    kViewChanged,
    kAmnesia,  // this node lost votes it may have sent and only observes for a while
    kAmnesiaOver,
    kSyncPeerSwitched,
    kStateMismatch,  // a certified block does not follow from our state: a defect, we stop voting
};
struct Report {
    ReportKind kind{};
    std::string detail;                   // one line, printable ASCII, no secrets
    std::optional<PublicKey> offender{};  // of evidence
};

class Env {
  public:
    Env() = default;
    Env(const Env&) = delete;
    Env& operator=(const Env&) = delete;
    Env(Env&&) = delete;
    Env& operator=(Env&&) = delete;
    virtual ~Env() = default;

    // Queues a frame for a validator; may silently lose it.
    virtual void send(const PublicKey& to, const Frame& frame) = 0;
    // The same for all other validators that are linked (observers excluded).
    virtual void broadcast(const Frame& frame) = 0;
    // The peer's frame was no good; counts towards a pause of its link.
    virtual void report_invalid(const PublicKey& peer) = 0;

    // Hand in a TimerFired at this time or soon after. A later call replaces an earlier one.
    virtual void wake_at(std::uint64_t monotonic_ms) = 0;

    [[nodiscard]] virtual Storage& storage() = 0;
    // With the validator key. Nothing that is signed here is sent before its record is durable.
    [[nodiscard]] virtual Signature sign(const Digest& message) = 0;
    // Synchronous; for consensus messages, certificates and the unseen rest of a proposal.
    [[nodiscard]] virtual SignatureVerifier& verifier() = 0;
    // Asynchronous; the answer is a SignaturesChecked event with the same ticket, in any order.
    // At most limits::kMaxPendingChecks checks are open at any time.
    virtual void check_later(Ticket ticket, std::vector<SignatureCheck> checks) = 0;

    // After the block is durable. References are valid during the call only.
    virtual void on_committed(const CommittedBlock& committed) = 0;
    virtual void on_submission(const SubmissionResult& result) = 0;
    virtual void on_report(const Report& report) = 0;
    // For the worker, from a validator whose link has proved its key; any bytes. Must return fast.
    // Dropped where there is no worker.
    // NOLINTNEXTLINE(performance-unnecessary-value-param): whoever overrides it keeps the bytes
    virtual void on_letter(const PublicKey& /*from*/, Bytes /*content*/) {}
};

}  // namespace consilium::driver
