// Uniform integers and exact coin flips from a source of random bytes; no floating point.
//
// In production the bytes come from the operating system (core/random.hpp): noise from a seed that
// anybody could guess protects nobody. What was drawn is erased when the object goes. One thread.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/types.hpp"

namespace consilium::fl {

// Fills its argument with independent uniform bytes.
using ByteSource = std::function<void(std::span<std::uint8_t>)>;

class RandomBits {
  public:
    explicit RandomBits(ByteSource source) : source_(std::move(source)) {}
    RandomBits(const RandomBits&) = delete;
    RandomBits& operator=(const RandomBits&) = delete;
    ~RandomBits();

    [[nodiscard]] bool flip();
    // Uniform in [0, bound), bound > 0; exact, by rejection.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound);
    [[nodiscard]] Uint128 below_wide(Uint128 bound);
    // True with probability numerator / denominator, at most 1; denominator > 0.
    [[nodiscard]] bool bernoulli(Uint128 numerator, Uint128 denominator);
    // True with probability exp(-numerator / denominator), exactly (Canonne, Kamath and Steinke
    // 2020, algorithm 1); denominator > 0.
    [[nodiscard]] bool bernoulli_exp(Uint128 numerator, Uint128 denominator);

  private:
    [[nodiscard]] std::uint64_t word();
    [[nodiscard]] bool bernoulli_exp_fraction(Uint128 numerator, Uint128 denominator);

    ByteSource source_;
    std::array<std::uint8_t, 4096> buffer_{};
    std::size_t used_ = sizeof(buffer_);
    std::uint64_t flips_ = 0;
    unsigned flips_left_ = 0;
};

}  // namespace consilium::fl
