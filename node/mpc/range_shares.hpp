// A member's shares of the range proofs of one round (smpc-protocol.md, R5 and R6).
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/statistics.hpp"
#include "node/mpc/batch_keys.hpp"

namespace consilium::mpc {

// lambda, phi and psi of V0, ascending; `clients` are this member's shares of their updates.
// nullopt: a proof's blob is not here yet, or the state lacks what a round in STAT1 has.
[[nodiscard]] std::optional<std::vector<smpc::RangeShares>> evaluate_ranges(
    const Context& context, const BatchKeys& keys, const schema::RoundRecord& round,
    std::span<const smpc::ClientShare> clients);

}  // namespace consilium::mpc
