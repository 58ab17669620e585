// Coins on chain: COIN_SHARE, VECOPEN, SEED (smpc-protocol.md, section 3).
//
// A coin is named by its kind and label; its record lives from the first share until its batch or
// its attempt is over, so late shares can still be compared. Who drives a phase with a coin calls
// try_open_coin() when shares have come and goes on once there is a seed.
#pragma once
#include <optional>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// coin_share
[[nodiscard]] schema::Code execute_coin_share(Execution& execution, const Sender& sender,
                                              const Transaction& transaction);

[[nodiscard]] schema::keys::CoinId chi_coin(const schema::BatchLabel& label);
// `kind` is kRange or kTest.
[[nodiscard]] schema::keys::CoinId round_coin(schema::CoinKind kind,
                                              const schema::RoundLabel& label);
// The coin whose shares a round's phase collects; nullopt for all other phases.
[[nodiscard]] std::optional<schema::CoinKind> coin_of(schema::Phase phase);

// Stores one share; after the SEED it is compared with the polynomial. `is_open`: the phase of this
// coin is the current one; otherwise only late shares of an opened coin are taken.
[[nodiscard]] schema::Code post_coin_share(Execution& execution, const Sender& sender,
                                           const schema::EpochRecord& epoch,
                                           const schema::CoinShare& share, bool is_open);
// An empty record when nobody has posted.
[[nodiscard]] schema::CoinRecord load_coin(const StateView& state, const schema::keys::CoinId& id);
// The seed, also of a coin that was opened before. nullopt: the shares do not suffice (WAIT).
[[nodiscard]] std::optional<Digest> try_open_coin(Execution& execution,
                                                  const schema::EpochRecord& epoch,
                                                  const schema::keys::CoinId& id);
void forget_coin(Execution& execution, const schema::keys::CoinId& id);
void forget_round_coins(Execution& execution, const schema::RoundLabel& label);

}  // namespace consilium::contracts::verification
