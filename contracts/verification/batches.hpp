// Mask batches on chain: preparation, certification, assignment, end (smpc-protocol.md, section 4).
//
// A batch needs all validators the protocol asks for (3t+1); there is no sacrifice here. A disputed
// batch becomes VOID: its keys are erased, nothing of it is revealed.
#pragma once
#include <cstdint>
#include <optional>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// prep_share
[[nodiscard]] schema::Code execute_prep_share(Execution& execution, const Sender& sender,
                                              const Transaction& transaction);

// P3 for every batch that got a share in this block, ascending.
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
