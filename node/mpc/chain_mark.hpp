// Whether the chain is still the one that was answered before: a quorum may have set it back.
//
// Secrets do not go back with a ledger that is restored from a copy, and what left under them is
// known: coins are open, masks are used. So the store keeps a mark of the newest final state that a
// step has looked at, durable before that step does anything. A chain that reaches the height of
// the mark with another block there was set back, and the epochs that were known then are void: on
// the new branch they would use the same keys again. A chain that is below the mark may be one that
// is only being fetched again, so it is waited for in silence.
#pragma once
#include <cstdint>
#include <optional>

#include "node/mpc/worker.hpp"

namespace consilium::mpc {

enum class ChainView {
    kFollows,  // the answered state is part of this chain, or nothing that was answered can be
               // asked
    kBehind,   // not there yet: say nothing
    kSetBack,  // the present epoch is void: say nothing but this
};

class ChainMark {
  public:
    // `newest_epoch`: the latest MPC epoch that was opened in this state, 0: none. `block_at` as in
    // WorkerOptions. Errors of the store.
    [[nodiscard]] Result<ChainView> look(
        SecretStore& secrets, const ChainPosition& at, std::uint64_t newest_epoch,
        const std::function<std::optional<Digest>(Height)>& block_at);

  private:
    struct Mark {
        Height height;
        Digest block;
        std::uint64_t newest_epoch{};  // known by then
        std::uint64_t void_through{};  // epochs up to this one are of a forgotten branch
    };
    [[nodiscard]] static Result<std::optional<Mark>> load(SecretStore& secrets);
    [[nodiscard]] Result<void> store(SecretStore& secrets, const Mark& mark);

    std::optional<Mark> mark_;  // as stored
    bool is_part_ = false;      // of this chain, which only grows while the process lives
};

}  // namespace consilium::mpc
