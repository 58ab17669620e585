// JSON from outside, parsed with a bound on its nesting (the parser itself has none).
#pragma once
#include <cstddef>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "core/result.hpp"

namespace consilium::p2p {

inline constexpr std::size_t kJsonDepthMax = 32;

// kMalformed: not JSON. kLimitExceeded: nested deeper than kJsonDepthMax. The text's length is
// bounded by whoever received it.
[[nodiscard]] Result<nlohmann::json> parse_bounded_json(std::string_view text);

}  // namespace consilium::p2p
