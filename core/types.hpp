// Strong integer types of the ledger, and checked arithmetic.
//
// Conversion is explicit: Height{5}, height.value. A height never adds to a view by accident.
#pragma once
#include <compare>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/check.hpp"

namespace consilium {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
    T sum{};
    if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
    return sum;
}
template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_sub(T a, T b) {
    T difference{};
    if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
    return difference;
}
template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
    T product{};
    if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
    return product;
}
// a + b, held at the largest value.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T saturating_add(T a, T b) {
    return checked_add(a, b).value_or(std::numeric_limits<T>::max());
}
// a - b, held at zero.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T saturating_sub(T a, T b) {
    return a < b ? T{0} : static_cast<T>(a - b);
}

template <typename Tag, std::unsigned_integral T>
struct StrongInt {
    using Underlying = T;
    T value{};

    [[nodiscard]] constexpr StrongInt next() const {
        CHECK(value != std::numeric_limits<T>::max());
        return StrongInt{static_cast<T>(value + 1)};
    }
    // One less; a CHECK at zero.
    [[nodiscard]] constexpr StrongInt previous() const {
        CHECK(value != 0);
        return StrongInt{static_cast<T>(value - 1)};
    }
    friend constexpr auto operator<=>(const StrongInt&, const StrongInt&) = default;
};

using Height = StrongInt<struct HeightTag, std::uint64_t>;  // of a block; genesis is 0
using View = StrongInt<struct ViewTag, std::uint64_t>;      // of PBFT, counted per height from 0
using Epoch = StrongInt<struct EpochTag, std::uint64_t>;    // of the membership
using ReplicaId =
    StrongInt<struct ReplicaTag, std::uint16_t>;          // position in the membership, from 0
using TimeMs = StrongInt<struct TimeTag, std::uint64_t>;  // Unix time in milliseconds

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

}  // namespace consilium
