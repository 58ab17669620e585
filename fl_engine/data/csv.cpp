// Reads and writes CSV files by a schema: RFC 4180 without line breaks inside quotes.
//
// One pass over the text; memory is bounded by the limits in table.hpp whatever the file holds.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "fl_engine/data/table.hpp"
#include "fl_engine/data/text_file.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

struct Problem {
    std::size_t column = 0;  // from 1; 0: the whole line
    std::string text;
};

// Cuts a line into cells. Quotes around a cell are taken away, doubled ones inside become one.
class CellReader {
  public:
    explicit CellReader(std::string_view line) : rest_(line) {}

    [[nodiscard]] bool has_next() const { return has_next_; }

    tl::expected<std::string, std::string> next() {
        CHECK(has_next_);
        while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
        return rest_.starts_with('"') ? quoted() : plain();
    }

  private:
    tl::expected<std::string, std::string> plain() {
        const std::size_t comma = std::min(rest_.find(','), rest_.size());
        const std::string_view cell = trim(rest_.substr(0, comma));
        skip_to(comma);
        return std::string(cell);
    }

    tl::expected<std::string, std::string> quoted() {
        std::string cell;
        std::size_t at = 1;
        while (true) {
            const std::size_t quote_at = rest_.find('"', at);
            if (quote_at == std::string_view::npos) {
                return tl::unexpected<std::string>(
                    "the quote that opens the cell is never closed on this line; add it, or "
                    "remove line breaks inside the cell");
            }
            cell += rest_.substr(at, quote_at - at);
            at = quote_at + 1;
            if (at >= rest_.size() || rest_[at] != '"') break;
            cell += '"';
            ++at;
        }
        const std::size_t comma = std::min(rest_.find(',', at), rest_.size());
        if (!trim(rest_.substr(at, comma - at)).empty()) {
            return tl::unexpected<std::string>(
                "text follows the closing quote; double quotes inside a quoted cell");
        }
        skip_to(comma);
        return cell;
    }

    void skip_to(std::size_t comma) {
        has_next_ = comma < rest_.size();
        rest_.remove_prefix(has_next_ ? comma + 1 : rest_.size());
    }

    std::string_view rest_;
    bool has_next_ = true;
};

tl::expected<std::vector<std::string>, Problem> split_line(std::string_view line,
                                                           std::size_t expected) {
    std::vector<std::string> cells;
    CellReader reader(line);
    while (reader.has_next()) {
        if (cells.size() == expected) {
            return tl::unexpected(Problem{0, "more than the " + std::to_string(expected) +
                                                 " cells that the schema declares; quote cells "
                                                 "that hold commas or correct the schema"});
        }
        tl::expected<std::string, std::string> cell = reader.next();
        if (!cell) return tl::unexpected(Problem{cells.size() + 1, cell.error()});
        cells.push_back(std::move(*cell));
    }
    if (cells.size() < expected) {
        return tl::unexpected(Problem{0, std::to_string(cells.size()) + " cells instead of the " +
                                             std::to_string(expected) +
                                             " that the schema declares; complete the line or "
                                             "correct the schema"});
    }
    return cells;
}

std::optional<std::size_t> find_value(std::span<const std::string> values, std::string_view cell) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (is_same_value(values[i], cell)) return i;
    }
    return std::nullopt;
}

std::string join(std::span<const std::string> values) {
    std::string out;
    for (std::size_t i = 0; i < values.size() && i < 8; ++i) {
        out += (i == 0 ? "" : ", ") + quote(values[i]);
    }
    return values.size() > 8 ? out + ", ..." : out;
}

class TableReader {
  public:
    TableReader(const Schema& schema, std::string_view name) : schema_(schema), name_(name) {
        table_.schema.missing = schema.missing;
        for (const Column& column : schema.columns) {
            if (column.kind != ColumnKind::kIgnored) table_.schema.columns.push_back(column);
        }
        // A table without a marker of its own must still be able to write a missing cell.
        if (table_.schema.missing.empty()) table_.schema.missing.emplace_back("");
    }

    Result<Table> read(std::string_view text) {
        if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // byte order mark
        bool is_header = schema_.header != HeaderKind::kNone;
        while (!text.empty()) {
            ++line_;
            const std::size_t end = std::min(text.find('\n'), text.size());
            std::string_view line = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            if (line.ends_with('\r')) line.remove_suffix(1);
            // Blank lines at the end are harmless; inside they are a record that was lost.
            if (line.empty() && text.find_first_not_of("\r\n") == std::string_view::npos) break;
            const Result<void> status = is_header ? read_header(line) : read_row(line);
            if (!status) return tl::unexpected(status.error());
            is_header = false;
        }
        if (table_.rows() == 0) {
            return make_error(ErrorCode::kMalformed,
                              name_ + ": holds no records; check that this is the right file");
        }
        return std::move(table_);
    }

  private:
    tl::unexpected<Error> fail(const Problem& problem) const {
        std::string context = name_ + ", line " + std::to_string(line_);
        if (problem.column > 0) {
            context += ", column " + std::to_string(problem.column) + " (" +
                       schema_.columns[problem.column - 1].name + ")";
        }
        return make_error(ErrorCode::kMalformed, context + ": " + problem.text);
    }

