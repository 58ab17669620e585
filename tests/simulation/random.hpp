// Seeded random numbers that are the same with every compiler and library (SplitMix64).
#pragma once
#include <cstdint>

#include "core/check.hpp"

namespace consilium::simulation {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    [[nodiscard]] std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31U);
    }
    // In [0, bound); the bias is far below what a simulation could notice.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
        CHECK(bound > 0);
        return next() % bound;
    }
    [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }
    [[nodiscard]] bool one_in(std::uint64_t count) { return below(count) == 0; }
    [[nodiscard]] bool percent(std::uint64_t chance) { return below(100) < chance; }

  private:
    std::uint64_t state_;
};

}  // namespace consilium::simulation
