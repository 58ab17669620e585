// Local training of one hospital: mini-batch SGD from the global model, deterministic by seed.
//
// The hyperparameters are integers because they stand in the task on chain.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/data/dataset.hpp"
#include "fl_engine/models/model_spec.hpp"

namespace consilium::fl {

inline constexpr std::uint32_t kMaxEpochs = 1'000;  // a round must end
inline constexpr std::uint32_t kMaxRateMillionths = 100'000'000;

struct TrainingConfig {
    std::uint32_t epochs = 2;
    std::uint32_t batch_size = 16;
    std::uint32_t learning_rate_millionths = 50'000;
    std::uint32_t momentum_millionths = 0;      // < 1,000,000
    std::uint32_t weight_decay_millionths = 0;  // L2 term of the gradient

    friend bool operator==(const TrainingConfig&, const TrainingConfig&) = default;
};

[[nodiscard]] Result<void> check_training_config(const TrainingConfig& config);

// The seed of one hospital's training in one round: another round never repeats it, another
// attempt of the same round does (FL-MPC v1, section 5).
[[nodiscard]] std::uint64_t training_seed(std::uint64_t hospital_seed, std::uint64_t task,
                                          std::uint64_t round);

// The update: parameters after training minus before, not yet clipped. kRefused when the data
// does not fit the model or training left the finite numbers.
[[nodiscard]] Result<std::vector<double>> train_update(const ModelSpec& spec,
                                                       std::span<const std::int64_t> model,
                                                       const Dataset& data,
                                                       const TrainingConfig& config,
                                                       std::uint64_t seed);

}  // namespace consilium::fl
