// Implements tables: selection, joining, fitting of constants, and the way to a Dataset.
#include "fl_engine/data/table.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

std::size_t label_column(const Schema& schema) {
    const auto found = std::find_if(schema.columns.begin(), schema.columns.end(),
                                    [](const Column& c) { return c.kind == ColumnKind::kLabel; });
    CHECK(found != schema.columns.end());
    return static_cast<std::size_t>(found - schema.columns.begin());
}

std::vector<double> known_values(const Table& table, std::size_t column) {
    std::vector<double> known;
    const std::size_t width = table.schema.columns.size();
    for (std::size_t at = column; at < table.cells.size(); at += width) {
        if (!std::isnan(table.cells[at])) known.push_back(table.cells[at]);
    }
    return known;
}

void fit_numeric(const Table& table, std::size_t index, Column& column) {
    std::vector<double> values = known_values(table, index);
    if (!column.impute) {
        column.impute = 0.0;
        if (!values.empty()) {
            const auto middle =
                values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
            std::nth_element(values.begin(), middle, values.end());
            column.impute = *middle;
        }
    }
    values = known_values(table, index);
    values.resize(table.rows(), *column.impute);
    // Both passes on scaled values: sums of squares of large numbers must not overflow.
    double sum = 0;
    const auto count = static_cast<double>(std::max<std::size_t>(values.size(), 1));
    for (const double value : values) sum += value / count;
    double variance = 0;
    for (const double value : values) variance += (value - sum) * ((value - sum) / count);
    if (!column.centre) column.centre = std::isfinite(sum) ? sum : 0.0;
    const double deviation = std::sqrt(variance);
    if (!column.scale) column.scale = deviation > 0 && std::isfinite(deviation) ? deviation : 1.0;
}

void fit_categorical(const Table& table, std::size_t index, Column& column) {
    if (column.impute_value) return;
    std::vector<std::size_t> counts(column.values.size());
    for (const double value : known_values(table, index)) ++counts[static_cast<std::size_t>(value)];
    const auto most = std::max_element(counts.begin(), counts.end());
    column.impute_value = column.values[static_cast<std::size_t>(most - counts.begin())];
}

// One row on its way into a Dataset; false when a missing cell has no replacement.
bool append_features(std::span<const double> cells, const Schema& schema, Dataset& out) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const Column& column = schema.columns[i];
        const bool missing = std::isnan(cells[i]);
        if (column.kind == ColumnKind::kLabel) {
            out.labels.push_back(cells[i] > 0 ? 1 : 0);
        } else if (column.kind == ColumnKind::kNumeric) {
            if (missing && !column.impute) return false;
            const double value = missing ? *column.impute : cells[i];
            out.features.push_back((value - column.centre.value_or(0)) / column.scale.value_or(1));
        } else {
            if (missing && !column.impute_value) return false;
            for (std::size_t k = 0; k < column.values.size(); ++k) {
                const bool hit = missing ? is_same_value(column.values[k], *column.impute_value)
                                         : cells[i] == static_cast<double>(k);
                out.features.push_back(hit ? 1.0 : 0.0);
            }
        }
    }
    return true;
}

std::string first_gap(std::span<const double> cells, const Schema& schema) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const Column& column = schema.columns[i];
        if (std::isnan(cells[i]) && !column.impute && !column.impute_value) return column.name;
    }
    UNREACHABLE();
}

}  // namespace

std::size_t Table::rows() const {
    return schema.columns.empty() ? 0 : cells.size() / schema.columns.size();
}

std::vector<std::uint8_t> Table::labels() const {
    std::vector<std::uint8_t> out;
    out.reserve(rows());
    for (std::size_t at = label_column(schema); at < cells.size(); at += schema.columns.size()) {
        out.push_back(cells[at] > 0 ? 1 : 0);
    }
    return out;
}

std::size_t Table::positives() const {
    const std::vector<std::uint8_t> all = labels();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), std::uint8_t{1}));
}

Table select_rows(const Table& table, std::span<const std::size_t> rows) {
    Table out{.schema = table.schema, .cells = {}};
    const std::size_t width = table.schema.columns.size();
    out.cells.reserve(rows.size() * width);
    for (const std::size_t row : rows) {
        CHECK(row < table.rows());
        const std::span<const double> cells = std::span(table.cells).subspan(row * width, width);
        out.cells.insert(out.cells.end(), cells.begin(), cells.end());
    }
    return out;
}

Result<Table> concatenate(std::span<const Table> tables) {
    if (tables.empty()) return make_error(ErrorCode::kMismatch, "no tables to join");
    Table out{.schema = tables.front().schema, .cells = {}};
    for (const Table& table : tables) {
        if (!(table.schema == out.schema)) {
            return make_error(ErrorCode::kMismatch,
                              "tables with different schemas cannot be joined");
        }
        out.cells.insert(out.cells.end(), table.cells.begin(), table.cells.end());
    }
    return out;
}

Schema fit_constants(const Table& table) {
    Schema schema = table.schema;
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
        Column& column = schema.columns[i];
        if (column.kind == ColumnKind::kNumeric) fit_numeric(table, i, column);
        if (column.kind == ColumnKind::kCategorical) fit_categorical(table, i, column);
    }
    return schema;
}

Result<Dataset> to_dataset(const Table& table) {
    const Schema& schema = table.schema;
    if (schema.feature_count() != 0 && table.rows() > kMaxCells / schema.feature_count()) {
        return make_error(ErrorCode::kLimitExceeded,
                          "rows times features is above the limit; use fewer rows or columns");
    }
    Dataset out;
    for (const Column& column : schema.columns) {
        if (column.kind == ColumnKind::kNumeric) out.feature_names.push_back(column.name);
        for (const std::string& value : column.values) {
            out.feature_names.push_back(column.name + "=" + value);
        }
    }
    out.features.reserve(table.rows() * schema.feature_count());
    out.labels.reserve(table.rows());
    const std::size_t width = schema.columns.size();
    for (std::size_t row = 0; row < table.rows(); ++row) {
        const std::span<const double> cells = std::span(table.cells).subspan(row * width, width);
        if (!append_features(cells, schema, out)) {
            return make_error(ErrorCode::kMalformed,
                              "record " + std::to_string(row + 1) + ", column " +
                                  quote(first_gap(cells, schema)) +
                                  ": the value is missing and the schema names no impute constant; "
                                  "add impute to the column or remove the record");
        }
    }
    const auto bad = std::find_if_not(out.features.begin(), out.features.end(),
                                      [](double value) { return std::isfinite(value); });
    if (bad != out.features.end()) {
        const auto at = static_cast<std::size_t>(bad - out.features.begin());
        return make_error(ErrorCode::kMalformed,
                          "record " + std::to_string(at / out.columns() + 1) + ", feature " +
                              quote(out.feature_names[at % out.columns()]) +
                              ": the scaled value is too large; check the value, centre and scale");
    }
    return out;
}

}  // namespace consilium::fl
