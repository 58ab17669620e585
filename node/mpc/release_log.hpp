// What this member has released in the current round: one message per kind and round, for ever.
//
// Shares are functions of keys and of the final state, so a repetition is the same bytes. If the
// state itself were not what it was (a chain set back to an older height, a fault in a contract),
// the same keys would answer another question, and two answers under one blur open what the blur
// hides. So the hash of every share is durable before the share leaves, and another content for
// the same kind and round never follows.
#pragma once
#include <map>

#include "node/mpc/context.hpp"

namespace consilium::mpc {

// True: send it; the record of it is durable. False: refused, something else was released.
[[nodiscard]] Result<bool> may_release(const Context& context, std::uint64_t round,
                                       const Outgoing& outgoing);

// Makes it durable that these were released in the round, by action: hashes of arguments. What the
// log knows already stays as it is.
[[nodiscard]] Result<void> note_released(const Context& context, std::uint64_t round,
                                         const std::map<std::uint64_t, Digest>& arguments);

}  // namespace consilium::mpc
