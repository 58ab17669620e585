// Local training as fl::train_update does it, several times faster for one hidden layer.
//
// The same steps in the same order and in doubles; only the order inside sums differs, so updates
// agree to about twelve digits (tested). A table of the laboratory needs thousands of trainings.
#pragma once
#include "core/result.hpp"
#include "fl_engine/training/local_training.hpp"

namespace consilium::lab {

// Arguments and errors of fl::train_update. Other models, momentum and weight decay are handed on
// to it.
[[nodiscard]] Result<std::vector<double>> train_fast(const fl::ModelSpec& spec,
                                                     std::span<const std::int64_t> model,
                                                     const fl::Dataset& data,
                                                     const fl::TrainingConfig& config,
                                                     std::uint64_t seed);

}  // namespace consilium::lab
