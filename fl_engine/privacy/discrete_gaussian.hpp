// Exact sampling of the discrete Laplace and the discrete Gaussian distribution; integers only.
//
// Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms
// 1 to 3. The probability of x is proportional to exp(-x^2 / (2 sigma^2)), without rounding: a
// sampler in floating point can give the noiseless value away in its last bits.
#pragma once
#include <cstdint>

#include "core/types.hpp"
#include "fl_engine/privacy/random_bits.hpp"

namespace consilium::fl {

// sigma^2 as a fraction.
struct Variance {
    std::uint64_t numerator = 1;
    std::uint64_t denominator = 1;
};
inline constexpr unsigned kMaxSigmaBits = 24;                  // sigma < 2^24: beyond any bound B
inline constexpr std::uint64_t kMaxVarianceDenominator = 256;  // keeps all products in 128 bits
[[nodiscard]] bool is_valid(const Variance& variance);

// P(x) proportional to exp(-|x| / scale); 1 <= scale <= 2^32.
[[nodiscard]] std::int64_t sample_discrete_laplace(RandomBits& random, std::uint64_t scale);

class DiscreteGaussian {
  public:
    explicit DiscreteGaussian(const Variance& variance);  // valid
    [[nodiscard]] std::int64_t sample(RandomBits& random) const;

  private:
    Variance variance_;
    std::uint64_t scale_;  // t = floor(sigma) + 1, of the Laplace proposals
};

}  // namespace consilium::fl
