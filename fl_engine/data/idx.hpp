// Reads grey images and their labels from a pair of IDX files, the format of the MNIST family.
//
// Grammar, big-endian: images = 0x00000803, count, rows, columns, count x rows x columns bytes;
// labels = 0x00000801, count, count bytes, each 0 or 1. Nothing may follow. A pixel becomes one
// feature, value / 255. A pair is taken as a whole or refused; the message names the file.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "fl_engine/data/dataset.hpp"

namespace consilium::fl {

struct NamedBytes {
    std::string name;  // stands in messages as the file's name
    std::string_view bytes;
};

// kMalformed for bytes outside the grammar, kMismatch when the counts differ, kLimitExceeded
// beyond kMaxRows, kMaxColumns or kMaxCells.
[[nodiscard]] Result<Dataset> parse_idx(const NamedBytes& images, const NamedBytes& labels);
[[nodiscard]] Result<Dataset> load_idx(const std::filesystem::path& images,
                                       const std::filesystem::path& labels);

}  // namespace consilium::fl
