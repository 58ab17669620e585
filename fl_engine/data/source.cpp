// Implements the built-in sources, folders of CSV files, and dealing a consortium.
#include "fl_engine/data/source.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <system_error>
#include <utility>

#include "core/check.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

namespace fs = std::filesystem;

Schema wdbc_schema() {
    static constexpr std::array<std::string_view, 3> kStatistics = {"mean", "error", "worst"};
    static constexpr std::array<std::string_view, 10> kMeasures = {
        "radius",      "texture",   "perimeter",      "area",     "smoothness",
        "compactness", "concavity", "concave points", "symmetry", "fractal dimension"};
    Schema schema;
    schema.header = HeaderKind::kSkip;  // sklearn's first line holds counts and class names
    for (const std::string_view statistic : kStatistics) {
        for (const std::string_view measure : kMeasures) {
            Column column;
            column.name = std::string(statistic) + " " + std::string(measure);
            column.kind = ColumnKind::kNumeric;
            schema.columns.push_back(column);
        }
    }
    Column label;
    label.name = "malignant";
    label.kind = ColumnKind::kLabel;
    label.negative = {"1"};  // sklearn writes 0 for malignant
    label.positive = {"0"};
    schema.columns.push_back(label);
    return schema;
}

constexpr std::string_view kHeartSchema = R"(format = "consilium-schema-1"
header = "none"
missing = ["NaN"]
[[column]]
name = "age"
kind = "numeric"
[[column]]
name = "sex"
kind = "numeric"
[[column]]
name = "cp"
kind = "categorical"
values = [1, 2, 3, 4]
[[column]]
name = "trestbps"
kind = "numeric"
zero_is_missing = true
[[column]]
name = "chol"
kind = "numeric"
zero_is_missing = true
[[column]]
name = "fbs"
kind = "numeric"
[[column]]
name = "restecg"
kind = "categorical"
values = [0, 1, 2]
[[column]]
name = "thalach"
kind = "numeric"
[[column]]
name = "exang"
kind = "numeric"
[[column]]
name = "oldpeak"
kind = "numeric"
[[column]]
name = "slope"
kind = "ignored"
[[column]]
name = "ca"
kind = "ignored"
[[column]]
name = "thal"
kind = "ignored"
[[column]]
name = "num"
kind = "label"
negative = [0]
positive = [1, 2, 3, 4]
)";

Result<std::vector<fs::path>> csv_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        if (it->path().extension() == ".csv") files.push_back(it->path());
        if (files.size() > kMaxHospitals) {
            return make_error(ErrorCode::kLimitExceeded, folder.string() + ": more than " +
                                                             std::to_string(kMaxHospitals) +
                                                             " CSV files; one per hospital");
        }
    }
    if (error) return make_error(ErrorCode::kNotFound, folder.string() + ": " + error.message());
    if (files.empty()) {
        return make_error(ErrorCode::kNotFound,
                          folder.string() +
                              ": holds no .csv file; put one per hospital there, or "
                              "one to be dealt");
    }
    std::sort(files.begin(), files.end());  // the order of a folder differs between machines
    return files;
}

struct Parts {
    std::vector<NamedTable> training;
    std::vector<Table> test;
};

Parts split_test(const NamedTable& whole, double fraction, std::uint64_t seed) {
    const HoldOut split = split_stratified(whole.table.labels(), fraction, seed);
    Parts parts;
    parts.training.push_back({whole.name, select_rows(whole.table, split.kept)});
    parts.test.push_back(select_rows(whole.table, split.held));
    return parts;
}

Result<Parts> deal(const NamedTable& whole, const ConsortiumOptions& options) {
    Parts parts = split_test(whole, options.test_fraction, options.seed);
    const Table training = std::move(parts.training.front().table);
    parts.training.clear();
    const Result<std::vector<RowList>> dealt =
        deal_rows(training.labels(), options.hospitals, options.deal, options.seed);
    if (!dealt) return tl::unexpected(dealt.error());
    for (std::size_t i = 0; i < dealt->size(); ++i) {
        parts.training.push_back(
            {"hospital-" + std::to_string(i + 1), select_rows(training, (*dealt)[i])});
    }
    return parts;
}

Result<Parts> keep_apart(const Source& source, const ConsortiumOptions& options) {
    if (source.tables.size() != options.hospitals) {
        return make_error(ErrorCode::kRefused,
                          "data set " + quote(source.name) + " has the files of " +
                              std::to_string(source.tables.size()) + " hospitals, not of " +
                              std::to_string(options.hospitals) + "; ask for that number");
    }
    if (!options.deal.is_iid()) {
        return make_error(ErrorCode::kRefused,
                          "data set " + quote(source.name) +
                              " has one file per hospital; nothing is dealt, so leave the split "
                              "out");
    }
    Parts parts;
    for (std::size_t i = 0; i < source.tables.size(); ++i) {
        Parts one = split_test(source.tables[i], options.test_fraction,
                               derive_seed("hospital-test", {options.seed, i}));
        if (one.training.front().table.rows() < kMinRowsPerHospital) {
            return make_error(ErrorCode::kRefused, "hospital " + quote(source.tables[i].name) +
                                                       " has too few rows to train on");
        }
        parts.training.push_back(std::move(one.training.front()));
        parts.test.push_back(std::move(one.test.front()));
    }
    return parts;
}

