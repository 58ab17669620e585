// Implements reading data sets, the recipes and the deal.
#include "tests/lab/setting.hpp"

#include <algorithm>
#include <cmath>

#include "fl_engine/data/idx.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTrainImages = "train-images-idx3-ubyte";

// The prefix of a folder's IDX files: "pneumonia-" of pneumonia-train-images-idx3-ubyte.
std::optional<std::string> idx_prefix(const fs::path& folder) {
    std::error_code error;
    std::vector<std::string> found;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.ends_with(kTrainImages)) {
            found.push_back(name.substr(0, name.size() - kTrainImages.size()));
        }
    }
    if (found.size() != 1) return std::nullopt;
    return found.front();
}

// Pixels between -1 and 1, as MedMNIST's own baselines take them; a patch of 1 stays the brightest.
void centre_pixels(fl::Dataset& data) {
    for (double& value : data.features) value = 2 * value - 1;
}

Result<LoadedData> load_images(const fs::path& folder, const std::string& prefix) {
    const auto load_part = [&](const std::string& part) {
        return fl::load_idx(folder / (prefix + part + "-images-idx3-ubyte"),
                            folder / (prefix + part + "-labels-idx1-ubyte"));
    };
    Result<fl::Dataset> training = load_part("train");
    if (!training) return tl::unexpected(training.error());
    Result<fl::Dataset> test = load_part("test");
    if (!test) return tl::unexpected(test.error());
    if (test->columns() != training->columns()) {
        return make_error(ErrorCode::kMismatch,
                          folder.string() + ": training and test images differ in size");
    }
    centre_pixels(*training);
    centre_pixels(*test);
    return LoadedData{std::nullopt, std::move(*training), std::move(*test)};
}

struct Recipe {
    std::uint32_t hidden_units;
    fl::TrainingConfig training;
    std::uint32_t rounds;
};

Recipe recipe_of(const Setting& setting, bool is_images) {
    if (is_images) {
        return {32, {.epochs = 1, .batch_size = 32, .learning_rate_millionths = 30'000}, 20};
    }
    const bool is_heart = setting.dataset == "heart";
    return {16,
            {.epochs = 2, .batch_size = 16, .learning_rate_millionths = 50'000},
            is_heart ? 25U : 20U};
}

fl::ModelSpec spec_of(const Setting& setting, std::size_t features, std::uint32_t hidden_units) {
    const auto inputs = static_cast<std::uint32_t>(features);
    if (setting.model == "logistic") return {fl::ModelKind::kLogistic, {inputs, 1}};
    return {fl::ModelKind::kMlp, {inputs, hidden_units, 1}};
}

std::vector<std::size_t> rows_with_label(const fl::Dataset& data, std::uint8_t label) {
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < data.rows(); ++row) {
        if (data.labels[row] == label) rows.push_back(row);
    }
    return rows;
}

fl::Dataset joined(std::span<const fl::Dataset> parts) {
    fl::Dataset out;
    out.feature_names = parts.front().feature_names;
    for (const fl::Dataset& part : parts) {
        out.features.insert(out.features.end(), part.features.begin(), part.features.end());
        out.labels.insert(out.labels.end(), part.labels.begin(), part.labels.end());
    }
    return out;
}

// Takes a stratified share of each part away, kReferenceRecords rows within one per part and class.
fl::Dataset take_reference(std::vector<fl::Dataset>& parts, std::uint64_t seed) {
    std::size_t rows = 0;
    for (const fl::Dataset& part : parts) rows += part.rows();
    const double fraction = std::min(0.5, static_cast<double>(kReferenceRecords) /
                                              static_cast<double>(std::max<std::size_t>(rows, 1)));
    std::vector<fl::Dataset> taken;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const fl::HoldOut split = fl::split_stratified(parts[i].labels, fraction,
                                                       fl::derive_seed("reference", {seed, i}));
        taken.push_back(fl::select_rows(parts[i], split.held));
        parts[i] = fl::select_rows(parts[i], split.kept);
    }
    return joined(taken);
}

Result<std::vector<fl::Dataset>> deal_parts(const Setting& setting, fl::Dataset whole,
                                            std::uint64_t seed) {
    const Result<fl::DealSpec> spec = fl::parse_deal_spec(setting.split);
    if (!spec) return tl::unexpected(spec.error());
    const auto rows = fl::deal_rows(whole.labels, setting.sites, *spec, seed);
    if (!rows) return tl::unexpected(rows.error());
    std::vector<fl::Dataset> parts;
    for (const fl::RowList& list : *rows) parts.push_back(fl::select_rows(whole, list));
    return parts;
}

// Fills sites, reference and test from files with a schema.
Result<void> deal_tables(const Setting& setting, const fl::Source& source, std::uint64_t seed,
                         Consortium& out) {
    const bool is_natural = setting.split == "natural";
    if (source.is_dealt() && is_natural) {
        return make_error(ErrorCode::kRefused,
                          "data set " + fl::quote(setting.dataset) +
                              " is one file: deal it with --split iid or dirichlet:ALPHA");
    }
    // What is to be dealt, one table or the pool of several, is dealt when the reference is out.
    fl::ConsortiumOptions options;
    options.hospitals = source.is_dealt() ? 1 : source.tables.size();
    options.test_fraction = source.test_fraction;
    options.seed = seed;
    const Result<fl::Consortium> consortium = fl::make_consortium(source, options);
    if (!consortium) return tl::unexpected(consortium.error());
    for (const fl::NamedTable& hospital : consortium->hospitals) {
        Result<fl::Dataset> site = fl::to_dataset(hospital.table);
        if (!site) return tl::unexpected(site.error());
        out.sites.push_back(std::move(*site));
    }
    Result<fl::Dataset> test = fl::to_dataset(consortium->test);
    if (!test) return tl::unexpected(test.error());
    out.test = std::move(*test);
    out.trigger = fl::rare_value_trigger(joined(out.sites));
    out.reference = take_reference(out.sites, seed);
    if (is_natural) return {};
    auto parts = deal_parts(setting, joined(out.sites), seed);
    if (!parts) return tl::unexpected(parts.error());
    out.sites = std::move(*parts);
    return {};
}

Result<void> deal_images(const Setting& setting, const LoadedData& data, std::uint64_t seed,
                         Consortium& out) {
    if (setting.split == "natural") {
        return make_error(ErrorCode::kRefused,
                          "images carry no hospital: deal them with --split "
                          "iid or dirichlet:ALPHA");
    }
    const auto side = static_cast<std::size_t>(
        std::lround(std::sqrt(static_cast<double>(data.images.columns()))));
    if (side < fl::kPatchSide || side * side != data.images.columns()) {
        return make_error(ErrorCode::kRefused, "images must be square, 4 x 4 or larger");
    }
    out.image_side = side;
    out.trigger = fl::patch_trigger(side);
    std::vector<fl::Dataset> whole = {data.images};
    out.reference = take_reference(whole, seed);
    out.test = data.test_images;
    auto parts = deal_parts(setting, std::move(whole.front()), seed);
    if (!parts) return tl::unexpected(parts.error());
    out.sites = std::move(*parts);
    return {};
}

}  // namespace

