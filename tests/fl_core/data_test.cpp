// Tests of schemas, CSV files, tables and the data sources.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/digest.hpp"
#include "fl_engine/data/source.hpp"
#include "fl_engine/data/table.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kSchemaText = R"(format = "consilium-schema-1"
header = "names"
missing = ["", "NaN", -9]
[[column]]
name = "age"
kind = "numeric"
centre = 50
scale = 10.0
[[column]]
name = "chol"
kind = "numeric"
zero_is_missing = true
impute = 240.5
[[column]]
name = "pain, type"
kind = "categorical"
values = [1, "two \"b\"", 3.5]
impute = 1
[[column]]
name = "site"
kind = "ignored"
[[column]]
name = "sick"
kind = "label"
negative = ["no", 0]
positive = ["yes", 1, 2]
)";
constexpr std::string_view kHeader = "age,chol,\"pain, type\",site,sick\n";

Schema sample_schema() {
    Result<Schema> schema = parse_schema(kSchemaText, "schema.toml");
    EXPECT_TRUE(schema.has_value()) << schema.error().context;
    return schema.value_or(Schema{});
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

Result<Table> read_rows(const std::string& rows) {
    return parse_csv(std::string(kHeader) + rows, sample_schema(), "p.csv");
}

std::string error_of(const std::string& rows) {
    const Result<Table> table = read_rows(rows);
    EXPECT_FALSE(table.has_value()) << rows;
    return table ? "" : table.error().context;
}

ConsortiumOptions with_hospitals(std::size_t hospitals) {
    ConsortiumOptions options;
    options.hospitals = hospitals;
    return options;
}

// A folder of its own, gone at the end.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "fl_data_test.XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

TEST(SchemaText, every_setting_is_read) {
    const Schema schema = sample_schema();
    ASSERT_EQ(schema.columns.size(), 5U);
    EXPECT_THAT(schema.missing, ElementsAre("", "NaN", "-9"));
    EXPECT_EQ(schema.columns[0].centre, 50.0);
    EXPECT_EQ(schema.columns[1].impute, 240.5);
    EXPECT_TRUE(schema.columns[1].zero_is_missing);
    EXPECT_THAT(schema.columns[2].values, ElementsAre("1", "two \"b\"", "3.5"));
    EXPECT_EQ(schema.columns[3].kind, ColumnKind::kIgnored);
    EXPECT_THAT(schema.columns[4].positive, ElementsAre("yes", "1", "2"));
    EXPECT_EQ(schema.feature_count(), 5U);
}

TEST(SchemaText, writing_and_reading_gives_the_same_schema) {
    for (Schema schema : {sample_schema(), heart_schema(), fit_constants(wdbc())}) {
        const Result<Schema> again = parse_schema(format_schema(schema), "again");
        ASSERT_TRUE(again.has_value()) << again.error().context;
        EXPECT_EQ(*again, schema);
    }
}

TEST(SchemaText, each_broken_rule_is_refused_with_its_cure) {
    const std::string good(kSchemaText);
    struct Case {
        std::string from, to, message;
    };
    const std::vector<Case> cases = {
        {"consilium-schema-1", "csv", "format must be"},
        {"\"names\"", "\"maybe\"", "header must be"},
        {"[\"\", \"NaN\", -9]", "\"NaN\"", "must be a list"},
        {"centre = 50", "center = 50", "unknown key 'center'"},
        {"centre = 50", "centre = \"x\"", "must be a number"},
        {"centre = 50", "centre = inf", "must be finite"},
        {"scale = 10.0", "scale = 0.0", "scale must be above 0"},
        {"zero_is_missing = true", "zero_is_missing = 1", "true or false"},
        {"name = \"chol\"", "name = \"age\"", "stands twice"},
        {"name = \"chol\"", "name = \"\"", "a name has 1 to"},
        {"name = \"chol\"", "", "key 'name' is absent"},
        {"kind = \"ignored\"", "kind = \"text\"", "kind must be"},
        {"kind = \"ignored\"", "kind = \"ignored\"\nscale = 2.0", "belong to numeric"},
        {"kind = \"label\"", "kind = \"ignored\"", "belong to the label"},
        {"3.5]", "1.0]", "stands twice"},
        {"3.5]", "\"NaN\"]", "also a missing marker"},
        {"impute = 1\n", "impute = 7\n", "must be one of the values"},
        {"positive = [\"yes\", 1, 2]", "", "needs both"},
        {"positive = [\"yes\"", "positive = [\"no\"", "stands twice"},
        {"[[column]]\nname = \"age\"", "[[column]\nname = \"age\"", "not valid TOML"},
    };
    for (const Case& broken : cases) {
        const Result<Schema> schema =
            parse_schema(replaced(good, broken.from, broken.to), "s.toml");
        ASSERT_FALSE(schema.has_value()) << broken.to;
        EXPECT_THAT(schema.error().context, AllOf(HasSubstr("s.toml"), HasSubstr(broken.message)));
    }
}

TEST(SchemaText, truncation_anywhere_is_an_error_or_another_valid_schema) {
    for (std::size_t size = 0; size < kSchemaText.size(); ++size) {
        const Result<Schema> schema = parse_schema(kSchemaText.substr(0, size), "s.toml");
        if (!schema) continue;
        EXPECT_TRUE(check_schema(*schema).has_value()) << size;
    }
}

TEST(Csv, cells_become_numbers_and_gaps) {
    const Result<Table> table =
        read_rows("60,0,3.50,x,yes\r\n4e1 , -9.0 ,\"two \"\"b\"\"\",\"a,b\",0\n+7,1,,,2\n\n");
    ASSERT_TRUE(table.has_value()) << table.error().context;
    ASSERT_EQ(table->rows(), 3U);
    EXPECT_EQ(table->schema.columns.size(), 4U);
    EXPECT_THAT(table->labels(), ElementsAre(1, 0, 1));
    EXPECT_EQ(table->cells[0], 60);
    EXPECT_TRUE(std::isnan(table->cells[1]));
    EXPECT_EQ(table->cells[2], 2);
    EXPECT_EQ(table->cells[4], 40);
    EXPECT_TRUE(std::isnan(table->cells[5]));
    EXPECT_EQ(table->cells[6], 1);
    EXPECT_TRUE(std::isnan(table->cells[10]));
}

TEST(Csv, dataset_is_imputed_scaled_and_one_hot) {
    const Result<Table> table = read_rows("60,0,3.5,x,yes\n45,200,NaN,x,no\n");
    ASSERT_TRUE(table.has_value());
    const Result<Dataset> data = to_dataset(*table);
    ASSERT_TRUE(data.has_value());
    EXPECT_THAT(data->features, ElementsAre(1, 240.5, 0, 0, 1, -0.5, 200, 1, 0, 0));
    EXPECT_THAT(data->labels, ElementsAre(1, 0));
    EXPECT_THAT(data->feature_names, ElementsAre("age", "chol", "pain, type=1",
                                                 "pain, type=two \"b\"", "pain, type=3.5"));
}

TEST(Csv, missing_cell_without_a_constant_is_refused) {
    const Result<Table> table = read_rows("60,1,1,x,yes\n,1,1,x,no\n");
    ASSERT_TRUE(table.has_value());
    const Result<Dataset> data = to_dataset(*table);
    ASSERT_FALSE(data.has_value());
    EXPECT_THAT(data.error().context,
                AllOf(HasSubstr("record 2"), HasSubstr("'age'"), HasSubstr("add impute")));
}

TEST(Csv, each_malformed_row_names_file_line_column_and_cure) {
    struct Case {
        std::string row, column, message;
    };
    const std::vector<Case> cases = {
        {"60,1,1,x", "", "4 cells instead of the 5"},
        {"60", "", "1 cells instead of the 5"},
        {"", "", "1 cells instead of the 5"},
        {"60,1,1,x,yes,9", "", "more than the 5 cells"},
        {"sixty,1,1,x,yes", "column 1 (age)", "'sixty' is not a number"},
        {"60x,1,1,x,yes", "column 1 (age)", "is not a number"},
        {"inf,1,1,x,yes", "column 1 (age)", "is not a number"},
        {"1e999,1,1,x,yes", "column 1 (age)", "is not a number"},
        {"60,1,2,x,yes", "column 3 (pain, type)", "add the value to the schema"},
        {"60,1,1,x,perhaps", "column 5 (sick)", "neither negative"},
        {"60,1,1,x,", "column 5 (sick)", "neither negative"},
        {"60,1,\"1,x,yes", "column 3", "never closed"},
        {"60,1,\"1\"z,x,yes", "column 3", "follows the closing quote"},
        {std::string("60,1,1,x,y\0s", 12), "column 5", "'y?s'"},
    };
    for (const Case& broken : cases) {
        const std::string message = error_of("60,1,1,x,yes\n" + broken.row + "\n60,1,1,x,no\n");
        EXPECT_THAT(message, AllOf(HasSubstr("p.csv, line 3"), HasSubstr(broken.column),
                                   HasSubstr(broken.message)));
    }
}

TEST(Csv, every_truncation_of_a_row_is_an_error_until_its_last_cell) {
    const std::string row = "60,1,\"two \"\"b\"\"\",x,yes";
    for (std::size_t size = 1; size < row.size(); ++size) {
        EXPECT_THAT(error_of("60,1,1,x,yes\n" + row.substr(0, size)), HasSubstr("line 3")) << size;
    }
}

TEST(Csv, header_that_differs_is_refused) {
    const Result<Table> table =
        parse_csv("age,cholesterol,\"pain, type\",site,sick\n", sample_schema(), "p.csv");
    ASSERT_FALSE(table.has_value());
    EXPECT_THAT(table.error().context,
                AllOf(HasSubstr("line 1, column 2"), HasSubstr("'cholesterol'")));
}

TEST(Csv, empty_files_and_overlong_lines_are_refused) {
    EXPECT_THAT(error_of(""), HasSubstr("no records"));
    EXPECT_THAT(error_of(std::string(kMaxLineBytes + 1, '1') + "\n"), HasSubstr("longer than"));
}

TEST(Csv, written_table_reads_back_bit_by_bit) {
    Result<Table> table =
        read_rows("0.1,0,3.5,x,yes\n-1e-300,1e300,,x,0\n,5,\"two \"\"b\"\"\",,1\n");
    ASSERT_TRUE(table.has_value()) << table.error().context;
    const Result<Table> again = parse_csv(format_csv(*table), table->schema, "again.csv");
    ASSERT_TRUE(again.has_value()) << again.error().context;
    ASSERT_EQ(again->cells.size(), table->cells.size());
    for (std::size_t i = 0; i < table->cells.size(); ++i) {
        const bool both_missing = std::isnan(table->cells[i]) && std::isnan(again->cells[i]);
        EXPECT_TRUE(both_missing || table->cells[i] == again->cells[i]) << i;
    }
}

TEST(Csv, value_that_scaling_makes_infinite_is_refused) {
    Schema schema = sample_schema();
    schema.columns[0].scale = 1e-300;
    const Result<Table> table =
        parse_csv(std::string(kHeader) + "1e300,1,1,x,yes\n", schema, "p.csv");
    ASSERT_TRUE(table.has_value());
    EXPECT_FALSE(to_dataset(*table).has_value());
}

TEST(FittedConstants, standardise_the_table_they_come_from) {
    Table table = wdbc();
    table.schema = fit_constants(table);
    const Result<Dataset> data = to_dataset(table);
    ASSERT_TRUE(data.has_value());
    for (std::size_t column = 0; column < data->columns(); ++column) {
        double sum = 0;
        double squares = 0;
        for (std::size_t row = 0; row < data->rows(); ++row) {
            sum += data->row(row)[column];
            squares += data->row(row)[column] * data->row(row)[column];
        }
        EXPECT_NEAR(sum / 569, 0, 1e-12);
        EXPECT_NEAR(squares / 569, 1, 1e-9);
    }
}

TEST(FittedConstants, keep_what_the_schema_fixes) {
    const Result<Table> table = read_rows("60,0,,x,yes\n62,100,3.5,x,yes\n64,300,3.5,x,no\n");
    ASSERT_TRUE(table.has_value());
    const Schema fitted = fit_constants(*table);
    EXPECT_EQ(fitted.columns[0].centre, 50);
    EXPECT_EQ(fitted.columns[0].impute, 62);
    EXPECT_EQ(fitted.columns[1].impute, 240.5);
    EXPECT_EQ(fitted.columns[2].impute_value, "1");
}

TEST(Wdbc, is_the_published_file) {
    EXPECT_EQ(sha256(as_bytes(wdbc_csv())).hex(),
              "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed");
    const Table table = wdbc();
    EXPECT_EQ(table.rows(), 569U);
    EXPECT_EQ(table.positives(), 212U);
    EXPECT_EQ(table.schema.feature_count(), 30U);
    EXPECT_EQ(table.cells[0], 17.99);
    EXPECT_EQ(table.labels()[0], 1);
}

TEST(WdbcConsortium, holds_every_row_once_and_round_trips_through_files) {
    const Result<Source> source = load_source("wdbc", "");
    ASSERT_TRUE(source.has_value());
    const Result<Consortium> consortium = make_consortium(*source, {});
    ASSERT_TRUE(consortium.has_value()) << consortium.error().context;
    std::size_t rows = consortium->test.rows();
    std::size_t positives = consortium->test.positives();
    EXPECT_EQ(rows, 171U);
    for (const NamedTable& hospital : consortium->hospitals) {
        rows += hospital.table.rows();
        positives += hospital.table.positives();
        const Result<Schema> schema = parse_schema(format_schema(consortium->schema), "s");
        ASSERT_TRUE(schema.has_value());
        const Result<Table> again = parse_csv(format_csv(hospital.table), *schema, "h");
        ASSERT_TRUE(again.has_value());
        EXPECT_EQ(to_dataset(*again)->features, to_dataset(hospital.table)->features);
    }
    EXPECT_EQ(rows, 569U);
    EXPECT_EQ(positives, 212U);
}

TEST(WdbcConsortium, reference_records_leave_the_hospitals_and_keep_the_class_shares) {
    const Result<Source> source = load_source("wdbc", "");
    ASSERT_TRUE(source.has_value());
    const Result<Consortium> whole = make_consortium(*source, {});
    ConsortiumOptions options;
    options.reference_records = 64;
    const Result<Consortium> consortium = make_consortium(*source, options);
    ASSERT_TRUE(consortium.has_value()) << consortium.error().context;
    ASSERT_TRUE(consortium->reference.has_value());
    EXPECT_EQ(consortium->reference->rows(), 64U);
    EXPECT_NEAR(static_cast<double>(consortium->reference->positives()), 64.0 * 148 / 398, 1);
    EXPECT_EQ(consortium->schema, whole->schema);  // the constants do not depend on it
    EXPECT_EQ(consortium->test.cells, whole->test.cells);
    std::size_t rows = 64;
    std::size_t positives = consortium->reference->positives();
    for (std::size_t i = 0; i < consortium->hospitals.size(); ++i) {
        const Table& table = consortium->hospitals[i].table;
        EXPECT_LT(table.rows(), whole->hospitals[i].table.rows());
        rows += table.rows();
        positives += table.positives();
    }
    EXPECT_EQ(rows, 398U);
    EXPECT_EQ(positives, 148U);
    for (const std::size_t records : {1U, 398U, 380U}) {
        options.reference_records = records;
        const Result<Consortium> refused = make_consortium(*source, options);
        ASSERT_FALSE(refused.has_value()) << records;
        EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    }
}

TEST(FolderSource, one_file_per_hospital_or_one_to_be_dealt) {
    const TemporaryFolder folder;
    folder.write("schema.toml", kSchemaText);
    std::string rows(kHeader);
    for (int i = 0; i < 60; ++i) {
        rows += std::to_string(40 + i) + ",200,1,x," + (i % 3 == 0 ? "yes" : "no") + "\n";
    }
    EXPECT_FALSE(load_folder(folder.path()).has_value());  // no CSV yet
    folder.write("north.csv", rows);
    const Result<Source> one = load_folder(folder.path());
    ASSERT_TRUE(one.has_value()) << one.error().context;
    EXPECT_TRUE(one->is_dealt());
    EXPECT_TRUE(make_consortium(*one, with_hospitals(4)).has_value());
    EXPECT_FALSE(make_consortium(*one, with_hospitals(9)).has_value());
    folder.write("south.csv", rows);
    const Result<Source> two = load_folder(folder.path());
    ASSERT_TRUE(two.has_value());
    EXPECT_EQ(two->tables[1].name, "south");
    EXPECT_TRUE(make_consortium(*two, with_hospitals(2)).has_value());
    EXPECT_FALSE(make_consortium(*two, with_hospitals(4)).has_value());
    folder.write("west.csv", rows + "1,2\n");
    const Result<Source> broken = load_folder(folder.path());
    ASSERT_FALSE(broken.has_value());
    EXPECT_THAT(broken.error().context, AllOf(HasSubstr("west.csv"), HasSubstr("line 62")));
}

TEST(FolderSource, absent_folder_is_an_error) {
    EXPECT_FALSE(load_source("/no/such/folder", "").has_value());
    EXPECT_FALSE(load_source("heart", "/no/such/folder").has_value());
}

std::filesystem::path data_folder() {
    const char* named = std::getenv("CONSILIUM_DATA_DIR");
    return named != nullptr ? named : CONSILIUM_SHARED_DATA;
}

TEST(Heart, four_hospitals_give_fifteen_features) {
    if (!std::filesystem::exists(data_folder() / "heart-va.csv")) {
        const char* required = std::getenv("CONSILIUM_REQUIRE_DATA");
        if (required != nullptr && std::string_view(required) == "1") {
            FAIL() << "heart data is required but absent";
        }
        GTEST_SKIP() << "SKIPPED: set CONSILIUM_DATA_DIR to the folder with heart-*.csv";
    }
    const Result<Source> source = load_source("heart", data_folder());
    ASSERT_TRUE(source.has_value()) << source.error().context;
    std::vector<std::size_t> rows;
    std::vector<std::size_t> healthy;
    for (const NamedTable& hospital : source->tables) {
        rows.push_back(hospital.table.rows());
        healthy.push_back(hospital.table.rows() - hospital.table.positives());
    }
    EXPECT_THAT(rows, ElementsAre(303, 294, 123, 200));
    EXPECT_EQ(healthy[2], 8U);
    const Result<Consortium> consortium = make_consortium(*source, {});
    ASSERT_TRUE(consortium.has_value()) << consortium.error().context;
    const Result<Dataset> test = to_dataset(consortium->test);
    ASSERT_TRUE(test.has_value()) << test.error().context;
    EXPECT_EQ(test->columns(), 15U);
}

TEST(TextNumber, shortest_text_reads_back_and_foreign_forms_are_refused) {
    for (const double value : {0.0, -0.0, 0.1, 1e300, 5e-324, -12.5}) {
        EXPECT_EQ(parse_number(format_number(value)), value);
    }
    for (const std::string_view text : {"", "+", "++1", "+-1", "nan", "inf", "0x10", "1,5", "1 "}) {
        EXPECT_EQ(parse_number(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace consilium::fl
