// Sizes of the range proof (smpc-protocol.md, section 5): which projections, how many digits.
//
// Full mode: 128 random projections of the update are proved to lie in [-T, T), T = 8 B. Small
// mode, d <= 128: every coordinate itself is proved to lie in [-T, T), T = 2 B; R is the identity.
#pragma once
#include <cstddef>
#include <cstdint>

#include "fl_engine/smpc/encoding.hpp"

namespace consilium::smpc {

inline constexpr std::uint64_t kSmallModeDimension = 128;  // the largest d of the small mode
inline constexpr std::size_t kProjections = 128;           // J of the full mode: error 2^-69

struct RangeShape {
    std::uint64_t dimension{};  // d
    std::size_t projections{};  // J
    std::uint32_t digits{};     // L: y + T has L bits, T = 2^(L-1)

    [[nodiscard]] bool is_small() const { return dimension <= kSmallModeDimension; }
    // NOLINTNEXTLINE(clang-analyzer-core.*): the analyzer forgets that digits is 1 at least
    [[nodiscard]] std::int64_t bound() const { return std::int64_t{1} << (digits - 1); }  // T
    [[nodiscard]] std::size_t bits() const { return projections * digits; }               // Nb
    // Z: the bits, F(0), F2(0), F2(Nb+1) .. F2(2 Nb).
    [[nodiscard]] std::size_t message_length() const { return 2 * bits() + 2; }
    [[nodiscard]] std::size_t blob_bytes() const { return 8 * message_length(); }
    friend bool operator==(const RangeShape&, const RangeShape&) = default;
};

// 1 <= d <= 2^20, 16 <= nu <= 23: a CHECK otherwise.
[[nodiscard]] RangeShape range_shape(std::uint64_t dimension, std::uint32_t norm_bits);

}  // namespace consilium::smpc
