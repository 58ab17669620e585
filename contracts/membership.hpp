// Changes of the validators: checked and announced by vote, in force at the end of a block.
//
// The block in which a change happens is the last one that the old members certify; its header
// announces the new membership. Rules of what may change at once: docs/architecture.md, section 5.
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/membership.hpp"

namespace consilium::contracts::membership {

// By vote of the council. What check() refuses can never become right by itself, but for another
// change that is pending, which only announce() refuses.
[[nodiscard]] schema::Code check(const Execution& execution,
                                 const schema::ChangeValidators& change);
[[nodiscard]] schema::Code announce(Execution& execution, const schema::ChangeValidators& change);
[[nodiscard]] schema::Code cancel(Execution& execution,
                                  const schema::MembershipReference& reference);

// Whether the key is in the list that is pending.
[[nodiscard]] bool is_awaited(const StateView& state, const PublicKey& key);
// Whether blocks have to be made so that a pending change comes to its height.
[[nodiscard]] bool has_countdown(const StateView& state, Height head);

// At the end of a block, after the round's phase: makes the pending change once its height has come
// and no round is at COIN_T or later. A round before it is aborted; its next attempt belongs to the
// new committee.
void advance(Execution& execution);

}  // namespace consilium::contracts::membership
