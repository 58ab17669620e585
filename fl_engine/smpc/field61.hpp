// Prime field arithmetic; the protocol's field is p = 2^61 - 1 (smpc-protocol.md, section 2).
//
// Elements are plain 64-bit words below the modulus, so that a parsed blob is a vector of elements
// without a copy. PrimeField<P> exists for any prime below 2^62: tests instantiate the small ones
// and check every case. Field code is not constant-time; secret keys never enter it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/check.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

namespace consilium::smpc {

using Element = std::uint64_t;

inline constexpr std::uint64_t kPrime61 = (std::uint64_t{1} << 61) - 1;

template <std::uint64_t P>
struct PrimeField {
    static_assert(P >= 3 && P < (std::uint64_t{1} << 62), "sums of two elements fit 64 bits");
    static constexpr std::uint64_t kModulus = P;

    // The residue of a 128-bit value.
    [[nodiscard]] static constexpr Element reduce(Uint128 value) {
        if constexpr (P == kPrime61) {
            // 2^61 = 1: add the 61-bit limbs. Twice brings the sum below 2^62.
            const Uint128 once = (value & P) + (value >> 61);
            const Uint128 twice = (once & P) + (once >> 61);
            const auto folded = static_cast<std::uint64_t>(twice);
            return folded >= P ? folded - P : folded;
        } else {
            return static_cast<Element>(value % P);
        }
    }
    [[nodiscard]] static constexpr Element add(Element a, Element b) {
        const Element sum = a + b;
        return sum >= P ? sum - P : sum;
    }
    [[nodiscard]] static constexpr Element sub(Element a, Element b) {
        return a >= b ? a - b : a + P - b;
    }
    [[nodiscard]] static constexpr Element negate(Element a) { return a == 0 ? 0 : P - a; }
    [[nodiscard]] static constexpr Element mul(Element a, Element b) {
        const Uint128 product = static_cast<Uint128>(a) * b;
        if constexpr (P == kPrime61) {
            const auto low = static_cast<std::uint64_t>(product) & P;
            const Element sum = low + static_cast<std::uint64_t>(product >> 61);
            return sum >= P ? sum - P : sum;
        } else {
            return reduce(product);
        }
    }
    [[nodiscard]] static constexpr Element power(Element base, std::uint64_t exponent) {
        Element result = 1;
        for (; exponent != 0; exponent >>= 1) {
            if ((exponent & 1) != 0) result = mul(result, base);
            base = mul(base, base);
        }
        return result;
    }
    // a^(p-2), Fermat; a CHECK for zero.
    [[nodiscard]] static constexpr Element inverse(Element a) {
        CHECK(a != 0);
        return power(a, P - 2);
    }
    // The element of a signed integer, any size.
    [[nodiscard]] static constexpr Element from_signed(std::int64_t value) {
        const auto magnitude = value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                                         : static_cast<std::uint64_t>(value);
        const Element residue = magnitude % P;
        return value < 0 ? negate(residue) : residue;
    }
    // The representative in [-(p-1)/2, (p-1)/2].
    [[nodiscard]] static constexpr std::int64_t centered(Element a) {
        return a <= P / 2 ? static_cast<std::int64_t>(a)
                          : static_cast<std::int64_t>(a) - static_cast<std::int64_t>(P);
    }
};

using Field61 = PrimeField<kPrime61>;

// The element of a 64-bit word of a random stream: the low 61 bits, with p itself read as 0.
[[nodiscard]] constexpr Element element_of_word(std::uint64_t word) {
    const Element low = word & kPrime61;
    return low == kPrime61 ? 0 : low;
}

// Sum of a[x] * b[x]; products are added up in 128 bits and folded every 32 terms.
[[nodiscard]] Element inner_product(std::span<const Element> a, std::span<const Element> b);

// out[x] = a[x] + b[x]; `out` may be one of the inputs.
void add_vectors(std::span<const Element> a, std::span<const Element> b, std::span<Element> out);

// The blob form of a vector: 8-byte little-endian words, each below p.
[[nodiscard]] Bytes encode_words(std::span<const Element> values);
// kMalformed unless the bytes are exactly `count` words below p.
[[nodiscard]] Result<std::vector<Element>> decode_words(ByteView bytes, std::size_t count);
// The same test without building the vector: the vote condition of rule D.
[[nodiscard]] bool are_words(ByteView bytes, std::size_t count);

}  // namespace consilium::smpc
