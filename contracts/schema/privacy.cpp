// Norm bound, rho and epsilon in integers with directed rounding.
#include "contracts/schema/privacy.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "core/check.hpp"

namespace consilium::schema {
namespace {

constexpr std::uint64_t kMaxRho = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t ceil_root(std::uint64_t value) {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31U; bit != 0; bit >>= 1U) {
        const std::uint64_t candidate = root | bit;
        if (candidate <= value / candidate) root = candidate;
    }
    return root * root == value ? root : root + 1;
}

constexpr Uint128 ceil_div(Uint128 numerator, Uint128 denominator) {
    return numerator / denominator + (numerator % denominator == 0 ? 0 : 1);
}

constexpr Rho to_rho(Uint128 numerator, Uint128 denominator) {
    const Uint128 rho = ceil_div(numerator << kRhoBits, denominator);
    return rho > kMaxRho ? kMaxRho : static_cast<Rho>(rho);
}

// Fixed point with 40 fraction bits, signed, for logarithms.
using Fixed = std::int64_t;
constexpr unsigned kFixedBits = 40;
constexpr Fixed kLn2Low = 762123384785;  // floor(ln 2 * 2^40)
constexpr Fixed kLn2High = 762123384786;

// floor of log2(value) * 2^40, value >= 1. The mantissa is squared once a bit; each floor lowers
// the logarithm by less than 2^-61 of its unit's weight, so the result is at most 2 too small and
// never too large.
constexpr Fixed log2_low(std::uint64_t value) {
    unsigned whole = 63;
    while ((value >> whole) == 0) --whole;
    std::uint64_t mantissa = value << (63 - whole);  // in [1, 2) with 63 fraction bits
    Fixed result = whole;
    for (unsigned i = 0; i < kFixedBits; ++i) {
        const Uint128 square = static_cast<Uint128>(mantissa) * mantissa;  // in [1, 4)
        const bool is_two_or_more = (square >> 127U) != 0;
        result = 2 * result + (is_two_or_more ? 1 : 0);
        mantissa = static_cast<std::uint64_t>(square >> (is_two_or_more ? 64U : 63U));
    }
    return result;
}

constexpr Fixed times_down(Fixed factor, Fixed ln2) {
    return static_cast<Fixed>((static_cast<Int128>(factor) * ln2) >> kFixedBits);
}
constexpr Fixed ln_low(std::uint64_t value) {
    return times_down(log2_low(value), kLn2Low);
}
constexpr Fixed ln_high(std::uint64_t value) {
    return times_down(log2_low(value) + 2, kLn2High) + 1;
}

// An order alpha = 1 + excess / 2^16, and what does not depend on rho.
struct Order {
    std::uint64_t excess;
    Fixed ln_alpha_low;   // ln alpha
    Fixed ln_ratio_high;  // ln(1 - 1/alpha), negative
};
constexpr unsigned kExcessBits = 16;
constexpr std::uint64_t kExcessOne = std::uint64_t{1} << kExcessBits;
constexpr std::size_t kOrders = 128;

constexpr Order make_order(std::uint64_t excess) {
    const std::uint64_t alpha = excess + kExcessOne;
    return {excess, ln_low(alpha) - static_cast<Fixed>(kExcessBits) * kLn2High,
            ln_high(excess) - ln_low(alpha)};
}

// excess from 2^-8 to 2^24 in steps of a quarter doubling.
constexpr std::array<Order, kOrders> make_orders() {
    constexpr std::array<std::uint64_t, 4> kQuarters{65536, 77936, 92682, 110218};  // 2^(i/4)
    std::array<Order, kOrders> orders{};
    for (std::size_t i = 0; i < kOrders; ++i) {
        orders[i] = make_order((kQuarters[i % 4] << (i / 4)) >> 8U);
    }
    return orders;
}
constexpr std::array<Order, kOrders> kOrderTable = make_orders();

// ln(16/15), rounded up: only 15/16 of delta are spent on the conversion.
constexpr Fixed kReserve = ln_high(16) - ln_low(15);

// alpha rho + (ln(1/delta) - ln alpha) / (alpha - 1) + ln(1 - 1/alpha), rounded up; 40 bits.
Int128 epsilon_at(const Order& order, Rho rho, Fixed log_inverse_delta) {
    const Uint128 scaled = static_cast<Uint128>(rho) * (order.excess + kExcessOne);
    const auto linear = static_cast<Int128>(ceil_div(scaled, kExcessOne));
    const Int128 rest = static_cast<Int128>(log_inverse_delta - order.ln_alpha_low) *
                        static_cast<Int128>(kExcessOne);
    const auto excess = static_cast<Int128>(order.excess);
    const Int128 quotient = rest >= 0 ? (rest + excess - 1) / excess : -(-rest / excess);
    return linear + quotient + order.ln_ratio_high;
}

}  // namespace

