// The declared shape of a CSV file: what each column means and how it becomes features.
//
// All hospitals of a task use one schema, so that feature k means the same everywhere. Constants
// (impute, centre, scale) are part of it and public. Text form, TOML:
//
//   format = "consilium-schema-1"
//   header = "names"                    # names | skip | none: what the first line holds
//   missing = ["", "NaN", "?"]          # cells that mean: not known
//   [[column]]                          # in the order of the file
//   name = "chol"
//   kind = "numeric"                    # numeric | categorical | label | ignored
//   zero_is_missing = true              # numeric only
//   impute = 240.0                      # instead of a missing value; categorical: one of values
//   centre = 246.6                      # feature = (value - centre) / scale
//   scale = 51.8
//   [[column]]
//   name = "num"
//   kind = "label"                      # exactly one column
//   negative = ["0"]
//   positive = ["1", "2", "3", "4"]
//
// A categorical column has `values` and becomes one 0/1 feature per value.
#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace consilium::fl {

inline constexpr std::size_t kMaxColumns = 4'096;   // as many features as a d <= 2^20 MLP takes
inline constexpr std::size_t kMaxCategories = 256;  // more is an identifier, not a category
inline constexpr std::size_t kMaxNameBytes = 128;   // names stand in messages and reports
inline constexpr std::size_t kMaxSchemaBytes = 1U << 20U;  // kMaxColumns columns of usual size

enum class ColumnKind { kNumeric, kCategorical, kLabel, kIgnored };
enum class HeaderKind { kNames, kSkip, kNone };

struct Column {
    std::string name;
    ColumnKind kind{};
    bool zero_is_missing = false;             // numeric
    std::optional<double> impute;             // numeric; absent: a missing cell is an error
    std::optional<double> centre;             // numeric
    std::optional<double> scale;              // numeric, > 0
    std::vector<std::string> values;          // categorical: at least two, distinct
    std::optional<std::string> impute_value;  // categorical
    std::vector<std::string> negative;        // label
    std::vector<std::string> positive;        // label

    friend bool operator==(const Column&, const Column&) = default;
};

struct Schema {
    HeaderKind header = HeaderKind::kNames;
    std::vector<std::string> missing;
    std::vector<Column> columns;

    [[nodiscard]] std::size_t feature_count() const;
    friend bool operator==(const Schema&, const Schema&) = default;
};

// Every rule of the text form; the error names the column and the cure.
[[nodiscard]] Result<void> check_schema(const Schema& schema);
// `name` stands in messages.
[[nodiscard]] Result<Schema> parse_schema(std::string_view toml, std::string_view name);
[[nodiscard]] Result<Schema> load_schema(const std::filesystem::path& file);
// parse_schema(format_schema(x)) == x for every schema that check_schema accepts.
[[nodiscard]] std::string format_schema(const Schema& schema);

// True when two cells name the same category: equal text, or equal numbers ("1.0" and "1").
[[nodiscard]] bool is_same_value(std::string_view a, std::string_view b);

}  // namespace consilium::fl
