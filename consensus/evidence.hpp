// Proof that a member signed two different messages for one slot.
//
// A value that anybody can check with the membership of its epoch: it holds both messages as they
// were signed. A replica makes at most one per member and kind at one height, so a
// flood of conflicting messages costs nothing more.
#pragma once
#include "consensus/verify.hpp"

namespace consilium::consensus {

struct Evidence {
    MessageType kind = MessageType::kPrePrepare;
    Slot slot;
    ReplicaId offender;
    Bytes first;  // encoded messages, both with valid signatures of the offender
    Bytes second;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kind", self.kind);
        visit("slot", self.slot);
        visit("offender", self.offender);
        visit("first", self.first, Limit{kMaxMessageBytes});
        visit("second", self.second, Limit{kMaxMessageBytes});
    }
    friend bool operator==(const Evidence&, const Evidence&) = default;
};

// What the sender committed itself to in its slot: two messages of one (kind, slot, sender) with
// different claims are equivocation. Checkpoints claim nothing that could conflict.
[[nodiscard]] std::optional<Slot> slot_of(const Message& message);
[[nodiscard]] Digest claim_of(const Message& message);

// kRefused when the two messages do not conflict.
[[nodiscard]] Result<void> verify_evidence(const Evidence& evidence, const VerifyContext& context);

}  // namespace consilium::consensus
