// Recomputes one mask batch from its posts: delta, the decision, and the check of a sacrifice.
//
// smpc-protocol.md, section 4, P3 and P4. The blame of a dispute (P5) is not repeated here: it is
// checked by executing the blocks, and counted as such.
#pragma once
#include "explorer/audit_openings.hpp"

namespace consilium::explorer {

[[nodiscard]] Comparison audit_batch(BatchTranscript transcript);

}  // namespace consilium::explorer
