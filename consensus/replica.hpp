// The PBFT replica: a pure state machine, one height in flight, every committed block a stable
// checkpoint (Castro and Liskov, "Practical Byzantine Fault Tolerance", OSDI 1999).
//
// step() is the whole interface: an Input in, an Output of ordered actions out. No clock, no I/O,
// no randomness inside. Not thread-safe: one owner. After construction step it with a Tick at once,
// so that messages of an earlier life are sent again. The rules are numbered in
// consensus/README.md.
#pragma once
#include <memory>

#include "consensus/config.hpp"
#include "consensus/input.hpp"
#include "consensus/journal.hpp"
#include "consensus/output.hpp"
#include "consensus/signer.hpp"

namespace consilium::consensus {

// Where a replica starts.
struct StartState {
    BlockHeader head;                        // last durable block; the genesis header at first
    std::optional<Certificate> certificate;  // of the head; absent at genesis
    Membership membership;                   // certifies the next block
    RecoveredState journal;
    // Set when the store is older than what this key may have signed (empty, restored, corrupt):
    // fresh random bits. The replica then only observes until it is safe (P12). A store that was
    // initialised on purpose for a chain that starts now is not amnesic.
    std::optional<std::uint64_t> amnesia_nonce;
};

enum class Admission {
    kVerify,      // verify the signature, then step
    kDuplicate,   // known already
    kOutOfRange,  // outside the watermarks: past height, or too far ahead to be kept
    kTooMany,     // over this peer's rate or quota
    kNotMember,
};

class Replica {
  public:
    // `signer` must outlive the replica. `identity` binds all signatures to the chain.
    Replica(ReplicaConfig config, ChainIdentity identity, const Signer& signer, StartState start);
    Replica(Replica&&) noexcept;
    Replica& operator=(Replica&&) noexcept;
    ~Replica();

    [[nodiscard]] Output step(const Input& input);

    // Cheap test before verify(): nothing it refuses would change the replica. Claims about a
    // message that fails verification afterwards cost its link, not the member named in it.
    [[nodiscard]] Admission admit(const Message& message, TimeMs now) const;

    // For verify(): the identity and the memberships of this and the previous epoch.
    [[nodiscard]] const VerifyContext& verify_context() const;

    [[nodiscard]] Height height() const;  // the height being agreed on: head + 1
    [[nodiscard]] View view() const;
    [[nodiscard]] ReplicaId primary() const;              // of the current height and view
    [[nodiscard]] std::optional<ReplicaId> self() const;  // absent: not a member now
    // False while it only observes: not a member, amnesic, or behind its own journal.
    [[nodiscard]] bool can_vote() const;
    [[nodiscard]] bool is_changing_view() const;
    // Messages held for peers; at most max_buffered_messages() whatever they send (A9).
    [[nodiscard]] std::size_t buffered_messages() const;
    [[nodiscard]] std::size_t max_buffered_messages() const;

  private:
    class Machine;
    std::unique_ptr<Machine> machine_;
};

// Which member is primary: the proposer of the parent block keeps the office (PBFT paper, 2, a
// stable primary), each view moves it on by one.
[[nodiscard]] ReplicaId primary_of(const BlockHeader& parent, View view,
                                   const Membership& membership);

}  // namespace consilium::consensus
