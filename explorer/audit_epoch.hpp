// Recomputes what an MPC epoch owes to its disputes: X, and the halt when it breaks.
//
// smpc-protocol.md, section 1 (X) and 4 (P5). Runs after all batches of the epoch.
#pragma once
#include <vector>

#include "explorer/audit_dispute.hpp"

namespace consilium::explorer {

// `blames`: of the epoch's batches, in any order. A dispute that could not be recomputed is a
// finding of its batch already; then exclusions are not compared again here.
[[nodiscard]] Comparison audit_epoch(const EpochTranscript& epoch, std::vector<Blame> blames);

}  // namespace consilium::explorer
