// The phases of a round on chain: windows, coins, STAT1, STAT2, AGG, result (smpc-protocol.md,
// section 6).
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// stat1, stat2, aggregate, aggregate_ok.
[[nodiscard]] schema::Code execute_share(Execution& execution, const Sender& sender,
                                         const Transaction& transaction);

// Windows of the round that have passed at this block.
void fire_round_deadlines(Execution& execution);
// After the transactions: VECOPEN of the open phase, at most one phase change a block.
void settle_round(Execution& execution);

}  // namespace consilium::contracts::verification
