// Integer roots, parameter rules and the model step.
#include "fl_engine/smpc/encoding.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "fl_engine/smpc/model_update.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::TestRandom;

TEST(Isqrt, floor_of_the_root_for_small_large_and_square_values) {
    for (std::uint64_t v = 0; v < 70000; ++v) {
        const std::uint64_t root = isqrt(v);
        ASSERT_TRUE(root * root <= v && (root + 1) * (root + 1) > v) << v;
    }
    EXPECT_EQ(isqrt(~Uint128{0}), ~std::uint64_t{0});
    const Uint128 square = static_cast<Uint128>(0xFFFFFFFFFFFFFFFF) * 0xFFFFFFFFFFFFFFFF;
    EXPECT_EQ(isqrt(square), 0xFFFFFFFFFFFFFFFFU);
    EXPECT_EQ(isqrt(square - 1), 0xFFFFFFFFFFFFFFFEU);
}

TEST(CeilSqrt, smallest_integer_whose_square_is_not_below) {
    EXPECT_EQ(ceil_sqrt(0), 0U);
    for (std::uint64_t v = 1; v < 70000; ++v) {
        const std::uint64_t root = ceil_sqrt(v);
        ASSERT_TRUE(root * root >= v && (root - 1) * (root - 1) < v) << v;
    }
}

TEST(BlurBits, defaults_are_those_of_the_table) {
    const std::uint32_t expected[] = {35, 34, 34, 32, 32, 31, 30, 29, 29, 27};
    for (std::uint32_t n = 4; n <= 13; ++n) {
        const Committee committee = *Committee::make(n);
        EXPECT_EQ(default_blur_bits(committee, 22), expected[n - 4]) << n;
        EXPECT_LE(blur_bound(committee, expected[n - 4]), std::int64_t{1} << 37);
    }
}

RoundParameters good_parameters() {
    RoundParameters parameters;
    parameters.dimension = 513;
    parameters.norm_bits = 22;
    parameters.blur_bits = 35;
    parameters.clip_norm = std::uint64_t{1} << 32;
    parameters.c_max = 1;
    parameters.data_weights = {1, 1, 1, 16};
    return parameters;
}

TEST(Parameters, default_round_and_its_extremes_are_valid) {
    const Committee committee = *Committee::make(4);
    RoundParameters parameters = good_parameters();
    EXPECT_TRUE(validate_round(committee, parameters).has_value());
    parameters.dimension = kMaxDimension;
    parameters.norm_bits = 23;
    parameters.blur_bits = default_blur_bits(committee, 23);
    parameters.data_weights.assign(64, 16);
    EXPECT_TRUE(validate_round(committee, parameters).has_value());
    parameters.mode = StatMode::kSum;
    EXPECT_TRUE(validate_round(committee, parameters).has_value());
}

TEST(Parameters, each_condition_is_enforced) {
    const Committee committee = *Committee::make(4);
    const auto refuses = [&committee](auto change) {
        RoundParameters parameters = good_parameters();
        change(parameters);
        return !validate_round(committee, parameters).has_value();
    };
    using P = RoundParameters;
    EXPECT_TRUE(refuses([](P& p) { p.dimension = 0; }));
    EXPECT_TRUE(refuses([](P& p) { p.dimension = kMaxDimension + 1; }));
    EXPECT_TRUE(refuses([](P& p) {
        p.dimension = 15;
        p.mode = StatMode::kSum;
    }));
    EXPECT_FALSE(refuses([](P& p) {
        p.dimension = 3;
        p.mode = StatMode::kSum;
        p.is_test_network = true;
    }));
    EXPECT_TRUE(refuses([](P& p) { p.dimension = 31; }));
    EXPECT_FALSE(refuses([](P& p) {
        p.dimension = 31;
        p.mode = StatMode::kSum;
    }));
    EXPECT_TRUE(refuses([](P& p) {
        p.norm_bits = 15;
        p.blur_bits = 1;
    }));
    EXPECT_TRUE(refuses([](P& p) { p.norm_bits = 24; }));
    EXPECT_TRUE(refuses([](P& p) { p.blur_bits = 0; }));
    EXPECT_TRUE(refuses([](P& p) { p.blur_bits = 36; }));
    EXPECT_TRUE(refuses([](P& p) { p.clip_norm = 0; }));
    EXPECT_TRUE(refuses([](P& p) { p.clip_norm = kClipNormLimit; }));
    EXPECT_TRUE(refuses([](P& p) { p.c_max = 0; }));
    EXPECT_TRUE(refuses([](P& p) { p.c_max = 2; }));
    EXPECT_TRUE(refuses([](P& p) { p.data_weights[0] = 0; }));
    EXPECT_TRUE(refuses([](P& p) { p.data_weights[0] = 17; }));
    EXPECT_TRUE(refuses([](P& p) { p.data_weights.assign(65, 1); }));
    EXPECT_FALSE(refuses([](P& p) {
        p.norm_bits = 16;
        p.blur_bits = 20;
    }));
}

