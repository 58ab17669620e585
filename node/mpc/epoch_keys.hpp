// Keys of an active epoch: chains of masks, ratchets of rounds, bundles for the clients.
//
// One record of the SecretStore holds the chains at the next batch and the round keys at the
// current round; older keys exist nowhere. Bundles (CLIENT_KEYS) are randomised and kept until the
// state holds them.
#pragma once
#include <vector>

#include "fl_engine/smpc/keys.hpp"
#include "node/mpc/context.hpp"

namespace consilium::mpc {

struct EpochKeys {
    std::uint64_t next_batch = 0;
    std::uint64_t round_steps = 0;  // the round keys are at first_round + round_steps
    std::vector<std::vector<smpc::ClientChainKey>> chains;  // per slot 0..M, in ring order
    std::vector<smpc::PrepChainKey> prep;
    std::vector<smpc::CoinRoundKey> coin;
    std::vector<smpc::BlurRoundKey> blur;

    // nullopt: nothing stored.
    [[nodiscard]] static Result<std::optional<EpochKeys>> load(const Context& context);
    [[nodiscard]] Result<void> store(const Context& context) const;
};

// Loads the keys of the active epoch, or derives them from the setup's openings, makes them and
// the clients' bundles durable, and erases the setup. nullopt: this member cannot (a key is
// missing); it stays silent until the next epoch.
[[nodiscard]] Result<std::optional<EpochKeys>> hold_epoch_keys(const Context& context);

// CLIENT_KEYS that the state does not hold yet.
[[nodiscard]] Result<void> post_client_keys(const Context& context);

// Steps the round keys to the round that the state is at, and makes that durable.
[[nodiscard]] Result<void> step_round_keys(const Context& context, EpochKeys& keys);

// Erases everything of epochs other than `keep`.
[[nodiscard]] Result<void> erase_other_epochs(SecretStore& secrets,
                                              std::optional<std::uint64_t> keep);

}  // namespace consilium::mpc