// Exactly `records` rows, with the classes' shares up to one record, at least one of each;
// ascending.
RowList choose_reference(std::span<const std::uint8_t> labels, std::size_t records,
                         std::uint64_t seed) {
    std::array<RowList, 2> classes;
    for (std::size_t row = 0; row < labels.size(); ++row) classes[labels[row]].push_back(row);
    RandomStream random(derive_seed("reference", {seed}));
    const std::size_t wished = (records * classes[1].size() + labels.size() / 2) / labels.size();
    const std::size_t positives = std::clamp(wished, std::size_t{1}, records - 1);
    const std::array<std::size_t, 2> counts{records - positives, positives};
    RowList chosen;
    for (std::size_t label = 0; label < 2; ++label) {
        random.shuffle(classes[label]);
        const std::size_t count = std::min(counts[label], classes[label].size());
        chosen.insert(chosen.end(), classes[label].begin(),
                      classes[label].begin() + static_cast<std::ptrdiff_t>(count));
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

// Moves the records of the reference from the hospitals' tables to one of their own.
Result<void> take_reference(Consortium& consortium, std::size_t records, std::uint64_t seed) {
    std::vector<Table> training;
    for (const NamedTable& hospital : consortium.hospitals) training.push_back(hospital.table);
    const Result<Table> pooled = concatenate(training);
    if (!pooled) return tl::unexpected(pooled.error());
    if (records < 2 || records >= pooled->rows()) {
        return make_error(ErrorCode::kRefused,
                          "a reference set has 2 records or more, and fewer "
                          "than the hospitals have to train on");
    }
    const RowList held = choose_reference(pooled->labels(), records, seed);
    consortium.reference = select_rows(*pooled, held);
    std::size_t first = 0;  // of the hospital's rows in the pooled table
    for (NamedTable& hospital : consortium.hospitals) {
        RowList kept;
        for (std::size_t row = 0; row < hospital.table.rows(); ++row) {
            if (!std::binary_search(held.begin(), held.end(), first + row)) kept.push_back(row);
        }
        first += hospital.table.rows();
        if (kept.size() < kMinRowsPerHospital) {
            return make_error(ErrorCode::kRefused, "the reference set leaves hospital " +
                                                       quote(hospital.name) +
                                                       " too few rows to train on");
        }
        hospital.table = select_rows(hospital.table, kept);
    }
    return {};
}

}  // namespace

Table wdbc() {
    Result<Table> table = parse_csv(wdbc_csv(), wdbc_schema(), "breast_cancer.csv");
    CHECK(table.has_value());  // the embedded bytes are part of the program
    // Files written from the table carry the plain meaning, 1 = malignant.
    Column& label = table->schema.columns.back();
    std::swap(label.negative, label.positive);
    return std::move(*table);
}

Schema heart_schema() {
    Result<Schema> schema = parse_schema(kHeartSchema, "heart schema");
    CHECK(schema.has_value());  // the text above is part of the program
    return std::move(*schema);
}

Result<Source> load_heart(const fs::path& folder) {
    const Schema schema = heart_schema();
    Source source{.name = "heart", .tables = {}, .test_fraction = 0.25};
    for (const std::string name : {"cleveland", "hungarian", "switzerland", "va"}) {
        Result<Table> table = load_csv(folder / ("heart-" + name + ".csv"), schema);
        if (!table) return tl::unexpected(table.error());
        source.tables.push_back({name, std::move(*table)});
    }
    return source;
}

Result<Source> load_folder(const fs::path& folder) {
    const Result<Schema> schema = load_schema(folder / "schema.toml");
    if (!schema) return tl::unexpected(schema.error());
    const Result<std::vector<fs::path>> files = csv_files(folder);
    if (!files) return tl::unexpected(files.error());
    Source source{.name = folder.string(), .tables = {}, .test_fraction = 0.3};
    for (const fs::path& file : *files) {
        Result<Table> table = load_csv(file, *schema);
        if (!table) return tl::unexpected(table.error());
        source.tables.push_back({file.stem().string(), std::move(*table)});
    }
    return source;
}

Result<Source> load_source(std::string_view name, const fs::path& data_folder) {
    if (name == "wdbc") {
        Source source{.name = "wdbc", .tables = {}, .test_fraction = 0.3};
        source.tables.push_back({"wdbc", wdbc()});
        return source;
    }
    if (name == "heart") return load_heart(data_folder);
    return load_folder(fs::path(name));
}

Result<Consortium> make_consortium(const Source& source, const ConsortiumOptions& options) {
    if (source.tables.empty() || !(options.test_fraction > 0 && options.test_fraction < 1)) {
        return make_error(ErrorCode::kRefused,
                          "a consortium needs data and a test fraction between 0 and 1");
    }
    Result<Parts> parts =
        source.is_dealt() ? deal(source.tables.front(), options) : keep_apart(source, options);
    if (!parts) return tl::unexpected(parts.error());
    std::vector<Table> training;
    for (const NamedTable& hospital : parts->training) training.push_back(hospital.table);
    const Result<Table> pooled = concatenate(training);
    Result<Table> test = concatenate(parts->test);
    if (!pooled) return tl::unexpected(pooled.error());
    if (!test) return tl::unexpected(test.error());
    Consortium out{.schema = fit_constants(*pooled),
                   .hospitals = std::move(parts->training),
                   .reference = std::nullopt,
                   .test = std::move(*test)};
    for (NamedTable& hospital : out.hospitals) hospital.table.schema = out.schema;
    out.test.schema = out.schema;
    if (options.reference_records > 0) {
        if (auto taken = take_reference(out, options.reference_records, options.seed); !taken) {
            return tl::unexpected(taken.error());
        }
    }
    return out;
}

}  // namespace consilium::fl
