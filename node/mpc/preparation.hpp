// A member's part in mask batches (smpc-protocol.md, section 4): P1, PREP_SHARE, the coin chi,
// PREP_W, PREP_CHK, PREP_REVEAL.
//
// Passes over all masks of a batch are cut into slices: one step does a bounded amount of work, so
// that a round's shares never wait for the preparation of a later batch. What is unfinished is kept
// in memory only; a restart begins the pass again from the stored keys.
#pragma once
#include <map>
#include <optional>
#include <variant>

#include "fl_engine/smpc/sacrifice.hpp"
#include "node/mpc/batch_keys.hpp"

namespace consilium::mpc {

class Preparation {
  public:
    // Sets WorkerStatus::has_work_left when a pass is unfinished.
    [[nodiscard]] Result<void> step(const Context& context, EpochKeys& keys);

  private:
    using Work = std::variant<smpc::MaskBuilder, smpc::SacrificeVector, smpc::SacrificeProducts>;
    enum class Pass : std::uint8_t { kProducts, kWeights, kChecks };
    using PassId = std::pair<std::uint64_t, Pass>;  // of a batch
    struct Job {
        PassId id;
        Work work;
    };

    [[nodiscard]] Result<void> step_batch(const Context& context,
                                          const schema::BatchRecord& record);
    [[nodiscard]] Result<void> step_sacrifice(const Context& context,
                                              const schema::BatchRecord& record);
    [[nodiscard]] Result<void> claim(const Context& context, std::uint64_t batch);
    [[nodiscard]] Result<void> compute_products(const Context& context,
                                                const schema::BatchRecord& record);
    [[nodiscard]] Result<void> post_share(const Context& context,
                                          const schema::BatchRecord& record);
    [[nodiscard]] Result<void> post_weights(const Context& context,
                                            const schema::BatchRecord& record, BatchKeys& keys,
                                            const Digest& seed);
    [[nodiscard]] Result<void> post_check(const Context& context, const schema::BatchRecord& record,
                                          BatchKeys& keys, const Digest& seed);
    [[nodiscard]] Result<void> post_reveal(const Context& context,
                                           const schema::BatchRecord& record);
    // Sends what was computed for this pass before; false when there is nothing.
    [[nodiscard]] bool resend(const Context& context, const PassId& id) const;
    // Releases a message of the check once, and keeps it for repetitions.
    [[nodiscard]] Result<void> release(const Context& context, const PassId& id, BatchKeys& keys,
                                       Outgoing outgoing);
    // Works on the pass within the step's budget; the finished work, or nullptr.
    template <typename Make>
    [[nodiscard]] Work* run(const Context& context, const PassId& id, Make make);
    void forget_finished(const Context& context);
    // nullopt: not held, and the pass over them, if any, is dropped.
    [[nodiscard]] Result<std::optional<BatchKeys>> load_keys(const Context& context,
                                                             const schema::BatchRecord& record);

    std::optional<Job> job_;                  // one at a time
    std::map<PassId, Outgoing> ready_;        // computed, not in the state yet
    std::map<std::uint64_t, bool> prepared_;  // batches whose record has its products
    std::map<std::uint64_t, bool> claimed_;   // batches whose record says kServes
    std::uint64_t work_left_ = 0;             // multiplications of this step
};

}  // namespace consilium::mpc