std::string to_string(const Setting& setting) {
    const std::string name = setting.dataset.find('/') == std::string::npos
                                 ? setting.dataset
                                 : fs::path(setting.dataset).filename().string();
    return name + " " + setting.model + ", " + std::to_string(setting.sites) + " sites " +
           setting.split + ", " + std::to_string(setting.attackers) +
           (setting.attackers == 1 ? " attacker" : " attackers");
}

Result<LoadedData> load_data(const std::string& dataset, const fs::path& data_folder) {
    if (dataset == "pneumonia") return load_images(data_folder, "pneumonia-");
    if (dataset != "wdbc" && dataset != "heart") {
        if (const auto prefix = idx_prefix(dataset)) return load_images(dataset, *prefix);
    }
    Result<fl::Source> source = fl::load_source(dataset, data_folder);
    if (!source) return tl::unexpected(source.error());
    return LoadedData{std::move(*source), {}, {}};
}

Result<Consortium> deal(const Setting& setting, const LoadedData& data, std::uint64_t seed) {
    if (2 * setting.attackers + 1 > setting.sites) {
        return make_error(ErrorCode::kRefused,
                          std::to_string(setting.attackers) + " attackers among " +
                              std::to_string(setting.sites) +
                              " sites: no rule can tell a majority of attackers from the honest; "
                              "at most (sites - 1) / 2");
    }
    if (setting.model != "mlp" && setting.model != "logistic") {
        return make_error(ErrorCode::kMalformed,
                          "model " + fl::quote(setting.model) + " is not known; mlp or logistic");
    }
    Consortium out;
    const Result<void> dealt = data.tables ? deal_tables(setting, *data.tables, seed, out)
                                           : deal_images(setting, data, seed, out);
    if (!dealt) return tl::unexpected(dealt.error());
    if (out.sites.size() != setting.sites) {
        return make_error(ErrorCode::kRefused, "there are " + std::to_string(out.sites.size()) +
                                                   " hospitals' files; take --sites " +
                                                   std::to_string(out.sites.size()));
    }
    const Recipe recipe = recipe_of(setting, !data.tables);
    out.spec = spec_of(setting, out.test.columns(), recipe.hidden_units);
    out.training = recipe.training;
    out.rounds = setting.rounds == 0 ? recipe.rounds : setting.rounds;
    out.stamped = fl::stamp(fl::select_rows(out.test, rows_with_label(out.test, 1)), out.trigger);
    return out;
}

}  // namespace consilium::lab
