// A CSV file read by a schema, not yet imputed or scaled, and its way to a Dataset.
//
// Cells are numbers: numeric columns hold the value, categorical ones the position in `values`,
// the label 0 or 1; NaN means missing. Ignored columns are gone. Every error names file, line,
// column and what to do; the file is refused as a whole.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/data/dataset.hpp"
#include "fl_engine/data/schema.hpp"

namespace consilium::fl {

inline constexpr std::size_t kMaxRows = 4'000'000;               // far above one hospital's records
inline constexpr std::size_t kMaxCells = std::size_t{1} << 26U;  // 512 MiB of doubles
inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 18U;  // kMaxColumns long numbers
inline constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30U;

struct Table {
    Schema schema;              // header kNames, no ignored columns
    std::vector<double> cells;  // rows x schema.columns.size(), row-major

    [[nodiscard]] std::size_t rows() const;
    [[nodiscard]] std::size_t positives() const;
    [[nodiscard]] std::vector<std::uint8_t> labels() const;
};

// `name` stands in messages as the file's name.
[[nodiscard]] Result<Table> parse_csv(std::string_view text, const Schema& schema,
                                      std::string_view name);
[[nodiscard]] Result<Table> load_csv(const std::filesystem::path& file, const Schema& schema);
// parse_csv(format_csv(x), x.schema) holds the same cells bit by bit.
[[nodiscard]] std::string format_csv(const Table& table);

[[nodiscard]] Table select_rows(const Table& table, std::span<const std::size_t> rows);
// All rows of tables with equal schemas, in order; kMismatch otherwise.
[[nodiscard]] Result<Table> concatenate(std::span<const Table> tables);

// Fills the constants that the schema leaves open from the table: impute = lower median,
// centre = mean and scale = standard deviation after imputing (1 for a constant column), the most
// frequent category. Only for whoever holds all the rows; a consortium agrees on constants.
[[nodiscard]] Schema fit_constants(const Table& table);

// Imputes, scales, encodes. kMalformed when a missing cell has nothing to be replaced by,
// centre and scale default to 0 and 1.
[[nodiscard]] Result<Dataset> to_dataset(const Table& table);

}  // namespace consilium::fl
