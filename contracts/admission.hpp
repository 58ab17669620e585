// Whether a transaction may stand in a block at all.
#pragma once
#include <optional>

#include "contracts/executor.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/state_view.hpp"

namespace consilium::contracts {

struct ChainRules {
    schema::ChainRecord chain;
    schema::Parameters parameters;
};
[[nodiscard]] ChainRules load_rules(const StateView& state);

[[nodiscard]] schema::Code check_admission(const StateView& state, const ChainRules& rules,
                                           const Transaction& transaction,
                                           const AdmissionContext& context);

// Marks the nonce as used and counts it against the quota.
void use_nonce(StateView& state, const schema::Parameters& parameters,
               const Transaction& transaction, Height height);
// For the key that an account goes over to: it begins at nonce 0 with the quota that the old one
// has left, the transaction at hand counted.
void hand_quota_over(StateView& state, const schema::Parameters& parameters, const PublicKey& from,
                     const PublicKey& to, Height height);

}  // namespace consilium::contracts
