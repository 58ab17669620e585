// Recomputes the blame of a disputed batch from its revealed keys.
//
// smpc-protocol.md, section 4, P5. Keys are agreed on by counting copies; then every poster's share
// of the disputed item is computed the way an honest member prepares it (P1, P2: a stream of mask
// shares, their products, rho and zeta), and compared with what it posted. Nothing of the
// contracts' own recomputation (smpc/dispute.hpp) is used. Cost: for each poster and asked slot
// C(n-1,t) streams of d elements.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "explorer/audit_openings.hpp"

namespace consilium::explorer {

// What the steps before the dispute came to, as far as they were recomputed.
struct DisputeInput {
    const BatchTranscript& batch;
    const std::string& chain_id;
    std::optional<Digest> seed;                  // of chi
    std::vector<smpc::MemberIndex> weight_base;  // members whose PREP_W defines w
};

// Who a dispute blames, in order of members, also those who were in X before it.
struct Blame {
    Height burned;
    std::vector<std::uint16_t> members;
};
// Adds the faults of PREP_REVEAL to `audit` and compares exclusions and records. nullopt: the
// dispute was not finished, or a finding says why nothing could be computed.
[[nodiscard]] std::optional<Blame> audit_dispute(OpeningAudit& audit, const DisputeInput& input);
// Takes the chain's word for a batch that is not recomputed; nullopt: it was not burned.
[[nodiscard]] std::optional<Blame> adopt_blame(const BatchTranscript& batch);

}  // namespace consilium::explorer
