// Algorithms 2 and 3 of Canonne, Kamath and Steinke (2020).
#include "fl_engine/privacy/discrete_gaussian.hpp"

#include "core/check.hpp"

namespace consilium::fl {
namespace {

// floor(sqrt(value)).
std::uint64_t floor_sqrt(std::uint64_t value) {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31U; bit != 0; bit >>= 1U) {
        const std::uint64_t candidate = root | bit;
        if (candidate <= value / candidate) root = candidate;
    }
    return root;
}

}  // namespace

bool is_valid(const Variance& variance) {
    if (variance.numerator == 0 || variance.denominator == 0) return false;
    if (variance.denominator > kMaxVarianceDenominator) return false;
    return variance.numerator / variance.denominator < std::uint64_t{1} << (2 * kMaxSigmaBits);
}

std::int64_t sample_discrete_laplace(RandomBits& random, std::uint64_t scale) {
    constexpr std::uint64_t kMaxScale = std::uint64_t{1} << 32U;
    CHECK(scale >= 1 && scale <= kMaxScale);
    while (true) {
        const std::uint64_t rest = random.below(scale);
        if (!random.bernoulli_exp(rest, scale)) continue;
        std::uint64_t whole = 0;  // geometric: 2^20 in a row do not happen
        while (random.bernoulli_exp(1, 1)) ++whole;
        const bool is_negative = random.flip();
        const auto magnitude = static_cast<std::int64_t>(rest + scale * whole);
        if (is_negative && magnitude == 0) continue;  // zero would count twice
        return is_negative ? -magnitude : magnitude;
    }
}

DiscreteGaussian::DiscreteGaussian(const Variance& variance)
    : variance_(variance),
      scale_(
          floor_sqrt(variance.numerator / (variance.denominator == 0 ? 1 : variance.denominator)) +
          1) {
    CHECK(is_valid(variance));
}

std::int64_t DiscreteGaussian::sample(RandomBits& random) const {
    // The proposal y is kept with probability exp(-(|y| - sigma^2/t)^2 / (2 sigma^2)). With
    // sigma^2 = n/m that is exp(-(|y| m t - n)^2 / (2 n m t^2)).
    const Uint128 n = variance_.numerator;
    const Uint128 step = Uint128{variance_.denominator} * scale_;  // m t <= 2^32
    const Uint128 denominator = 2 * n * step * scale_;             // <= 2 * 2^56 * 2^32 * 2^24
    // Farther out the product below would leave 128 bits; that is more than 2^6 sigma away, where
    // the kept probability is below exp(-2^11).
    constexpr Uint128 kFarthest = Uint128{1} << 62U;
    while (true) {
        const std::int64_t proposal = sample_discrete_laplace(random, scale_);
        const auto magnitude = static_cast<Uint128>(proposal < 0 ? -proposal : proposal);
        const Uint128 point = magnitude * step;
        if (point > kFarthest) continue;
        const Uint128 distance = point > n ? point - n : n - point;
        if (random.bernoulli_exp(distance * distance, denominator)) return proposal;
    }
}

}  // namespace consilium::fl
