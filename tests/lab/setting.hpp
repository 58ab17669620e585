// What an experiment runs on: a data set dealt to sites, a model, a recipe, a reference set.
//
// All from one seed. The reference records are taken away before anything is dealt, for every
// rule, so that all rules of one seed train on the same records.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/attacks/backdoor.hpp"
#include "fl_engine/data/source.hpp"
#include "fl_engine/training/local_training.hpp"

namespace consilium::lab {

struct Setting {
    std::string dataset = "wdbc";  // wdbc, heart, pneumonia, or a folder
    std::string split = "iid";     // iid, dirichlet:ALPHA, natural
    std::size_t sites = 4;
    std::size_t attackers = 1;
    std::string model = "mlp";     // mlp, logistic
    std::uint32_t validators = 4;  // committee of the MPC: its number of blur terms
    std::uint32_t rounds = 0;      // 0: the recipe's

    friend bool operator==(const Setting&, const Setting&) = default;
};

// "wdbc mlp, 4 sites iid, 1 attacker"
[[nodiscard]] std::string to_string(const Setting& setting);

// The files of a data set, read once.
struct LoadedData {
    std::optional<fl::Source> tables;  // columns with a schema
    fl::Dataset images;                // otherwise: training images
    fl::Dataset test_images;
};
[[nodiscard]] Result<LoadedData> load_data(const std::string& dataset,
                                           const std::filesystem::path& data_folder);

struct Consortium {
    fl::ModelSpec spec;
    fl::TrainingConfig training;
    std::uint32_t rounds = 0;
    std::vector<fl::Dataset> sites;
    fl::Dataset reference;  // kReferenceRecords records of all sites' training data
    fl::Dataset test;
    std::size_t image_side = 0;  // 0: a table
    fl::Trigger trigger;
    fl::Dataset stamped;  // positive test records with the trigger
};

inline constexpr std::size_t kReferenceRecords = 64;

// kRefused when setting and data do not fit together.
[[nodiscard]] Result<Consortium> deal(const Setting& setting, const LoadedData& data,
                                      std::uint64_t seed);

}  // namespace consilium::lab