    Result<void> read_header(std::string_view line) {
        if (line.size() > kMaxLineBytes) return too_long();
        if (schema_.header == HeaderKind::kSkip) return {};
        const auto cells = split_line(line, schema_.columns.size());
        if (!cells) return fail(cells.error());
        for (std::size_t i = 0; i < cells->size(); ++i) {
            if ((*cells)[i] != schema_.columns[i].name) {
                return fail({i + 1, "the header says " + quote((*cells)[i]) +
                                        "; the schema lists the columns in the order of the file"});
            }
        }
        return {};
    }

    Result<void> read_row(std::string_view line) {
        if (line.size() > kMaxLineBytes) return too_long();
        const std::size_t width = table_.schema.columns.size();
        if (table_.rows() >= kMaxRows || table_.cells.size() + width > kMaxCells) {
            return make_error(ErrorCode::kLimitExceeded,
                              name_ + ", line " + std::to_string(line_) +
                                  ": more records than one table holds; split the file");
        }
        const auto cells = split_line(line, schema_.columns.size());
        if (!cells) return fail(cells.error());
        for (std::size_t i = 0; i < cells->size(); ++i) {
            const Column& column = schema_.columns[i];
            if (column.kind == ColumnKind::kIgnored) continue;
            const tl::expected<double, std::string> value = cell_value(column, (*cells)[i]);
            if (!value) return fail({i + 1, value.error()});
            table_.cells.push_back(*value);
        }
        return {};
    }

    Result<void> too_long() const {
        return make_error(ErrorCode::kLimitExceeded, name_ + ", line " + std::to_string(line_) +
                                                         ": longer than " +
                                                         std::to_string(kMaxLineBytes) +
                                                         " bytes; check the line ends of the file");
    }

    // The number that stands for the cell, or what is wrong with it.
    tl::expected<double, std::string> cell_value(const Column& column,
                                                 const std::string& cell) const {
        const bool missing = find_value(schema_.missing, cell).has_value();
        if (column.kind == ColumnKind::kNumeric) return numeric_value(column, cell, missing);
        if (column.kind == ColumnKind::kCategorical) {
            const std::optional<std::size_t> position = find_value(column.values, cell);
            if (position) return static_cast<double>(*position);
            if (missing) return kMissing;
            return tl::unexpected(quote(cell) + " is none of " + join(column.values) +
                                  "; correct the cell or add the value to the schema");
        }
        if (find_value(column.negative, cell)) return 0.0;
        if (find_value(column.positive, cell)) return 1.0;
        return tl::unexpected(quote(cell) + " is neither negative (" + join(column.negative) +
                              ") nor positive (" + join(column.positive) +
                              "); a record needs its label: correct or remove it");
    }

    tl::expected<double, std::string> numeric_value(const Column& column, const std::string& cell,
                                                    bool missing) const {
        if (missing) return kMissing;
        const std::optional<double> number = parse_number(cell);
        if (number) return column.zero_is_missing && *number == 0 ? kMissing : *number;
        return tl::unexpected(quote(cell) +
                              " is not a number; write a decimal number or a missing "
                              "marker (" +
                              join(schema_.missing) + ")");
    }

    const Schema& schema_;
    std::string name_;
    Table table_;
    std::size_t line_ = 0;
};

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + "\"";
}

std::string format_cell(const Schema& schema, const Column& column, double value) {
    if (std::isnan(value)) return csv_cell(schema.missing.empty() ? "" : schema.missing.front());
    switch (column.kind) {
        case ColumnKind::kNumeric:
            return format_number(value);
        case ColumnKind::kCategorical:
            return csv_cell(column.values[static_cast<std::size_t>(value)]);
        case ColumnKind::kLabel:
            return csv_cell(value > 0 ? column.positive.front() : column.negative.front());
        case ColumnKind::kIgnored:
            break;
    }
    UNREACHABLE();  // a table holds no ignored columns
}

}  // namespace

Result<Table> parse_csv(std::string_view text, const Schema& schema, std::string_view name) {
    if (const Result<void> status = check_schema(schema); !status) {
        return make_error(status.error().code, "schema: " + status.error().context);
    }
    return TableReader(schema, name).read(text);
}

Result<Table> load_csv(const std::filesystem::path& file, const Schema& schema) {
    const Result<std::string> text = read_text_file(file, kMaxFileBytes);
    if (!text) return tl::unexpected(text.error());
    return parse_csv(*text, schema, file.string());
}

std::string format_csv(const Table& table) {
    const std::vector<Column>& columns = table.schema.columns;
    std::string out;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        out += (i == 0 ? "" : ",") + csv_cell(columns[i].name);
    }
    out += '\n';
    for (std::size_t at = 0; at < table.cells.size(); ++at) {
        const std::size_t i = at % columns.size();
        out += (i == 0 ? "" : ",") + format_cell(table.schema, columns[i], table.cells[at]);
        if (i + 1 == columns.size()) out += '\n';
    }
    return out;
}

}  // namespace consilium::fl