TEST(ClientCounts, follow_the_number_of_assumed_attackers) {
    EXPECT_EQ(min_accepted(1), 3U);
    EXPECT_EQ(min_accepted(3), 5U);
    EXPECT_EQ(min_clients(1), 3U);
    EXPECT_EQ(min_clients(2), 5U);
    EXPECT_EQ(min_clients(4), 9U);
}

TEST(SquaredNorm, exact_up_to_128_bits_and_empty_beyond) {
    EXPECT_EQ(squared_norm(std::vector<std::int64_t>{3, -4}), Uint128{25});
    const std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
    EXPECT_TRUE(squared_norm(std::vector<std::int64_t>{lowest}).has_value());
    EXPECT_FALSE(squared_norm(std::vector<std::int64_t>{lowest, lowest}).has_value());
}

TEST(MaskUpdate, only_updates_within_the_norm_are_masked_and_come_back) {
    testing::Consortium consortium(4, 1, 3);
    consortium.prepare_batch();
    const auto mask = [&](const std::vector<std::int64_t>& update) {
        return mask_update(consortium.kdf, consortium.committee, consortium.mask_rings[0], update,
                           16);
    };
    const std::vector<std::int64_t> largest{0, -65536, 0};
    const auto masked = mask(largest);
    ASSERT_TRUE(masked.has_value());
    EXPECT_EQ(
        unmask_update(consortium.kdf, consortium.committee, consortium.mask_rings[0], *masked),
        largest);
    EXPECT_FALSE(mask({1, -65536, 0}).has_value());
    EXPECT_FALSE(mask({std::int64_t{1} << 31, 0, 0}).has_value());
    EXPECT_FALSE(mask({}).has_value());
    EXPECT_FALSE(mask_update(consortium.kdf, consortium.committee, {}, largest, 16).has_value());
}

TEST(ModelStep, halves_round_to_even_on_both_sides_of_zero) {
    const ModelStep step{1, 4, 1};
    const std::vector<std::int64_t> aggregate{0, 1, 2, 3, 4, 5, 6, 10, -1, -2, -3, -5, -6, -10};
    const std::vector<std::int64_t> expected{0, 0, 0, 1, 1, 1, 2, 2, 0, 0, -1, -1, -2, -2};
    const std::vector<std::int64_t> model(aggregate.size(), 0);
    EXPECT_EQ(apply_aggregate(model, aggregate, step).value(), expected);
}

TEST(ModelStep, rounding_agrees_with_the_nearest_multiple) {
    TestRandom random(31);
    for (int i = 0; i < 2000; ++i) {
        const ModelStep step{1 + random.word() % ((std::uint64_t{1} << 40)),
                             1 + random.word() % 4000000, 1 + random.word() % 100000};
        const std::int64_t aggregate = random.between(-1000000, 1000000);
        const std::int64_t weight = random.between(-1000, 1000);
        const auto moved = apply_aggregate(std::vector{weight}, std::vector{aggregate}, step);
        ASSERT_TRUE(moved.has_value());
        const Int128 divisor =
            static_cast<Int128>(step.scale) * static_cast<Int128>(step.weight_sum);
        const Int128 exact = static_cast<Int128>(aggregate) * static_cast<Int128>(step.clip_norm);
        const Int128 error = 2 * (static_cast<Int128>(moved->front() - weight) * divisor - exact);
        EXPECT_TRUE(error <= divisor && error >= -divisor);
    }
}

TEST(ModelStep, overflow_and_bad_steps_are_errors) {
    const std::int64_t top = std::numeric_limits<std::int64_t>::max();
    EXPECT_TRUE(apply_aggregate(std::vector{top - 1}, std::vector<std::int64_t>{1}, {1, 1, 1}));
    EXPECT_FALSE(apply_aggregate(std::vector{top}, std::vector<std::int64_t>{1}, {1, 1, 1}));
    EXPECT_FALSE(apply_aggregate(std::vector{-top}, std::vector<std::int64_t>{-2}, {1, 1, 1}));
    EXPECT_FALSE(apply_aggregate(std::vector{top}, std::vector<std::int64_t>{}, {1, 1, 1}));
    EXPECT_FALSE(apply_aggregate(std::vector{top}, std::vector<std::int64_t>{0}, {1, 0, 1}));
    EXPECT_FALSE(apply_aggregate(std::vector{top}, std::vector<std::int64_t>{0}, {1, 1, 0}));
    EXPECT_FALSE(
        apply_aggregate(std::vector{top}, std::vector<std::int64_t>{0}, {kClipNormLimit, 1, 1}));
}

}  // namespace
}  // namespace consilium::smpc
