// Where a consortium's data comes from, and how it is dealt: wdbc, heart or a folder of CSV files.
//
// For launchers and experiments, which hold all hospitals' files. A hospital's own trainer reads
// one CSV with one schema (table.hpp) and splits its hold-out by itself.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/data/split.hpp"
#include "fl_engine/data/table.hpp"

namespace consilium::fl {

struct NamedTable {
    std::string name;
    Table table;
};

struct Source {
    std::string name;                // "wdbc", "heart" or the folder's name
    std::vector<NamedTable> tables;  // one: to be dealt; several: one per hospital
    double test_fraction = 0.3;      // its usual one

    [[nodiscard]] bool is_dealt() const { return tables.size() == 1; }
};

// Wisconsin Diagnostic Breast Cancer, embedded (wdbc/PROVENANCE.md): 569 rows, 30 numeric
// features, label 1 = malignant.
[[nodiscard]] std::string_view wdbc_csv();  // the bytes of sklearn's file
[[nodiscard]] Table wdbc();

// UCI Heart Disease of four hospitals: ten columns, 15 features, label 1 = disease. Reads
// heart-{cleveland,hungarian,switzerland,va}.csv in the folder.
[[nodiscard]] Schema heart_schema();
[[nodiscard]] Result<Source> load_heart(const std::filesystem::path& folder);

// schema.toml and one CSV per hospital (its stem is the name), or one CSV to be dealt.
[[nodiscard]] Result<Source> load_folder(const std::filesystem::path& folder);

// "wdbc", "heart" (needs data_folder) or a folder with schema.toml.
[[nodiscard]] Result<Source> load_source(std::string_view name,
                                         const std::filesystem::path& data_folder);

struct ConsortiumOptions {
    std::size_t hospitals = 4;
    DealSpec deal;
    double test_fraction = 0.3;
    std::uint64_t seed = 1;
    std::size_t reference_records = 0;  // taken out of the hospitals' training rows
};

struct Consortium {
    Schema schema;                      // with every constant filled; what hospitals are given
    std::vector<NamedTable> hospitals;  // training rows, schema as above
    std::optional<Table> reference;     // public records of all hospitals; nobody trains on them
    Table test;                         // rows that no hospital has
};

// Takes the stratified test part away (from the one table, or from each hospital's), deals the
// rest when there is one table, and fits open constants on the training rows. Then, if asked for,
// takes the reference records out of all hospitals' training rows, stratified by class. kRefused
// when the number of hospitals does not fit the source, or a hospital would have too few rows left.
[[nodiscard]] Result<Consortium> make_consortium(const Source& source,
                                                 const ConsortiumOptions& options);

}  // namespace consilium::fl
