// Mask batches on chain: preparation, certification, assignment, end (smpc-protocol.md, section 4).
//
// A batch is certified at once when 3t+1-|X| members agree, after a check (sacrifice.hpp) when some
// are missing, and names a liar otherwise (disputes.hpp). A batch that was ever CERTIFIED is never
// revealed, one that was ever DISPUTED never assigned.
#pragma once
#include <cstdint>
#include <optional>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// prep_share
[[nodiscard]] schema::Code execute_prep_share(Execution& execution, const Sender& sender,
                                              const Transaction& transaction);

// T_prep has passed: what lacks members goes into the check.
void fire_batch_deadlines(Execution& execution);
// P3 to P5 of every batch, ascending, with X of the start of the block; then EXCLUDE.
void settle_batches(Execution& execution);
// Keeps the stock of batches for the served task.
void prepare_batches(Execution& execution);

// The smallest CERTIFIED batch of that length.
[[nodiscard]] std::optional<std::uint64_t> find_certified(const StateView& state,
                                                          const schema::EpochRecord& epoch,
                                                          std::uint64_t dimension);
void assign_batch(Execution& execution, const schema::BatchLabel& label, std::uint64_t round);
void consume_batch(Execution& execution, const schema::BatchLabel& label);
// At the end of an epoch: everything that lives becomes VOID. Changes the record given.
void void_batches(Execution& execution, schema::EpochRecord& epoch);

}  // namespace consilium::contracts::verification
