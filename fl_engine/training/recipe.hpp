// Hyperparameters that were found to train well, per data set; the measurements are in README.md.
//
// A launcher's defaults. A council may open a task with any others.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fl_engine/models/model_spec.hpp"
#include "fl_engine/training/local_training.hpp"

namespace consilium::fl {

struct Recipe {
    ModelSpec spec;
    TrainingConfig training;
    std::uint32_t rounds = 6;
    std::uint64_t initial_clip = 0;  // C of the first round, units of 2^-32
};

// `source` as in Source::name; any folder gets the recipe of wdbc for its number of features.
// `hidden_units`: width of the hidden layer; the figures were measured with the usual one.
inline constexpr std::uint32_t kUsualHiddenUnits = 16;
[[nodiscard]] Recipe default_recipe(std::string_view source, std::size_t feature_count,
                                    std::uint32_t hidden_units = kUsualHiddenUnits);

}  // namespace consilium::fl
