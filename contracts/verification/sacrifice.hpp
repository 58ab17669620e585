// The check of a batch that a member has not prepared: PREP_W, PREP_CHK (smpc-protocol.md, P4).
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// prep_w, prep_check
[[nodiscard]] schema::Code execute_sacrifice(Execution& execution, const Sender& sender,
                                             const Transaction& transaction);

// Opens what the posted shares allow: the coin chi, then w, then the checks, one after the other;
// the batch becomes CERTIFIED or DISPUTED.
void advance_sacrifice(Execution& execution, const schema::EpochRecord& epoch,
                       schema::BatchRecord& batch);

// chi_1..chi_M of a batch whose coin is open.
[[nodiscard]] std::vector<std::uint64_t> sacrifice_factors(const StateView& state,
                                                           const schema::EpochRecord& epoch,
                                                           const schema::BatchLabel& label);

}  // namespace consilium::contracts::verification