std::uint64_t noised_norm_bound(const PrivacyTerms& terms, std::uint64_t dimension) {
    const std::uint64_t root = ceil_root(dimension);
    // Tenths of sigma_c: 12 sqrt d or 10 (sqrt d + 9).
    const std::uint64_t tenths = std::max(12 * root, 10 * root + 90);
    return terms.clip + (std::uint64_t{terms.noise} * tenths + 9) / 10;
}

const char* find_fault(const PrivacyTerms& terms, std::uint64_t dimension, std::uint8_t nu) {
    if (terms.delta_bits < kMinDeltaBits || terms.delta_bits > kMaxDeltaBits) {
        return "privacy: delta_bits outside 10..30";
    }
    if (terms.noise < kMinNoise) return "privacy: less noise than the encoding rounds";
    if (terms.clip < 2 * ceil_root(dimension)) return "privacy: clip below 2 sqrt d";
    if (noised_norm_bound(terms, dimension) > std::uint64_t{1} << nu) {
        return "privacy: clip and noise do not fit below 2^nu";
    }
    return nullptr;
}

Rho local_rho(const PrivacyTerms& terms) {
    CHECK(terms.noise > 0);
    const Uint128 square = static_cast<Uint128>(terms.clip) * terms.clip;
    return to_rho(square, 2 * static_cast<Uint128>(terms.noise) * terms.noise);
}

Rho central_rho(const PrivacyTerms& terms, std::span<const std::uint32_t> weights,
                std::size_t index, std::uint16_t malicious_max, std::uint64_t dimension) {
    CHECK(index < weights.size());
    CHECK(terms.noise > 0);
    if (weights[index] == 0) return 0;
    const auto equal =
        static_cast<std::uint64_t>(std::count(weights.begin(), weights.end(), weights[index]));
    const std::uint64_t honest = 1 + saturating_sub(equal - 1, std::uint64_t{malicious_max});
    const Uint128 square = static_cast<Uint128>(terms.clip) * terms.clip;
    const Uint128 variance = static_cast<Uint128>(terms.noise) * terms.noise;
    Rho best = local_rho(terms);
    for (std::uint64_t h = 2; h <= honest; ++h) {
        const Uint128 numerator = 4 * square + static_cast<Uint128>(dimension) * h * h;
        best = std::min(best, to_rho(numerator, 8 * h * variance));
    }
    return best;
}

std::uint64_t epsilon_micros(Rho rho, std::uint8_t delta_bits) {
    CHECK(delta_bits >= kMinDeltaBits && delta_bits <= kMaxDeltaBits);
    if (rho == 0) return 0;
    const Fixed log_inverse_delta = delta_bits * kLn2High + kReserve;
    Int128 best = epsilon_at(kOrderTable.front(), rho, log_inverse_delta);
    for (const Order& order : kOrderTable) {
        best = std::min(best, epsilon_at(order, rho, log_inverse_delta));
    }
    if (best <= 0) return 0;
    constexpr std::uint64_t kMillion = 1'000'000;
    const Uint128 micros =
        ceil_div(static_cast<Uint128>(best) * kMillion, Uint128{1} << kFixedBits);
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    return micros > kMost ? kMost : static_cast<std::uint64_t>(micros);
}

Rho rho_within(std::uint64_t limit_micros, std::uint8_t delta_bits) {
    Rho within = 0;
    for (Rho bit = Rho{1} << 63U; bit != 0; bit >>= 1U) {
        if (epsilon_micros(within | bit, delta_bits) <= limit_micros) within |= bit;
    }
    return within;
}

}  // namespace consilium::schema
