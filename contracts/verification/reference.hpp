// REF and the reference update of a round (smpc-protocol.md, sections 6 and 7.1).
//
// Every chain validator posts (hash, squared norm) of the update it computed; it counts for all
// attempts of the round. At h_sub the pair that a quorum of the chain's validators posted becomes
// g. The contract never reads g itself.
#pragma once
#include <optional>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// reference
[[nodiscard]] schema::Code execute_reference(Execution& execution, const Sender& sender,
                                             const Transaction& transaction);
// Whether the round waits for no more REF: it uses none, a quorum agrees, or all have posted.
[[nodiscard]] bool is_reference_settled(const StateView& state, const schema::RoundRecord& round);
// At h_sub: g of the attempt and its event, if a quorum agrees. The caller stores the round.
void fix_reference(Execution& execution, schema::RoundRecord& round);
// The posting of a validator that leaves, for the round that goes on without it.
void forget_reference_of(Execution& execution, const PublicKey& validator);
// When the round is over.
void forget_references(Execution& execution, const schema::RoundRecord& round);
// Whether the REF may be pulled for: of a chain validator that has not posted, for the open round.
[[nodiscard]] bool is_reference_expected(const StateView& state, const PublicKey& sender,
                                         const schema::ReferenceUpdate& arguments);

}  // namespace consilium::contracts::verification
