// Numbers ready for training: a row-major feature matrix and binary labels.
//
// Made from a Table by to_dataset(); every value is finite. Plain value.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace consilium::fl {

struct Dataset {
    std::vector<double> features;            // rows x columns, row-major
    std::vector<std::uint8_t> labels;        // 0 or 1, one a row
    std::vector<std::string> feature_names;  // one a column

    [[nodiscard]] std::size_t rows() const { return labels.size(); }
    [[nodiscard]] std::size_t columns() const { return feature_names.size(); }
    [[nodiscard]] std::span<const double> row(std::size_t index) const {
        return std::span(features).subspan(index * columns(), columns());
    }
    [[nodiscard]] std::size_t positives() const;
};

// The named rows in the named order; every index < rows().
[[nodiscard]] Dataset select_rows(const Dataset& data, std::span<const std::size_t> rows);

}  // namespace consilium::fl
