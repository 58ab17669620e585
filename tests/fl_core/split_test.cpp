// Tests of the seeded stream and of dealing rows.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/split.hpp"

namespace consilium::fl {
namespace {

std::vector<std::uint8_t> make_labels(std::size_t negatives, std::size_t positives) {
    std::vector<std::uint8_t> labels(negatives, 0);
    labels.insert(labels.end(), positives, 1);
    std::vector<std::size_t> order(labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    RandomStream(5).shuffle(order);
    std::vector<std::uint8_t> out;
    for (const std::size_t row : order) out.push_back(labels[row]);
    return out;
}

std::size_t positives_in(const RowList& rows, const std::vector<std::uint8_t>& labels) {
    std::size_t count = 0;
    for (const std::size_t row : rows) count += labels[row];
    return count;
}

RowList sorted_union(const std::vector<RowList>& parts) {
    RowList all;
    for (const RowList& part : parts) all.insert(all.end(), part.begin(), part.end());
    std::sort(all.begin(), all.end());
    return all;
}

RowList all_rows(std::size_t count) {
    RowList rows(count);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    return rows;
}

TEST(RandomStream, words_are_frozen) {
    RandomStream stream(1);
    EXPECT_EQ(stream.next(), 0xb3f2af6d0fc710c5U);
    EXPECT_EQ(stream.next(), 0x853b559647364ceaU);
    RandomStream again(1);
    EXPECT_EQ(again.next(), 0xb3f2af6d0fc710c5U);
}

TEST(RandomStream, samplers_have_the_right_moments) {
    RandomStream stream(derive_seed("moments", {7}));
    constexpr int kDraws = 200'000;
    double uniform = 0;
    double normal = 0;
    double normal_squares = 0;
    double small_gamma = 0;
    double large_gamma = 0;
    for (int i = 0; i < kDraws; ++i) {
        uniform += stream.uniform() / kDraws;
        const double z = stream.normal();
        normal += z / kDraws;
        normal_squares += z * z / kDraws;
        small_gamma += stream.gamma(0.5) / kDraws;
        large_gamma += stream.gamma(4) / kDraws;
    }
    EXPECT_NEAR(uniform, 0.5, 0.004);
    EXPECT_NEAR(normal, 0, 0.012);
    EXPECT_NEAR(normal_squares, 1, 0.02);
    EXPECT_NEAR(small_gamma, 0.5, 0.01);
    EXPECT_NEAR(large_gamma, 4, 0.03);
}

TEST(RandomStream, below_covers_its_range_evenly) {
    RandomStream stream(3);
    std::vector<int> counts(7);
    for (int i = 0; i < 70'000; ++i) ++counts[stream.below(7)];
    for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

TEST(DeriveSeed, differs_by_purpose_and_numbers) {
    EXPECT_EQ(derive_seed("a", {1, 2}), derive_seed("a", {1, 2}));
    EXPECT_NE(derive_seed("a", {1, 2}), derive_seed("a", {2, 1}));
    EXPECT_NE(derive_seed("a", {1}), derive_seed("b", {1}));
    EXPECT_NE(derive_seed("a", {}), derive_seed("a", {0}));
}

TEST(StratifiedSplit, keeps_class_shares_and_every_row) {
    const std::vector<std::uint8_t> labels = make_labels(357, 212);
    const HoldOut split = split_stratified(labels, 0.3, 11);
    EXPECT_EQ(sorted_union({split.kept, split.held}), all_rows(569));
    EXPECT_EQ(split.held.size(), 171U);
    EXPECT_EQ(positives_in(split.held, labels), 64U);
    EXPECT_EQ(split_stratified(labels, 0.3, 11).held, split.held);
    EXPECT_NE(split_stratified(labels, 0.3, 12).held, split.held);
}

TEST(StratifiedSplit, small_classes_stay_on_both_sides) {
    const std::vector<std::uint8_t> labels = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    const HoldOut split = split_stratified(labels, 0.1, 1);
    EXPECT_EQ(positives_in(split.held, labels), 1U);
    EXPECT_TRUE(split_stratified(labels, 0, 1).held.empty());
    EXPECT_TRUE(split_stratified(labels, 1, 1).kept.empty());
    EXPECT_TRUE(split_stratified({}, 0.5, 1).kept.empty());
}

TEST(DealIid, hospitals_get_equal_sizes_and_class_shares) {
    const std::vector<std::uint8_t> labels = make_labels(250, 148);
    for (const std::size_t hospitals : {1U, 4U, 7U, 13U}) {
        const Result<std::vector<RowList>> dealt = deal_rows(labels, hospitals, {}, 3);
        ASSERT_TRUE(dealt.has_value());
        EXPECT_EQ(sorted_union(*dealt), all_rows(398));
        const auto share = static_cast<double>(hospitals);
        for (const RowList& rows : *dealt) {
            EXPECT_NEAR(static_cast<double>(rows.size()), 398.0 / share, 1);
            EXPECT_NEAR(static_cast<double>(positives_in(rows, labels)), 148.0 / share, 1);
        }
    }
}

TEST(DealDirichlet, conserves_rows_for_every_alpha_and_is_uneven_for_small_ones) {
    const std::vector<std::uint8_t> labels = make_labels(250, 148);
    for (const double alpha : {0.1, 0.5, 1.0, 1000.0}) {
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            const Result<std::vector<RowList>> dealt = deal_rows(labels, 4, {alpha}, seed);
            if (!dealt) continue;  // a very small alpha may leave a hospital without rows
            EXPECT_EQ(sorted_union(*dealt), all_rows(398)) << alpha << " " << seed;
            for (const RowList& rows : *dealt) EXPECT_GE(rows.size(), kMinRowsPerHospital);
            EXPECT_EQ(*deal_rows(labels, 4, {alpha}, seed), *dealt);
        }
    }
    const Result<std::vector<RowList>> even = deal_rows(labels, 4, {1000.0}, 1);
    for (const RowList& rows : *even) EXPECT_NEAR(static_cast<double>(rows.size()), 99.5, 20);
}

TEST(Deal, too_few_rows_or_bad_counts_are_refused) {
    const std::vector<std::uint8_t> labels = make_labels(20, 19);
    EXPECT_FALSE(deal_rows(labels, 4, {}, 1).has_value());
    EXPECT_FALSE(deal_rows(labels, 0, {}, 1).has_value());
    EXPECT_FALSE(deal_rows(labels, kMaxHospitals + 1, {}, 1).has_value());
    EXPECT_TRUE(deal_rows(labels, 3, {}, 1).has_value());
}

TEST(DealSpec, text_round_trips_and_nonsense_is_refused) {
    for (const std::string_view text : {"iid", "dirichlet:0.5", "dirichlet:100"}) {
        ASSERT_TRUE(parse_deal_spec(text).has_value()) << text;
        EXPECT_EQ(format_deal_spec(*parse_deal_spec(text)), text);
    }
    for (const std::string_view text :
         {"", "IID", "dirichlet", "dirichlet:", "dirichlet:0", "dirichlet:-1", "dirichlet:nan"}) {
        EXPECT_FALSE(parse_deal_spec(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace consilium::fl
