// Handing keys of the active epoch to a member that has lost its own (smpc-protocol.md, 10).
//
// Given is only to a member of this epoch that is not excluded, upon a request that its validator
// key signed for us and that shows the challenge of our last letter: a request that is repeated, or
// of another epoch, gives nothing. Given are only columns of subsets that hold the asker, which it
// is entitled to; only at the index of this final state, because nothing else is held; of batches
// only those that are not CONSUMED, BURNED or VOID. All of it sealed to the fresh key of the
// request.
//
// Bounded: one request of a member per step, one letter for it, and no more than kMaxRepeats times
// everything in an epoch. Lives in memory: a restart begins to count again, with other challenges.
//
// The price of recovery: whoever holds a validator's key can ask in its name, so that key alone is
// worth the current keys of the epoch, though nothing older. Hence the count of askers in
// WorkerStatus, which the node logs.
#pragma once
#include <map>
#include <utility>
#include <vector>

#include "node/mpc/mailbox.hpp"
#include "node/mpc/recovery_parts.hpp"

namespace consilium::mpc {

class RecoveryAnswers {
  public:
    static constexpr std::size_t kMaxRepeats = 16;

    // Replies to the requests among `received`. `keys` are at this state and durable.
    [[nodiscard]] Result<void> step(const Context& context, const EpochKeys& keys,
                                    const std::vector<Letter>& received);
    [[nodiscard]] std::vector<Letter> take_sent() { return std::exchange(sent_, {}); }

  private:
    struct Talk {
        Digest challenge;  // that the next request must show
        std::size_t bytes_given{};
        std::uint64_t step{};  // of the last request
    };
    [[nodiscard]] Result<void> answer(const Context& context, const EpochKeys& keys,
                                      smpc::MemberIndex asker, const RecoveryRequest& request);

    std::map<smpc::MemberIndex, Talk> talks_;
    std::uint64_t steps_ = 0;
    std::vector<Letter> sent_;
};

}  // namespace consilium::mpc
