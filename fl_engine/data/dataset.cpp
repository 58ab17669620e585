// Implements counting and selecting rows of a dataset.
#include "fl_engine/data/dataset.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace consilium::fl {

std::size_t Dataset::positives() const {
    return static_cast<std::size_t>(std::count(labels.begin(), labels.end(), std::uint8_t{1}));
}

Dataset select_rows(const Dataset& data, std::span<const std::size_t> rows) {
    Dataset out;
    out.feature_names = data.feature_names;
    out.features.reserve(rows.size() * data.columns());
    out.labels.reserve(rows.size());
    for (const std::size_t row : rows) {
        CHECK(row < data.rows());
        const std::span<const double> values = data.row(row);
        out.features.insert(out.features.end(), values.begin(), values.end());
        out.labels.push_back(data.labels[row]);
    }
    return out;
}

}  // namespace consilium::fl
