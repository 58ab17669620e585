// Pledges and submissions of masked updates, and proofs of their range.
//
// A pledge is write-once per (mpc_epoch, batch, slot), for ever: the chain, not a trainer's disk,
// decides which masked update exists, so no mask is ever used for two updates. A range proof is
// write-once in the same way: a second one under the same mask would reveal digits of the update.
#pragma once
#include "contracts/execution.hpp"

namespace consilium::contracts::submission {

[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const Transaction& transaction);

}  // namespace consilium::contracts::submission
