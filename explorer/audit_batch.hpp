// Recomputes one mask batch from its posts: delta, the decision, the check of a sacrifice, the
// blame of a dispute.
//
// smpc-protocol.md, section 4, P3 to P5.
#pragma once
#include <string>

#include "explorer/audit_dispute.hpp"

namespace consilium::explorer {

struct BatchAuditResult {
    std::uint64_t mpc_epoch{};
    Comparison comparison;
    std::optional<Blame> blame;
};
// `chain_id` is in every derived key.
[[nodiscard]] BatchAuditResult audit_batch(BatchTranscript transcript, const std::string& chain_id);

}  // namespace consilium::explorer
