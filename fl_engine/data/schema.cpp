// Implements the rules that every schema must keep, and its canonical text.
#include "fl_engine/data/schema.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <span>

#include "core/check.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

using Status = Result<void>;

Status refuse(const Column& column, const std::string& problem) {
    return make_error(ErrorCode::kMalformed, "column " + quote(column.name) + ": " + problem);
}

bool is_plain_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool contains(std::span<const std::string> values, std::string_view cell) {
    return std::any_of(values.begin(), values.end(),
                       [&](const std::string& value) { return is_same_value(value, cell); });
}

// Values are written to CSV files and compared with trimmed cells.
Status check_values(const Column& column, std::span<const std::string> values) {
    if (values.size() > kMaxCategories) {
        return refuse(column, "more than " + std::to_string(kMaxCategories) +
                                  " values; such a column is an identifier: mark it ignored");
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string& value = values[i];
        if (value.size() > kMaxNameBytes || !is_plain_text(value) || trim(value) != value) {
            return refuse(column, "value " + quote(value) +
                                      " must be printable ASCII without outer spaces, at most " +
                                      std::to_string(kMaxNameBytes) + " characters");
        }
        if (contains(values.subspan(i + 1), value)) {
            return refuse(column, "value " + quote(value) + " stands twice; remove one");
        }
    }
    return {};
}

Status check_numeric(const Column& column) {
    for (const std::optional<double>& constant : {column.impute, column.centre, column.scale}) {
        if (constant && !std::isfinite(*constant)) {
            return refuse(column, "impute, centre and scale must be finite numbers");
        }
    }
    if (column.scale && !(*column.scale > 0)) {
        return refuse(column, "scale must be above 0; use 1 for a constant column");
    }
    return {};
}

Status check_categorical(const Column& column) {
    if (column.values.size() < 2) {
        return refuse(column, "a categorical column needs at least two values");
    }
    if (Status status = check_values(column, column.values); !status) return status;
    if (column.impute_value && !contains(column.values, *column.impute_value)) {
        return refuse(column, "impute " + quote(*column.impute_value) +
                                  " must be one of the values of the column");
    }
    return {};
}

Status check_label(const Column& column) {
    if (column.negative.empty() || column.positive.empty()) {
        return refuse(column, "a label column needs both negative and positive values");
    }
    std::vector<std::string> all = column.negative;
    all.insert(all.end(), column.positive.begin(), column.positive.end());
    return check_values(column, all);
}

// Settings of another kind would be ignored in silence, so they are refused.
Status check_foreign_settings(const Column& column) {
    const bool numeric = column.zero_is_missing || column.impute || column.centre || column.scale;
    const bool categorical = !column.values.empty() || column.impute_value;
    const bool label = !column.negative.empty() || !column.positive.empty();
    if (numeric && column.kind != ColumnKind::kNumeric) {
        return refuse(column,
                      "zero_is_missing, centre, scale and a number as impute belong to "
                      "numeric columns");
    }
    if (categorical && column.kind != ColumnKind::kCategorical) {
        return refuse(column, "values and a text as impute belong to categorical columns");
    }
    if (label && column.kind != ColumnKind::kLabel) {
        return refuse(column, "negative and positive belong to the label column");
    }
    return {};
}

Status check_column(const Column& column) {
    if (column.name.empty() || column.name.size() > kMaxNameBytes || !is_plain_text(column.name) ||
        trim(column.name) != column.name) {
        return refuse(column, "a name has 1 to " + std::to_string(kMaxNameBytes) +
                                  " printable ASCII characters without outer spaces");
    }
    if (Status status = check_foreign_settings(column); !status) return status;
    switch (column.kind) {
        case ColumnKind::kNumeric:
            return check_numeric(column);
        case ColumnKind::kCategorical:
            return check_categorical(column);
        case ColumnKind::kLabel:
            return check_label(column);
        case ColumnKind::kIgnored:
            return {};
    }
    UNREACHABLE();
}

// A cell must not mean two things.
Status check_against_markers(const Column& column, const Schema& schema) {
    for (const auto* values : {&column.values, &column.negative, &column.positive}) {
        for (const std::string& value : *values) {
            if (contains(schema.missing, value)) {
                return refuse(column, "value " + quote(value) +
                                          " is also a missing marker; remove it from one list");
            }
        }
    }
    return {};
}

