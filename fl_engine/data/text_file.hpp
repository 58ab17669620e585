// Reads a whole text file with a limit on its size.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>

#include "core/result.hpp"

namespace consilium::fl {

// kNotFound, kLimitExceeded or kInternal; the message names the file.
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& file,
                                                 std::size_t max_bytes);

}  // namespace consilium::fl
