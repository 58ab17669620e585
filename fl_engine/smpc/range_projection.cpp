// Byte-wise sums over the rows of R.
#include "fl_engine/smpc/range_projection.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "fl_engine/smpc/openssl_crypto.hpp"

namespace consilium::smpc {
namespace {

constexpr std::size_t kRowBytes = 32;   // of one coordinate: 16 for p, 16 for m
constexpr std::size_t kSignBytes = 16;  // where the bytes of m begin
constexpr std::size_t kByteValues = 256;
constexpr std::size_t kTileCoordinates = 1024;  // 32 KiB of stream
constexpr std::size_t kGroupBytes = 8;          // tables of one pass: 16 KiB, below an L1 cache

static_assert(kProjections == 8 * kSignBytes);

// Calls visit(first coordinate, bytes of the tile) over the whole stream.
template <typename Visit>
void for_each_tile(const Digest& seed, std::size_t dimension, Visit visit) {
    AesCtrStream stream{std::span(seed.bytes)};
    std::vector<std::uint8_t> bytes(kTileCoordinates * kRowBytes);
    for (std::size_t first = 0; first < dimension; first += kTileCoordinates) {
        const std::size_t size = std::min(kTileCoordinates, dimension - first);
        const std::span<std::uint8_t> tile(bytes.data(), size * kRowBytes);
        stream.next(tile);
        visit(first, std::span<const std::uint8_t>(tile));
    }
}

// sums[b * 256 + v]: of the coordinates whose byte b of the row is v. Unsigned: wraps, no overflow.
using ByteSums = std::vector<std::uint64_t, ErasingAllocator<std::uint64_t>>;

void add_tile(std::span<const std::uint8_t> rows, std::span<const std::int64_t> values,
              ByteSums& sums) {
    for (std::size_t group = 0; group < kRowBytes; group += kGroupBytes) {
        std::uint64_t* const table = sums.data() + group * kByteValues;
        for (std::size_t x = 0; x < values.size(); ++x) {
            const std::uint8_t* const row = rows.data() + x * kRowBytes + group;
            const auto value = static_cast<std::uint64_t>(values[x]);
            for (std::size_t b = 0; b < kGroupBytes; ++b) table[b * kByteValues + row[b]] += value;
        }
    }
}

// Sum over the coordinates whose bit `bit` (0..255) of the row is set.
std::uint64_t sum_of_bit(const ByteSums& sums, std::size_t bit) {
    const std::uint64_t* const table = sums.data() + bit / 8 * kByteValues;
    std::uint64_t sum = 0;
    for (std::size_t value = 0; value < kByteValues; ++value) {
        if (((value >> (bit % 8)) & 1) != 0) sum += table[value];
    }
    return sum;
}

// weights[b * 256 + v]: what byte b of a row contributes to Y when it is v.
std::vector<Element> byte_weights(std::span<const Element> tau) {
    std::vector<Element> weights(kRowBytes * kByteValues, 0);
    for (std::size_t b = 0; b < kRowBytes; ++b) {
        Element* const table = weights.data() + b * kByteValues;
        for (std::size_t value = 1; value < kByteValues; ++value) {
            const auto lowest = static_cast<std::size_t>(std::countr_zero(value));
            const Element one = tau[b % kSignBytes * 8 + lowest];
            const Element term = b < kSignBytes ? one : Field61::negate(one);
            table[value] = Field61::add(table[value & (value - 1)], term);
        }
    }
    return weights;
}

void weigh_tile(std::span<const std::uint8_t> rows, const std::vector<Element>& weights,
                std::span<Element> out) {
    std::fill(out.begin(), out.end(), Element{0});
    for (std::size_t group = 0; group < kRowBytes; group += kGroupBytes) {
        const Element* const table = weights.data() + group * kByteValues;
        for (std::size_t x = 0; x < out.size(); ++x) {
            const std::uint8_t* const row = rows.data() + x * kRowBytes + group;
            std::uint64_t sum = 0;  // eight elements: at most 2^64 - 16
            for (std::size_t b = 0; b < kGroupBytes; ++b) sum += table[b * kByteValues + row[b]];
            out[x] += (sum & kPrime61) + (sum >> 61);  // four of these: below 2^63 + 2^5
        }
    }
    for (Element& value : out) value = Field61::reduce(value);
}

}  // namespace

RangeProjections::RangeProjections(const RangeShape& shape, const std::optional<Digest>& seed)
    : shape_(shape), seed_(seed) {
    CHECK(seed.has_value() != shape.is_small());
}

SecretIntegers RangeProjections::project(std::span<const std::int64_t> update) const {
    CHECK(update.size() == shape_.dimension);
    if (!seed_) return {update.begin(), update.end()};
    ByteSums sums(kRowBytes * kByteValues, 0);
    for_each_tile(*seed_, update.size(), [&](std::size_t first, const auto& rows) {
        add_tile(rows, update.subspan(first, rows.size() / kRowBytes), sums);
    });
    SecretIntegers projections(kProjections);
    for (std::size_t c = 0; c < kProjections; ++c) {
        const std::uint64_t plus = sum_of_bit(sums, c);
        const std::uint64_t minus = sum_of_bit(sums, c + 8 * kSignBytes);
        projections[c] = static_cast<std::int64_t>(plus - minus);
    }
    return projections;
}

std::vector<Element> RangeProjections::weigh(std::span<const Element> tau) const {
    CHECK(tau.size() == shape_.projections);
    if (!seed_) return {tau.begin(), tau.end()};
    const std::vector<Element> weights = byte_weights(tau);
    std::vector<Element> result(static_cast<std::size_t>(shape_.dimension));
    for_each_tile(*seed_, result.size(), [&](std::size_t first, const auto& rows) {
        weigh_tile(rows, weights, std::span(result).subspan(first, rows.size() / kRowBytes));
    });
    return result;
}

}  // namespace consilium::smpc
