// What one validator of four sees of two honest clients over F_101, sampled (section 9, C5).
//
// d = 2; all streams of A* are drawn, 10^5 times for each input, for each member that may be
// corrupted. Compared are histograms of every coordinate of the view, of random linear forms of it,
// and of what a curious member computes to confirm a guess of the updates. Statistical: 101^16
// values of the streams, 101^70 with range proofs, are too many to try. The seeds are fixed.
#include <gtest/gtest.h>

#include <array>

#include "tests/smpc/tiny_round.hpp"

namespace consilium::smpc {
namespace {

using testing::Leak;
using testing::SubsetStreams;
using testing::TestRandom;
using testing::TinyRound;
using testing::TinyShape;
using testing::Vector;
using Larger = testing::SmallField<101>;
using Steps = TinyRound<Larger>::Steps;

constexpr std::uint32_t kMembers = 4;
constexpr std::size_t kDimension = 2;
constexpr std::size_t kSamples = 100000;
constexpr std::size_t kLinearTests = 40;
using Counts = std::vector<std::array<std::uint32_t, Larger::kModulus>>;

// Two projections of six digits: nodes 0..24 and a test point beyond.
constexpr std::size_t kProjections = 2;
constexpr std::uint32_t kDigits = 6;
constexpr Element kPoint = 77;

void draw_unknown(TestRandom& random, SubsetStreams& own, bool with_range) {
    const auto draw = [&random](Vector& values) {
        for (Element& value : values) value = random.word() % Larger::kModulus;
    };
    for (Vector& mask : own.masks) draw(mask);
    draw(own.rho);
    draw(own.zeta);
    for (std::uint64_t& word : own.blurs) word = random.word();
    for (std::uint64_t& word : own.sum_blurs) word = random.word();
    for (std::uint64_t& word : own.reference_blurs) word = random.word();
    for (std::uint64_t& word : own.dithers) word = random.word();
    if (!with_range) return;
    for (Vector& mask : own.proof_masks) draw(mask);
    draw(own.points);
}

struct Sampled {
    std::vector<Vector> updates;
    Steps steps;
    MemberIndex corrupted{};
    Leak leak = Leak::kNothing;
};

// The opened delta_ij minus the product of the masks that would follow from guessed updates: 0 for
// a right guess if rho were missing.
void append_guesses(const Vector& view, const std::vector<Vector>& guess, const Steps& steps,
                    const BatchItems& items, Vector& out) {
    // Each client's blobs, then four posts and the value of each item.
    const std::size_t proof = 2 * kProjections * kDigits + 2;
    const std::size_t stride = kDimension + (steps.range ? proof : 0);
    std::vector<Vector> masks;
    for (std::size_t i = 0; i < guess.size(); ++i) {
        Vector& mask = masks.emplace_back(kDimension);
        for (std::size_t x = 0; x < kDimension; ++x) {
            mask[x] = Larger::sub(guess[i][x], view[i * stride + x]);
        }
    }
    for (std::size_t x = 0; x < items.size(); ++x) {
        const BatchItem item = items.at(x);
        if (item.first == 0) continue;
        const std::size_t at = guess.size() * stride + x * (kMembers + 1) + kMembers;
        const Element product = combine<Larger>(masks[item.first - 1], masks[item.second - 1]);
        out.push_back(Larger::sub(view[at], product));
    }
}

Counts sample_views(const Sampled& input, const std::vector<Vector>& guess, std::size_t samples,
                    std::uint64_t seed) {
    const TinyShape shape{
        .clients = 2, .projections = kProjections, .digits = kDigits, .point = kPoint};
    TinyRound<Larger> round(shape, 28, input.leak);
    SubsetStreams& own = round.streams[testing::missing_rank(round.committee, {input.corrupted})];
    TestRandom random(seed);
    TestRandom forms_random(101);
    std::vector<Vector> forms(kLinearTests);
    Counts counts;
    for (std::size_t run = 0; run < samples; ++run) {
        draw_unknown(random, own, input.steps.range);
        const Vector view = round.view(input.updates, input.steps);
        Vector tests = view;
        for (Vector& form : forms) {
            while (form.size() < view.size()) {
                form.push_back(forms_random.word() % Larger::kModulus);
            }
            tests.push_back(combine<Larger>(form, view));
        }
        append_guesses(view, guess, input.steps, round.items, tests);
        counts.resize(tests.size());
        for (std::size_t x = 0; x < tests.size(); ++x) ++counts[x][tests[x]];
    }
    return counts;
}

// The largest two-sample chi-square of all histograms; at most 100 degrees of freedom each.
double largest_chi_square(const Counts& left, const Counts& right) {
    double largest = 0;
    CHECK(left.size() == right.size());
    for (std::size_t x = 0; x < left.size(); ++x) {
        double sum = 0;
        for (std::size_t v = 0; v < Larger::kModulus; ++v) {
            const double total = static_cast<double>(left[x][v]) + right[x][v];
            const double difference = static_cast<double>(left[x][v]) - right[x][v];
            if (total > 0) sum += difference * difference / total;
        }
        largest = std::max(largest, sum);
    }
    return largest;
}

// Both coordinates of both updates exchanged: equal norms, inner product, sum (8, 8) and products
// with g = (1, 1), other digits of the projections.
const std::vector<Vector> kLeft{{3, 90}, {5, 19}};
const std::vector<Vector> kRight{{90, 3}, {19, 5}};
// Mean 100, deviation 14.1: six deviations, for some two hundred histograms.
constexpr double kChiSquareLimit = 185;

double compare(const Steps& steps, MemberIndex corrupted, std::size_t samples,
               Leak leak = Leak::kNothing) {
    const Counts left = sample_views({kLeft, steps, corrupted, leak}, kLeft, samples, 1);
    const Counts right = sample_views({kRight, steps, corrupted, leak}, kLeft, samples, 2);
    return largest_chi_square(left, right);
}

const Steps kStatistics{.statistics = true};
const Steps kPairwise{
    .range = true, .statistics = true, .reference = {1, 1}, .sum = true, .weights = {1, 1}};
const Steps kSum{.range = true, .statistics = true, .omega = {2, 3}, .sum = true};

class SampledPrivacyOf : public ::testing::TestWithParam<MemberIndex> {};

TEST_P(SampledPrivacyOf, views_of_equal_leakage_are_alike_over_101) {
    EXPECT_LT(compare(kStatistics, GetParam(), kSamples), kChiSquareLimit) << "seeds 28, 1, 2";
}

// Range proofs, statistics and sum together; fewer samples for each, as the view is five times as
// long.
TEST_P(SampledPrivacyOf, views_of_whole_rounds_are_alike_over_101) {
    EXPECT_LT(compare(kPairwise, GetParam(), kSamples / 4), kChiSquareLimit) << "seeds 28, 1, 2";
    EXPECT_LT(compare(kSum, GetParam(), kSamples / 4), kChiSquareLimit) << "seeds 28, 1, 2";
}

INSTANTIATE_TEST_SUITE_P(Members, SampledPrivacyOf, ::testing::Values(1U, 2U, 3U, 4U));

// Controls.
TEST(SampledPrivacy, another_leakage_is_told_apart_over_101) {
    const Counts left = sample_views({kLeft, kStatistics, 2}, kLeft, 5000, 1);
    const Counts right = sample_views({{{3, 90}, {19, 5}}, kStatistics, 2}, kLeft, 5000, 2);
    EXPECT_GT(largest_chi_square(left, right), 10 * kChiSquareLimit);
}

TEST(SampledPrivacy, leaks_are_found_over_101) {
    for (const Leak leak : {Leak::kNoRho, Leak::kNoProofMask, Leak::kNoRandomPoint}) {
        for (const Steps& steps : {kPairwise, kSum}) {
            EXPECT_GT(compare(steps, 2, 5000, leak), 10 * kChiSquareLimit)
                << "leak " << static_cast<int>(leak);
        }
    }
}

TEST(SampledPrivacy, without_rho_a_guess_is_confirmed_over_101) {
    EXPECT_GT(compare(kStatistics, 2, 10000, Leak::kNoRho), 10 * kChiSquareLimit);
}

}  // namespace
}  // namespace consilium::smpc
