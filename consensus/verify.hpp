// Authentication of messages: the only way from a decoded Message to one the replica takes.
//
// Order of checks (cheapest first): fields, membership, digests, signatures. Pure and free of
// state, so it may run on any thread; keep the context alive and unchanged meanwhile. Call
// Replica::admit() before it, which drops duplicates and what lies outside the watermarks.
// kUnavailable: the message names an epoch this replica does not know, a hint that it lags;
// every other error means the sender (or the link) is at fault. The link's peer need not be the
// message's sender: a replica relays the NEW-VIEW of another to a member that lacks it.
#pragma once
#include <utility>
#include <vector>

#include "consensus/messages.hpp"

namespace consilium::consensus {

struct VerifyContext {
    ChainIdentity identity;
    std::vector<Membership> memberships;  // of the epochs known: at least the current one

    [[nodiscard]] const Membership* find(Epoch epoch) const;
};

class VerifiedMessage {
  public:
    [[nodiscard]] const Message& message() const { return message_; }
    [[nodiscard]] ReplicaId sender() const { return sender_of(message_); }

  private:
    friend Result<VerifiedMessage> verify(Message message, const VerifyContext& context);
    explicit VerifiedMessage(Message message) : message_(std::move(message)) {}
    Message message_;
};

[[nodiscard]] Result<VerifiedMessage> verify(Message message, const VerifyContext& context);

// Exactly a quorum of distinct members, each PREPARE signature valid, header of this height and
// epoch, prepared in a view below `below`.
[[nodiscard]] Result<void> verify_prepared(const PreparedCertificate& prepared, const Slot& below,
                                           const ChainIdentity& identity,
                                           const Membership& membership);

}  // namespace consilium::consensus
