// The check of a batch that a member has not prepared: PREP_W, PREP_CHK (smpc-protocol.md, P4).
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// prep_w, prep_check
[[nodiscard]] schema::Code execute_sacrifice(Execution& execution, const Sender& sender,
                                             const Transaction& transaction);

// Whether a PREP_W of this batch is looked at: once chi is open; after w is open it is compared
// with w, as long as the batch's shares are kept.
[[nodiscard]] bool takes_weights(const StateView& state, const schema::BatchRecord& batch);

// Opens what the posted shares allow: the coin chi, then w, then the checks, one after the other;
// the batch becomes CERTIFIED or DISPUTED.
void advance_sacrifice(Execution& execution, const schema::EpochRecord& epoch,
                       schema::BatchRecord& batch);

// chi_1..chi_M of a batch whose coin is open.
[[nodiscard]] std::vector<std::uint64_t> sacrifice_factors(const StateView& state,
                                                           const schema::EpochRecord& epoch,
                                                           const schema::BatchLabel& label);

}  // namespace consilium::contracts::verification
