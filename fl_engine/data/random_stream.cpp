// Implements the seeded stream: splitmix64 seeding, xoshiro256** (Blackman and Vigna, 2018).
#include "fl_engine/data/random_stream.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/bytes.hpp"
#include "core/check.hpp"
#include "core/digest.hpp"
#include "core/types.hpp"

namespace consilium::fl {
namespace {

void append_le64(Bytes& out, std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

std::uint64_t split_mix(std::uint64_t& state) {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
}

}  // namespace

std::uint64_t derive_seed(std::string_view purpose, std::initializer_list<std::uint64_t> numbers) {
    Bytes bytes;
    append_le64(bytes, purpose.size());
    const ByteView text = as_bytes(purpose);
    bytes.insert(bytes.end(), text.begin(), text.end());
    for (const std::uint64_t number : numbers) append_le64(bytes, number);
    const Digest digest = tagged_hash("consilium/fl/seed", bytes);
    std::uint64_t seed = 0;
    for (unsigned i = 0; i < 8; ++i) seed |= std::uint64_t{digest.bytes[i]} << (8 * i);
    return seed;
}

RandomStream::RandomStream(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = split_mix(seed);
}

std::uint64_t RandomStream::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
    CHECK(bound > 0);
    // Lemire 2019: the high word of a product, redrawn in the few cases that would add a bias.
    const std::uint64_t threshold = (0 - bound) % bound;
    while (true) {
        const Uint128 product = static_cast<Uint128>(next()) * bound;
        if (static_cast<std::uint64_t>(product) >= threshold) {
            return static_cast<std::uint64_t>(product >> 64U);
        }
    }
}

double RandomStream::uniform() {
    return static_cast<double>(next() >> 11U) * 0x1.0p-53;
}

double RandomStream::normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double RandomStream::gamma(double shape) {
    CHECK(shape > 0);
    if (shape < 1) {
        const double boosted = gamma(shape + 1);
        return boosted * std::pow(1.0 - uniform(), 1.0 / shape);
    }
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    while (true) {
        const double x = normal();
        const double base = 1.0 + c * x;
        if (base <= 0) continue;
        const double v = base * base * base;
        const double u = 1.0 - uniform();
        if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
}

void RandomStream::shuffle(std::span<std::size_t> items) {
    for (std::size_t left = items.size(); left > 1; --left) {
        std::swap(items[left - 1], items[below(left)]);
    }
}

}  // namespace consilium::fl
