// What hospitals have spent of their privacy: records per task and over all tasks, and events.
//
// Charged as soon as something can be seen, not when a round ends well: the local level in the
// block from which members post shares of statistics, the central level in the block that fixes the
// weights of the sum, because from then on shares of the sum are visible before any block holds
// them. An attempt that is aborted before its statistics costs nothing; a round that is cancelled
// later keeps what was charged. Tasks without noise have no account: nothing bounds their cost.
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::privacy {

// The statistics of these clients' updates begin to open.
void charge_statistics(Execution& execution, const schema::RoundRecord& round,
                       schema::SlotSet clients);
// The weighted sum begins to open; passed and reduced_weights of `round` are set.
void charge_sum(Execution& execution, const schema::RoundRecord& round);

}  // namespace consilium::contracts::privacy