Status check_missing(const Schema& schema) {
    if (schema.missing.size() > kMaxCategories) {
        return make_error(ErrorCode::kLimitExceeded,
                          "more than " + std::to_string(kMaxCategories) + " missing markers");
    }
    for (const std::string& marker : schema.missing) {
        if (marker.size() > kMaxNameBytes || !is_plain_text(marker) || trim(marker) != marker) {
            return make_error(ErrorCode::kMalformed,
                              "missing marker " + quote(marker) +
                                  " must be printable ASCII without outer spaces");
        }
    }
    return {};
}

// A TOML basic string; names and values are printable ASCII already.
std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string toml_array(std::span<const std::string> values) {
    std::string out = "[";
    for (std::size_t i = 0; i < values.size(); ++i) {
        out += (i == 0 ? "" : ", ") + toml_string(values[i]);
    }
    return out + "]";
}

// TOML floats need a point or an exponent; a bare 5 would read back as an integer.
std::string toml_number(double value) {
    std::string text = format_number(value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

std::string format_column(const Column& column) {
    static constexpr std::array<std::string_view, 4> kKinds = {"numeric", "categorical", "label",
                                                               "ignored"};
    std::string out = "\n[[column]]\nname = " + toml_string(column.name) +
                      "\nkind = " + toml_string(kKinds.at(static_cast<std::size_t>(column.kind))) +
                      "\n";
    if (column.zero_is_missing) out += "zero_is_missing = true\n";
    if (!column.values.empty()) out += "values = " + toml_array(column.values) + "\n";
    if (!column.negative.empty()) out += "negative = " + toml_array(column.negative) + "\n";
    if (!column.positive.empty()) out += "positive = " + toml_array(column.positive) + "\n";
    if (column.impute) out += "impute = " + toml_number(*column.impute) + "\n";
    if (column.impute_value) out += "impute = " + toml_string(*column.impute_value) + "\n";
    if (column.centre) out += "centre = " + toml_number(*column.centre) + "\n";
    if (column.scale) out += "scale = " + toml_number(*column.scale) + "\n";
    return out;
}

}  // namespace

bool is_same_value(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const std::optional<double> x = parse_number(a);
    return x && x == parse_number(b);
}

std::size_t Schema::feature_count() const {
    std::size_t count = 0;
    for (const Column& column : columns) {
        if (column.kind == ColumnKind::kNumeric) ++count;
        if (column.kind == ColumnKind::kCategorical) count += column.values.size();
    }
    return count;
}

Result<void> check_schema(const Schema& schema) {
    if (schema.columns.empty() || schema.columns.size() > kMaxColumns) {
        return make_error(ErrorCode::kLimitExceeded,
                          "a schema has 1 to " + std::to_string(kMaxColumns) + " columns");
    }
    if (Status status = check_missing(schema); !status) return status;
    std::set<std::string_view> names;
    std::size_t label_count = 0;
    for (const Column& column : schema.columns) {
        if (Status status = check_column(column); !status) return status;
        if (Status status = check_against_markers(column, schema); !status) return status;
        if (!names.insert(column.name).second) {
            return refuse(column, "stands twice; column names are unique");
        }
        if (column.kind == ColumnKind::kLabel) ++label_count;
    }
    if (label_count != 1) {
        return make_error(ErrorCode::kMalformed,
                          "a schema has exactly one label column, this one " +
                              std::to_string(label_count) +
                              "; set kind = \"label\" on the column to be predicted");
    }
    if (schema.feature_count() == 0) {
        return make_error(ErrorCode::kMalformed,
                          "no numeric or categorical column: there is nothing to learn from");
    }
    if (schema.feature_count() > kMaxColumns) {
        return make_error(ErrorCode::kLimitExceeded,
                          "the columns give more than " + std::to_string(kMaxColumns) +
                              " features; ignore some or list fewer values");
    }
    return {};
}

std::string format_schema(const Schema& schema) {
    static constexpr std::array<std::string_view, 3> kHeaders = {"names", "skip", "none"};
    std::string out = "format = \"consilium-schema-1\"\nheader = " +
                      toml_string(kHeaders.at(static_cast<std::size_t>(schema.header))) +
                      "\nmissing = " + toml_array(schema.missing) + "\n";
    for (const Column& column : schema.columns) out += format_column(column);
    return out;
}

}  // namespace consilium::fl
