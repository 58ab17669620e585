// Tests of exact noise, accounting and the noised encoding. Statistical tests have fixed seeds;
// their limits lie about five standard deviations out.
#include <cmath>
#include <map>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/privacy/accountant.hpp"
#include "fl_engine/privacy/noisy_update.hpp"

namespace consilium::fl {
namespace {

constexpr std::uint64_t kSeed = 20'201'116;
constexpr std::uint64_t kOne = std::uint64_t{1} << 32U;

ByteSource seeded(std::uint64_t seed) {
    return [stream = RandomStream(seed)](std::span<std::uint8_t> out) mutable {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(stream.next() >> 56U);
    };
}

// Pearson's statistic of observed counts against probabilities, rare values pooled; returns it in
// standard deviations from its mean.
double chi_square_excess(const std::map<std::int64_t, double>& counts,
                         const std::map<std::int64_t, double>& probabilities, double total) {
    double statistic = 0;
    double cells = 0;
    double rare_expected = 0;
    double rare_seen = total;
    double rare_rest = 1;
    for (const auto& [value, probability] : probabilities) {
        const double expected = probability * total;
        if (expected < 10) continue;
        const auto found = counts.find(value);
        const double seen = found == counts.end() ? 0 : found->second;
        statistic += (seen - expected) * (seen - expected) / expected;
        cells += 1;
        rare_seen -= seen;
        rare_rest -= probability;
    }
    rare_expected = rare_rest * total;
    if (rare_expected >= 10) {
        statistic += (rare_seen - rare_expected) * (rare_seen - rare_expected) / rare_expected;
        cells += 1;
    }
    const double freedom = cells - 1;
    return (statistic - freedom) / std::sqrt(2 * freedom);
}

std::map<std::int64_t, double> gaussian_probabilities(const Variance& variance) {
    const double square =
        static_cast<double>(variance.numerator) / static_cast<double>(variance.denominator);
    const auto reach = static_cast<std::int64_t>(12 * std::sqrt(square)) + 12;
    std::map<std::int64_t, double> out;
    double sum = 0;
    for (std::int64_t x = -reach; x <= reach; ++x) {
        out[x] = std::exp(-static_cast<double>(x * x) / (2 * square));
        sum += out[x];
    }
    for (auto& [value, probability] : out) probability /= sum;
    return out;
}

TEST(RandomBits, integers_are_uniform_below_every_kind_of_bound) {
    SCOPED_TRACE(kSeed);
    RandomBits random(seeded(kSeed));
    for (const std::uint64_t bound : {1U, 2U, 3U, 7U, 8U, 100U}) {
        std::map<std::int64_t, double> counts;
        std::map<std::int64_t, double> expected;
        constexpr double kDraws = 20'000;
        for (int i = 0; i < static_cast<int>(kDraws); ++i) {
            const std::uint64_t value = random.below(bound);
            ASSERT_LT(value, bound);
            counts[static_cast<std::int64_t>(value)] += 1;
        }
        for (std::uint64_t v = 0; v < bound; ++v) {
            expected[static_cast<std::int64_t>(v)] = 1.0 / static_cast<double>(bound);
        }
        if (bound > 1) {
            EXPECT_LT(chi_square_excess(counts, expected, kDraws), 5) << bound;
        }
    }
    const Uint128 wide = (Uint128{3} << 90U) + 1;
    std::array<int, 3> thirds{};
    for (int i = 0; i < 30'000; ++i) {
        const Uint128 value = random.below_wide(wide);
        ASSERT_LT(value, wide);
        if (value < wide - 1) ++thirds[static_cast<std::size_t>(value >> 90U)];
    }
    for (const int count : thirds) EXPECT_NEAR(count, 10'000, 5 * 82);
    EXPECT_LT(random.below_wide(Uint128{1} << 64U), Uint128{1} << 64U);
}

TEST(RandomBits, the_exponential_coin_has_the_right_bias) {
    SCOPED_TRACE(kSeed);
    RandomBits random(seeded(kSeed + 1));
    const struct {
        Uint128 numerator;
        Uint128 denominator;
        double exponent;
    } cases[] = {{0, 1, 0.0}, {1, 3, 1.0 / 3}, {1, 1, 1.0},
                 {5, 2, 2.5}, {7, 1, 7.0},     {(Uint128{1} << 100U) / 5, Uint128{1} << 100U, 0.2}};
    for (const auto& one : cases) {
        constexpr int kDraws = 200'000;
        int heads = 0;
        for (int i = 0; i < kDraws; ++i) {
            heads += random.bernoulli_exp(one.numerator, one.denominator) ? 1 : 0;
        }
        const double p = std::exp(-one.exponent);
        EXPECT_NEAR(heads, p * kDraws, 5 * std::sqrt(p * (1 - p) * kDraws) + 1e-9) << one.exponent;
    }
}

TEST(DiscreteLaplace, small_scales_have_the_exact_distribution) {
    SCOPED_TRACE(kSeed);
    for (const std::uint64_t scale : {1U, 2U, 5U}) {
        RandomBits random(seeded(kSeed + 10 + scale));
        constexpr double kDraws = 100'000;
        std::map<std::int64_t, double> counts;
        for (int i = 0; i < static_cast<int>(kDraws); ++i) {
            counts[sample_discrete_laplace(random, scale)] += 1;
        }
        std::map<std::int64_t, double> expected;
        const double ratio = std::exp(-1.0 / static_cast<double>(scale));
        for (std::int64_t x = -200; x <= 200; ++x) {
            expected[x] = (1 - ratio) / (1 + ratio) * std::pow(ratio, std::abs(x));
        }
        EXPECT_LT(chi_square_excess(counts, expected, kDraws), 5) << scale;
    }
}

TEST(DiscreteGaussian, small_variances_have_the_exact_distribution) {
    SCOPED_TRACE(kSeed);
    for (const Variance& variance :
         {Variance{1, 4}, Variance{1, 1}, Variance{9, 2}, Variance{100, 1}, Variance{1000, 255}}) {
        RandomBits random(seeded(kSeed + variance.numerator));
        const DiscreteGaussian gaussian(variance);
        constexpr double kDraws = 200'000;
        std::map<std::int64_t, double> counts;
        for (int i = 0; i < static_cast<int>(kDraws); ++i) counts[gaussian.sample(random)] += 1;
        EXPECT_LT(chi_square_excess(counts, gaussian_probabilities(variance), kDraws), 5)
            << variance.numerator << "/" << variance.denominator;
    }
}

TEST(DiscreteGaussian, a_wrong_variance_or_a_lost_zero_would_be_seen) {
    // The test above must be able to fail.
    SCOPED_TRACE(kSeed);
    RandomBits random(seeded(kSeed));
    const DiscreteGaussian gaussian({100, 1});
    constexpr double kDraws = 200'000;
    std::map<std::int64_t, double> counts;
    for (int i = 0; i < static_cast<int>(kDraws); ++i) counts[gaussian.sample(random)] += 1;
    EXPECT_GT(chi_square_excess(counts, gaussian_probabilities({104, 1}), kDraws), 5);
    counts[1] += counts[0] / 10;
    counts[0] *= 0.9;
    EXPECT_GT(chi_square_excess(counts, gaussian_probabilities({100, 1}), kDraws), 5);
}

TEST(DiscreteGaussian, moments_symmetry_and_tails_fit_at_the_sizes_that_are_used) {
    SCOPED_TRACE(kSeed);
    for (const std::uint64_t sigma : {16U, 5'000U, 260'000U, 16'000'000U}) {
        RandomBits random(seeded(kSeed + sigma));
        const DiscreteGaussian gaussian({sigma * sigma, 1});
        constexpr int kDraws = 100'000;
        double sum = 0;
        double squares = 0;
        double fourth = 0;
        int positive = 0;
        int far = 0;
        for (int i = 0; i < kDraws; ++i) {
            const double x =
                static_cast<double>(gaussian.sample(random)) / static_cast<double>(sigma);
            sum += x;
            squares += x * x;
            fourth += x * x * x * x;
            positive += x > 0 ? 1 : 0;
            far += std::abs(x) > 3 ? 1 : 0;
        }
        EXPECT_NEAR(sum / kDraws, 0, 5 / std::sqrt(kDraws));
        EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0 / kDraws));
        EXPECT_NEAR(fourth / kDraws, 3, 5 * std::sqrt(96.0 / kDraws));
        EXPECT_NEAR(positive, kDraws / 2.0 * (1 - 0.4 / static_cast<double>(sigma)),
                    5 * std::sqrt(kDraws / 4.0));
        const double tail = std::erfc((3 + 0.5 / static_cast<double>(sigma)) / std::sqrt(2.0));
        EXPECT_NEAR(far, tail * kDraws, 5 * std::sqrt(tail * kDraws) + 0.03 * tail * kDraws);
    }
}

TEST(DiscreteGaussian, variances_out_of_range_are_named) {
    EXPECT_FALSE(is_valid({0, 1}));
    EXPECT_FALSE(is_valid({1, 0}));
    EXPECT_FALSE(is_valid({1, 257}));
    EXPECT_FALSE(is_valid({std::uint64_t{1} << 48U, 1}));
    EXPECT_TRUE(is_valid({(std::uint64_t{1} << 48U) - 1, 1}));
}

TEST(DiscreteGaussian, the_operating_system_gives_noise_that_never_repeats) {
    RandomBits first(fill_random);
    RandomBits second(fill_random);
    const DiscreteGaussian gaussian({std::uint64_t{1} << 40U, 1});
    std::vector<std::int64_t> a;
    std::vector<std::int64_t> b;
    for (int i = 0; i < 16; ++i) {
        a.push_back(gaussian.sample(first));
        b.push_back(gaussian.sample(second));
    }
    EXPECT_NE(a, b);
}

TEST(NoisyUpdate, the_update_is_clipped_before_the_noise_and_bounded_after_it) {
    SCOPED_TRACE(kSeed);
    constexpr std::size_t kLength = 513;
    const EncodingParameters parameters{.norm_bits = 22, .clip = 64 * kOne};
    const NoiseTerms noise{.clip = 60'000, .variance = {30'000ULL * 30'000, 1}};
    std::vector<double> delta(kLength);
    RandomStream stream(kSeed);
    for (double& value : delta) value = 100 * stream.normal();  // far above the clip norm
    RandomBits random(seeded(kSeed));
    const auto clipped = encode_within(delta, parameters, noise.clip);
    ASSERT_TRUE(clipped.has_value());
    EXPECT_LE(norm_squared(*clipped), Uint128{60'000} * 60'000);
    EXPECT_GT(norm_squared(*clipped), Uint128{59'900} * 59'900);
    const auto update = make_noisy_update(delta, parameters, noise, random);
    ASSERT_TRUE(update.has_value());
    EXPECT_LE(norm_squared(*update), Uint128{1} << 44U);
    double variance = 0;
    for (std::size_t i = 0; i < kLength; ++i) {
        const auto z = static_cast<double>((*update)[i] - (*clipped)[i]);
        variance += z * z / kLength;
    }
    EXPECT_NEAR(variance, 9e8, 5 * 9e8 * std::sqrt(2.0 / kLength));
    const auto again = make_noisy_update(delta, parameters, noise, random);
    EXPECT_NE(*again, *update);
}

TEST(NoisyUpdate, a_vector_above_the_bound_is_scaled_down_and_keeps_its_direction) {
    IntegerUpdate update{3'000'000, -4'000'000, 0, 1};
    shrink_to_norm(update, 4'000'000);
    EXPECT_THAT(update, testing::ElementsAre(2'399'999, -3'199'999, 0, 0));
    EXPECT_LE(norm_squared(update), Uint128{16'000'000'000'000});
    IntegerUpdate small{3, 4};
    shrink_to_norm(small, 5);
    EXPECT_THAT(small, testing::ElementsAre(3, 4));
}

TEST(NoisyUpdate, terms_out_of_range_and_values_that_are_no_numbers_are_refused) {
    RandomBits random(seeded(1));
    const EncodingParameters parameters{.norm_bits = 22, .clip = kOne};
    const std::vector<double> delta(16, 0.1);
    const auto refuses = [&](const NoiseTerms& noise) {
        return !make_noisy_update(delta, parameters, noise, random).has_value();
    };
    EXPECT_TRUE(refuses({.clip = 3, .variance = {1, 1}}));  // below ceil(sqrt d)
    EXPECT_TRUE(refuses({.clip = (1U << 22U) + 1, .variance = {1, 1}}));
    EXPECT_TRUE(refuses({.clip = 1000, .variance = {0, 1}}));
    EXPECT_FALSE(refuses({.clip = 1000, .variance = {1, 1}}));
    const std::vector<double> bad(16, std::nan(""));
    EXPECT_FALSE(
        make_noisy_update(bad, parameters, {.clip = 1000, .variance = {1, 1}}, random).has_value());
}

TEST(Accountant, the_conversion_stays_above_the_exact_gaussian_and_below_the_simple_bound) {
    for (const double sigma : {0.5, 1.0, 2.0, 5.0, 20.0}) {
        for (const double delta : {1e-5, 1e-7, 1e-9}) {
            const double rho = gaussian_rho(1, sigma);
            const double epsilon = epsilon_of_rho(rho, delta);
            EXPECT_LE(gaussian_delta(epsilon, sigma), delta);
            // The exact epsilon by bisection; the bound is at most 15 % above it.
            double low = 0;
            double high = epsilon;
            for (int i = 0; i < 100; ++i) {
                const double middle = (low + high) / 2;
                (gaussian_delta(middle, sigma) > delta ? low : high) = middle;
            }
            EXPECT_LE(epsilon, 1.15 * high) << sigma << " " << delta;
            // Bun and Steinke 2016, proposition 1.3.
            EXPECT_LE(epsilon, rho + 2 * std::sqrt(rho * std::log(1 / delta)));
        }
    }
}

TEST(Accountant, published_figures_are_met) {
    // Balle and Wang: sigma = 1, delta = 1e-5 has epsilon 4.3772.
    EXPECT_NEAR(gaussian_delta(4.3772, 1.0), 1e-5, 1e-8);
    // U.S. Census Bureau 2021, person tables of the redistricting data: rho 2.56, delta 1e-10,
    // epsilon 17.14; rho is published with two decimals.
    EXPECT_NEAR(epsilon_of_rho(2.56, 1e-10), 17.14, 0.03);
}

TEST(Accountant, renyi_and_concentrated_composition_agree_for_gaussian_noise) {
    RenyiAccountant accountant;
    accountant.add_gaussian(4.0, 10);
    accountant.add_gaussian(2.0);
    const double rho = 10 * gaussian_rho(1, 4) + gaussian_rho(1, 2);
    EXPECT_NEAR(accountant.epsilon(1e-6), epsilon_of_rho(rho, 1e-6), 1e-9);
    const double before = accountant.epsilon(1e-6);
    accountant.add_pure(0.1);
    EXPECT_GT(accountant.epsilon(1e-6), before);
    EXPECT_LT(accountant.epsilon(1e-6), before + 0.1 + 1e-9);
}

TEST(Accountant, budgets_invert_to_the_largest_rho) {
    for (const double epsilon : {0.1, 1.0, 8.0, 100.0}) {
        const double rho = rho_of_epsilon(epsilon, 1e-6);
        EXPECT_LE(epsilon_of_rho(rho, 1e-6), epsilon * (1 + 1e-9));
        EXPECT_GT(epsilon_of_rho(rho * 1.001, 1e-6), epsilon);
    }
    EXPECT_EQ(epsilon_of_rho(0, 1e-6), 0);
}

}  // namespace
}  // namespace consilium::fl
