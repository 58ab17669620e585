// Reference sets and data weights by vote of the council (smpc-protocol.md, section 7.1).
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/reference_set.hpp"

namespace consilium::contracts::reference_sets {

// What is wrong with the payload by itself.
[[nodiscard]] schema::Code check(const schema::ReferenceSetApproval& approval);
// Reads the blob, counts its records, keeps the report, and gives the set to the task named.
[[nodiscard]] schema::Code approve(Execution& execution,
                                   const schema::ReferenceSetApproval& approval);
// Whether a task may use the set that its spec names, if any: approved, of its data schema, with as
// many columns as its model has inputs.
[[nodiscard]] bool fits(const StateView& state, const schema::TaskSpec& spec);

[[nodiscard]] schema::Code check(const schema::DataWeights& weights);
[[nodiscard]] schema::Code set_data_weights(Execution& execution,
                                            const schema::DataWeights& weights);

// Whether the blob of a council member's proposal may be taken or pulled now.
[[nodiscard]] bool is_proposal_expected(const StateView& state, const PublicKey& sender,
                                        const schema::Propose& propose);

}  // namespace consilium::contracts::reference_sets
