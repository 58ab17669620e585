// From an update in real numbers to the integers of the protocol, deterministically (section 5).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/types.hpp"

namespace consilium::reference {

struct Encoding {
    std::uint32_t norm_bits{};  // nu, 16..23
    std::uint64_t clip_norm{};  // C_r, units of 2^-32
};

// Clips to norm C_r, scales it to B - ceil(sqrt d), rounds to nearest, and shrinks by 1 - 2^-16
// until the exact norm is at most B. Every entry is finite, 2^nu >= 16 ceil(sqrt d).
[[nodiscard]] std::vector<std::int64_t> encode(std::span<const double> update,
                                               const Encoding& encoding);
// Sum of squares; at most 2^20 entries below 2^53 in size.
[[nodiscard]] Uint128 exact_norm(std::span<const std::int64_t> update);
// ceil(sqrt value)
[[nodiscard]] std::uint64_t ceil_sqrt(std::uint64_t value);

}  // namespace consilium::reference
