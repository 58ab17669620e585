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

    // Whether the round keys are those of that round.
    [[nodiscard]] bool are_at(const schema::EpochRecord& epoch, std::uint64_t round) const {
        return epoch.first_round && *epoch.first_round + round_steps == round;
    }

    // nullopt: nothing stored.
    [[nodiscard]] static Result<std::optional<EpochKeys>> load(const Context& context);
    [[nodiscard]] Result<void> store(const Context& context) const;
};

// Loads the keys of the active epoch, or derives them from the setup's openings and makes them and
// the clients' bundles durable; then the caller erases the setup. nullopt: this member cannot,
// because ciphertexts are not here yet, or for good because a leader sent none that fits or the
// disk was lost; then no setup is held any more, and the other members can be asked (recovery.hpp).
[[nodiscard]] Result<std::optional<EpochKeys>> hold_epoch_keys(const Context& context);

// CLIENT_KEYS that the state does not hold yet.
[[nodiscard]] Result<void> post_client_keys(const Context& context);

// By how many steps the round keys of this state's round lie behind the epoch's first round.
[[nodiscard]] std::uint64_t round_steps_of(const Context& context);
// Steps the round keys to the round that the state is at, and makes that durable. Never back: in a
// state that is behind, the keys are ahead and fit no round of it.
[[nodiscard]] Result<void> step_round_keys(const Context& context, EpochKeys& keys);

// Erases everything of epochs before `current`. True when the store holds secrets of a later epoch:
// then the state is behind what this member has seen, and nothing must be answered to it.
[[nodiscard]] Result<bool> erase_older_epochs(SecretStore& secrets, std::uint64_t current);

}  // namespace consilium::mpc
