// Implements the area under the curve by ranks, accuracies and their fixed-point form.
#include "fl_engine/training/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/check.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/models/network.hpp"

namespace consilium::fl {

std::optional<double> area_under_curve(std::span<const double> scores,
                                       std::span<const std::uint8_t> labels) {
    CHECK(scores.size() == labels.size());
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
    // Counts in halves: a positive beats every negative below it and ties with its equals.
    Uint128 half_wins = 0;
    std::uint64_t negatives = 0;
    std::uint64_t positives = 0;
    for (std::size_t from = 0; from < order.size();) {
        std::uint64_t tied[2] = {0, 0};
        std::size_t to = from;
        for (; to < order.size() && scores[order[to]] == scores[order[from]]; ++to) {
            ++tied[labels[order[to]] == 0 ? 0 : 1];
        }
        CHECK(to > from);  // a NaN would equal nothing, not even itself
        half_wins += static_cast<Uint128>(tied[1]) * (2 * negatives + tied[0]);
        negatives += tied[0];
        positives += tied[1];
        from = to;
    }
    if (negatives == 0 || positives == 0) return std::nullopt;
    return static_cast<double>(half_wins) /
           (2.0 * static_cast<double>(negatives) * static_cast<double>(positives));
}

Metrics measure(std::span<const double> scores, std::span<const std::uint8_t> labels,
                double threshold) {
    CHECK(scores.size() == labels.size());
    if (scores.empty()) return {};
    double count[2] = {0, 0};
    double right[2] = {0, 0};
    for (std::size_t i = 0; i < scores.size(); ++i) {
        const std::size_t label = labels[i] == 0 ? 0 : 1;
        const std::size_t predicted = scores[i] >= threshold ? 1 : 0;
        count[label] += 1;
        if (label == predicted) right[label] += 1;
    }
    Metrics out;
    out.auc = area_under_curve(scores, labels);
    out.accuracy = (right[0] + right[1]) / (count[0] + count[1]);
    if (count[0] > 0 && count[1] > 0) {
        out.balanced_accuracy = (right[0] / count[0] + right[1] / count[1]) / 2;
    }
    return out;
}

Metrics evaluate(const ModelSpec& spec, std::span<const std::int64_t> model, const Dataset& data) {
    // Logits, not probabilities: far from 0.5 the sigmoid maps distinct scores to one number.
    return measure(Network(spec).logits(to_doubles(model), data), data.labels, 0.0);
}

std::optional<std::int32_t> to_millionths(std::optional<double> metric) {
    if (!metric) return std::nullopt;
    CHECK(*metric >= 0 && *metric <= 1);
    return static_cast<std::int32_t>(std::lround(*metric * kMetricUnitsPerOne));
}

double from_millionths(std::int32_t metric) {
    return static_cast<double>(metric) / kMetricUnitsPerOne;
}

}  // namespace consilium::fl
