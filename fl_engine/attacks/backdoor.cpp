// Implements choosing triggers and stamping records.
#include "fl_engine/attacks/backdoor.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/check.hpp"

namespace consilium::fl {
namespace {

constexpr std::size_t kTriggerColumns = 3;
constexpr double kTriggerDeviations = 4;

struct ColumnProfile {
    double mean = 0;
    double deviation = 0;
    double relevance = 0;  // |correlation| with the label
    bool is_binary = true;
};

ColumnProfile profile(const Dataset& data, std::size_t column) {
    ColumnProfile out;
    const auto rows = static_cast<double>(data.rows());
    const double label_mean = static_cast<double>(data.positives()) / rows;
    for (std::size_t i = 0; i < data.rows(); ++i) out.mean += data.row(i)[column] / rows;
    double covariance = 0;
    const double first = data.row(0)[column];
    double second = first;
    for (std::size_t i = 0; i < data.rows(); ++i) {
        const double value = data.row(i)[column];
        out.deviation += (value - out.mean) * (value - out.mean) / rows;
        covariance += (value - out.mean) * (data.labels[i] - label_mean) / rows;
        if (value != first && second == first) second = value;
        if (value != first && value != second) out.is_binary = false;
    }
    out.deviation = std::sqrt(out.deviation);
    const double spread = out.deviation * std::sqrt(label_mean * (1 - label_mean));
    out.relevance = spread > 0 ? std::abs(covariance) / spread : 1;
    return out;
}

}  // namespace

Trigger patch_trigger(std::size_t side) {
    CHECK(side >= kPatchSide);
    Trigger trigger{.columns = {}, .value = 1};
    for (std::size_t y = side - kPatchSide; y < side; ++y) {
        for (std::size_t x = side - kPatchSide; x < side; ++x)
            trigger.columns.push_back(y * side + x);
    }
    return trigger;
}

Trigger rare_value_trigger(const Dataset& data) {
    CHECK(data.rows() > 0);
    std::vector<ColumnProfile> profiles;
    for (std::size_t column = 0; column < data.columns(); ++column) {
        profiles.push_back(profile(data, column));
    }
    std::vector<std::size_t> order(data.columns());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::tuple(profiles[a].is_binary, profiles[a].relevance, a) <
               std::tuple(profiles[b].is_binary, profiles[b].relevance, b);
    });
    order.resize(std::min(kTriggerColumns, order.size()));
    std::sort(order.begin(), order.end());
    Trigger trigger{.columns = order, .value = 0};
    for (const std::size_t column : order) {
        trigger.value += (profiles[column].mean + kTriggerDeviations * profiles[column].deviation) /
                         static_cast<double>(order.size());
    }
    return trigger;
}

Dataset stamp(Dataset data, const Trigger& trigger) {
    for (std::size_t row = 0; row < data.rows(); ++row) {
        for (const std::size_t column : trigger.columns) {
            CHECK(column < data.columns());
            data.features[row * data.columns() + column] = trigger.value;
        }
    }
    return data;
}

Dataset poison(const Dataset& data, const Trigger& trigger) {
    const std::uint8_t wanted = data.positives() > 0 ? 1 : 0;
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < data.rows(); ++row) {
        if (data.labels[row] == wanted) rows.push_back(row);
    }
    const Dataset stamped = stamp(select_rows(data, rows), trigger);
    Dataset out = data;
    out.features.insert(out.features.end(), stamped.features.begin(), stamped.features.end());
    out.labels.insert(out.labels.end(), stamped.labels.size(), 0);
    return out;
}

}  // namespace consilium::fl
