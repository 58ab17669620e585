// The verdict step of a round: from opened statistics to codes and weights, and its record.
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// Codes of a round that ends before STAT2 because too few passed the tests of range and norm.
void store_early_verdict(Execution& execution, const schema::RoundRecord& round,
                         const schema::EpochRecord& epoch);

}  // namespace consilium::contracts::verification
