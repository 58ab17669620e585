// A member's COIN_SHARE messages (smpc-protocol.md, section 3).
//
// The caller has seen in a final state that the coin's phase is open. A share is a function of the
// coin's label and keys and of nothing in the state, so it needs no entry in the release log: one
// label has one content whatever a state says.
#pragma once
#include "contracts/schema/keys.hpp"
#include "node/mpc/batch_keys.hpp"

namespace consilium::mpc {

// Whether the state lacks our share of that coin.
[[nodiscard]] bool is_coin_share_owed(const Context& context, const schema::keys::CoinId& coin);

// chi of a batch, from its keys pi_A^b.
[[nodiscard]] Outgoing make_chi_share(const Context& context, const BatchKeys& keys,
                                      const schema::BatchLabel& batch);
// R or T of an attempt. `keys` must be at the label's round (EpochKeys::are_at).
[[nodiscard]] Outgoing make_round_coin_share(const Context& context, const EpochKeys& keys,
                                             schema::CoinKind kind,
                                             const schema::RoundLabel& label);

}  // namespace consilium::mpc
