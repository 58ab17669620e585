// Reads the TOML text of a schema; the only place of the data folder that sees toml++.
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <span>

#include <toml++/toml.h>

#include "fl_engine/data/schema.hpp"
#include "fl_engine/data/text_file.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

// Collects the first problem, so that the readers below stay straight lines.
class SchemaReader {
  public:
    explicit SchemaReader(std::string name) : name_(std::move(name)) {}

    Result<Schema> read(const toml::table& root) {
        Schema schema;
        refuse_unknown(root, {"format", "header", "missing", "column"});
        if (text(root, "format") != "consilium-schema-1") {
            fail(root, "format must be \"consilium-schema-1\"");
        }
        schema.header = header(root);
        schema.missing = values(root, "missing");
        const toml::array* columns = root["column"].as_array();
        if (columns == nullptr) {
            fail(root, "no [[column]]; describe every column of the file in its order");
        } else if (columns->size() > kMaxColumns) {
            fail(root, "more than " + std::to_string(kMaxColumns) + " columns");
        } else {
            for (const toml::node& node : *columns) schema.columns.push_back(column(node));
        }
        if (problem_) return make_error(ErrorCode::kMalformed, *problem_);
        return schema;
    }

  private:
    void fail(const toml::node& where, const std::string& what) {
        if (problem_) return;
        problem_ = name_ + ", line " + std::to_string(where.source().begin.line) + ": " + what;
    }

    void refuse_unknown(const toml::table& table, std::initializer_list<std::string_view> known) {
        for (const auto& [key, node] : table) {
            bool found = false;
            for (const std::string_view name : known) found = found || key.str() == name;
            if (!found) fail(node, "unknown key " + quote(key.str()) + "; check its spelling");
        }
    }

    std::string text(const toml::table& table, std::string_view key) {
        const toml::node* node = table.get(key);
        if (node == nullptr) {
            fail(table, "key " + quote(key) + " is absent; add it");
            return {};
        }
        const std::optional<std::string> value = node->value_exact<std::string>();
        if (!value) fail(*node, "key " + quote(key) + " must be a text in quotes");
        return value.value_or("");
    }

    HeaderKind header(const toml::table& root) {
        const std::string kind = text(root, "header");
        if (kind == "skip") return HeaderKind::kSkip;
        if (kind == "none") return HeaderKind::kNone;
        if (kind != "names") fail(root, "header must be \"names\", \"skip\" or \"none\"");
        return HeaderKind::kNames;
    }

    std::string value(const toml::node& node) {
        if (const auto exact = node.value_exact<std::string>()) return *exact;
        if (const auto integer = node.value_exact<std::int64_t>()) return std::to_string(*integer);
        if (const auto number = node.value_exact<double>()) return format_number(*number);
        fail(node, "values must be texts or numbers");
        return {};
    }

    std::vector<std::string> values(const toml::table& table, std::string_view key) {
        std::vector<std::string> out;
        const toml::node* node = table.get(key);
        if (node == nullptr) return out;
        const toml::array* array = node->as_array();
        if (array == nullptr) {
            fail(*node, "key " + quote(key) + " must be a list in square brackets");
        } else if (array->size() > kMaxCategories) {
            fail(*node, "key " + quote(key) + " has more than " + std::to_string(kMaxCategories) +
                            " entries");
        } else {
            for (const toml::node& entry : *array) out.push_back(value(entry));
        }
        return out;
    }

    std::optional<double> number(const toml::table& table, std::string_view key) {
        const toml::node* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        if (!node->is_number()) fail(*node, "key " + quote(key) + " must be a number");
        return node->value<double>();
    }

    ColumnKind kind(const toml::table& table) {
        const std::string text_kind = text(table, "kind");
        if (text_kind == "numeric") return ColumnKind::kNumeric;
        if (text_kind == "categorical") return ColumnKind::kCategorical;
        if (text_kind == "label") return ColumnKind::kLabel;
        if (text_kind != "ignored") {
            fail(table, "kind must be \"numeric\", \"categorical\", \"label\" or \"ignored\"");
        }
        return ColumnKind::kIgnored;
    }

    Column column(const toml::node& node) {
        Column out;
        const toml::table* table = node.as_table();
        if (table == nullptr) {
            fail(node, "a column must be a table: [[column]]");
            return out;
        }
        refuse_unknown(*table, {"name", "kind", "zero_is_missing", "impute", "centre", "scale",
                                "values", "negative", "positive"});
        out.name = text(*table, "name");
        out.kind = kind(*table);
        if (const toml::node* flag = table->get("zero_is_missing")) {
            if (!flag->is_boolean()) fail(*flag, "zero_is_missing must be true or false");
            out.zero_is_missing = flag->value_or(false);
        }
        if (out.kind == ColumnKind::kCategorical) {
            if (const toml::node* impute = table->get("impute")) out.impute_value = value(*impute);
        } else {
            out.impute = number(*table, "impute");
        }
        out.centre = number(*table, "centre");
        out.scale = number(*table, "scale");
        out.values = values(*table, "values");
        out.negative = values(*table, "negative");
        out.positive = values(*table, "positive");
        return out;
    }

    std::string name_;
    std::optional<std::string> problem_;
};

}  // namespace

Result<Schema> parse_schema(std::string_view toml, std::string_view name) {
    if (toml.size() > kMaxSchemaBytes) {
        return make_error(ErrorCode::kLimitExceeded, std::string(name) + ": a schema has at most " +
                                                         std::to_string(kMaxSchemaBytes) +
                                                         " bytes");
    }
    try {
        Result<Schema> schema = SchemaReader(std::string(name)).read(toml::parse(toml));
        if (!schema) return schema;
        const Result<void> status = check_schema(*schema);
        if (!status) {
            return make_error(status.error().code,
                              std::string(name) + ": " + status.error().context);
        }
        return schema;
    } catch (const toml::parse_error& error) {
        return make_error(ErrorCode::kMalformed,
                          std::string(name) + ", line " +
                              std::to_string(error.source().begin.line) +
                              ": not valid TOML: " + std::string(error.description()));
    } catch (const std::exception& error) {
        return make_error(ErrorCode::kInternal, std::string(name) + ": " + error.what());
    }
}

Result<Schema> load_schema(const std::filesystem::path& file) {
    const Result<std::string> text = read_text_file(file, kMaxSchemaBytes);
    if (!text) return tl::unexpected(text.error());
    return parse_schema(*text, file.string());
}

}  // namespace consilium::fl
