// How good a model is on labelled data, and the fixed-point form that goes on chain.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "fl_engine/data/dataset.hpp"
#include "fl_engine/models/model_spec.hpp"

namespace consilium::fl {

// Each is absent when the data does not define it: no rows, or, for auc and balanced accuracy,
// one class only.
struct Metrics {
    std::optional<double> auc;  // area under the ROC curve, ties count one half
    std::optional<double> accuracy;
    std::optional<double> balanced_accuracy;  // mean of the recalls of both classes

    friend bool operator==(const Metrics&, const Metrics&) = default;
};

// Scores in any monotone scale, without NaN; O(n log n).
[[nodiscard]] std::optional<double> area_under_curve(std::span<const double> scores,
                                                     std::span<const std::uint8_t> labels);
// Class 1 is predicted where the score is >= threshold.
[[nodiscard]] Metrics measure(std::span<const double> scores, std::span<const std::uint8_t> labels,
                              double threshold);
// The global model on data with as many columns as the model has inputs.
[[nodiscard]] Metrics evaluate(const ModelSpec& spec, std::span<const std::int64_t> model,
                               const Dataset& data);

inline constexpr std::int32_t kMetricUnitsPerOne = 1'000'000;
// Nearest millionth; absent stays absent.
[[nodiscard]] std::optional<std::int32_t> to_millionths(std::optional<double> metric);
[[nodiscard]] double from_millionths(std::int32_t metric);

}  // namespace consilium::fl
