// Parsing of JSON text from outside: bounded in size and depth, without exceptions.
#pragma once
#include <cstddef>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/result.hpp"

namespace consilium::schema {

inline constexpr std::size_t kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonBytes = std::size_t{16} * 1024 * 1024;

// kMalformed for what is no JSON or nests deeper than kMaxJsonDepth, kLimitExceeded for size.
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text,
                                                std::size_t max_bytes = kMaxJsonBytes);

}  // namespace consilium::schema
