// Tests of model specifications, gradients and the bridge to integers.
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/models/network.hpp"

namespace consilium::fl {
namespace {

constexpr std::uint64_t kOne = std::uint64_t{1} << 32U;  // 1.0 as a clip norm

Dataset random_data(std::size_t rows, std::size_t columns, std::uint64_t seed) {
    RandomStream random(seed);
    Dataset data;
    for (std::size_t c = 0; c < columns; ++c) data.feature_names.push_back("f");
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) data.features.push_back(random.normal());
        data.labels.push_back(static_cast<std::uint8_t>(random.below(2)));
    }
    return data;
}

std::vector<double> random_vector(std::size_t size, double scale, std::uint64_t seed) {
    RandomStream random(seed);
    std::vector<double> out(size);
    for (double& value : out) value = scale * random.normal();
    return out;
}

double length(const std::vector<double>& vector) {
    return std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
}

TEST(ModelSpec, text_round_trips_and_counts_parameters) {
    EXPECT_EQ(parse_model_spec("logistic:30")->parameter_count(), 31U);
    EXPECT_EQ(parse_model_spec("mlp:30-16-1")->parameter_count(), 513U);
    EXPECT_EQ(parse_model_spec("mlp:15-16-1")->parameter_count(), 273U);
    EXPECT_EQ(parse_model_spec("mlp:784-32-1")->parameter_count(), 25153U);
    for (const std::string_view text : {"logistic:1", "mlp:30-16-1", "mlp:4-3-2-1"}) {
        EXPECT_EQ(format_model_spec(*parse_model_spec(text)), text);
    }
}

TEST(ModelSpec, everything_else_is_refused) {
    for (const std::string_view text : {"",
                                        "mlp",
                                        "mlp:",
                                        "mlp:30",
                                        "mlp:30-1",
                                        "mlp:30-16-2",
                                        "mlp:30-0-1",
                                        "mlp:030-16-1",
                                        "mlp:30-16-1-",
                                        "mlp:-30-16-1",
                                        "mlp: 30-16-1",
                                        "MLP:30-16-1",
                                        "logistic:30-1",
                                        "logistic:0",
                                        "logistic:",
                                        "mlp:30-40000-1",
                                        "mlp:1048576-1048576-1",
                                        "mlp:99999999999-2-1",
                                        "mlp:2-2-2-2-2-2-2-2-1",
                                        "cnn:30"}) {
        EXPECT_FALSE(parse_model_spec(text).has_value()) << text;
    }
}

TEST(Network, gradient_agrees_with_finite_differences) {
    for (const std::string_view text : {"logistic:5", "mlp:5-4-1", "mlp:5-4-3-1"}) {
        const ModelSpec spec = *parse_model_spec(text);
        Network network(spec);
        const Dataset data = random_data(12, 5, 1);
        const std::vector<std::size_t> rows = {0, 3, 4, 7, 11};
        std::vector<double> parameters = random_vector(spec.parameter_count(), 0.7, 2);
        std::vector<double> gradient(parameters.size());
        std::vector<double> unused(parameters.size());
        network.loss_and_gradient(parameters, data, rows, gradient);
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            constexpr double kStep = 1e-5;
            const double kept = parameters[i];
            parameters[i] = kept + kStep;
            const double above = network.loss_and_gradient(parameters, data, rows, unused);
            parameters[i] = kept - kStep;
            const double below = network.loss_and_gradient(parameters, data, rows, unused);
            parameters[i] = kept;
            EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-8) << text << " " << i;
        }
    }
}

TEST(Network, layout_is_weights_row_by_row_then_biases) {
    Network network(*parse_model_spec("mlp:2-2-1"));
    Dataset data;
    data.feature_names = {"a", "b"};
    data.features = {0.5, -2.0};
    data.labels = {1};
    const std::vector<double> p = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const double expected =
        7 * std::tanh(1 * 0.5 - 2 * 2.0 + 5) + 8 * std::tanh(3 * 0.5 - 4 * 2.0 + 6) + 9;
    EXPECT_NEAR(network.logits(p, data)[0], expected, 1e-12);
    EXPECT_NEAR(network.probabilities(p, data)[0], 1 / (1 + std::exp(-expected)), 1e-12);
}

TEST(Network, extreme_logits_keep_the_loss_finite) {
    Network network(*parse_model_spec("logistic:1"));
    Dataset data;
    data.feature_names = {"a"};
    data.features = {1.0, 1.0};
    data.labels = {1, 0};
    std::vector<double> gradient(2);
    const std::vector<double> parameters = {1e6, 0};
    const std::vector<std::size_t> rows = {0, 1};
    EXPECT_NEAR(network.loss_and_gradient(parameters, data, rows, gradient), 5e5, 1);
    EXPECT_EQ(network.probabilities(parameters, data)[0], 1.0);
}

TEST(Network, many_rows_pass_in_parts_like_few) {
    Network network(*parse_model_spec("mlp:3-4-1"));
    const Dataset data = random_data(2'500, 3, 9);
    const std::vector<double> parameters = random_vector(21, 1, 3);
    const std::vector<double> all = network.logits(parameters, data);
    ASSERT_EQ(all.size(), 2'500U);
    for (const std::size_t row : {0U, 1'023U, 1'024U, 2'499U}) {
        const std::vector<std::size_t> one = {row};
        EXPECT_NEAR(network.logits(parameters, select_rows(data, one))[0], all[row], 1e-12);
    }
}

TEST(Encoding, norm_never_exceeds_the_bound_and_decoding_returns_the_update) {
    for (const std::size_t d : {1U, 16U, 30U, 128U, 129U, 513U, 5'000U}) {
        for (const double scale : {1e-12, 1e-3, 0.1, 1.0, 1e3, 1e150}) {
            for (const std::uint32_t bits : {16U, 22U, 23U}) {
                const EncodingParameters parameters{.norm_bits = bits, .clip = 2 * kOne};
                const std::vector<double> delta = random_vector(d, scale, d);
                const Result<IntegerUpdate> update = encode_update(delta, parameters);
                ASSERT_TRUE(update.has_value()) << d << " " << bits;
                EXPECT_LE(norm_squared(*update), Uint128{1} << (2 * bits));
                const std::vector<double> back = decode_update(*update, parameters);
                const double norm = length(delta);
                const double shrink = norm > 2 ? 2 / norm : 1;
                const double unit =
                    2.0 / static_cast<double>((std::uint64_t{1} << bits) - ceil_sqrt(d));
                for (std::size_t i = 0; i < d; ++i) {
                    EXPECT_NEAR(back[i], delta[i] * shrink, unit * 0.51 + 1e-4 * (shrink < 1));
                }
            }
        }
    }
}

TEST(Encoding, rounding_at_the_bound_shrinks_until_it_fits) {
    // Every coordinate would round up; the exact norm decides.
    for (const std::size_t d : {16U, 100U, 1'000U, 60'000U}) {
        const EncodingParameters parameters{.norm_bits = 22, .clip = 1};
        const Result<IntegerUpdate> update = encode_update(std::vector<double>(d, 1.0), parameters);
        ASSERT_TRUE(update.has_value());
        EXPECT_LE(norm_squared(*update), Uint128{1} << 44U);
        EXPECT_GT(norm_squared(*update), (Uint128{1} << 44U) / 100 * 98);
    }
}

TEST(Encoding, values_that_are_no_numbers_are_refused_and_odd_ones_encoded) {
    const EncodingParameters parameters{.norm_bits = 22, .clip = kOne};
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    for (const double bad : {std::nan(""), kInfinity, -kInfinity}) {
        EXPECT_FALSE(encode_update(std::vector<double>{0.1, bad, 0.2}, parameters).has_value());
    }
    constexpr double kDenormal = std::numeric_limits<double>::denorm_min();
    for (const double odd : {kDenormal, -kDenormal, -0.0, 0.0}) {
        EXPECT_THAT(*encode_update(std::vector<double>{odd, odd}, parameters),
                    testing::ElementsAre(0, 0));
    }
    for (const double huge : {1e300, std::numeric_limits<double>::max()}) {
        const IntegerUpdate update =
            *encode_update(std::vector<double>{huge, 0.0, -huge, -0.0}, parameters);
        EXPECT_EQ(update[0], -update[2]);
        EXPECT_EQ(update[1], 0);
        EXPECT_LE(norm_squared(update), Uint128{1} << 44U);
        EXPECT_GT(update[0], 2'900'000);
    }
    EXPECT_THAT(*encode_update(std::vector<double>(16, 0.0), parameters), testing::Each(0));
}

TEST(Encoding, parameters_outside_the_protocol_are_refused) {
    const std::vector<double> delta(513, 0.01);
    const auto refuse = [&](std::uint32_t bits, std::uint64_t clip) {
        return !encode_update(delta, {.norm_bits = bits, .clip = clip}).has_value();
    };
    EXPECT_TRUE(refuse(15, kOne));
    EXPECT_TRUE(refuse(24, kOne));
    EXPECT_TRUE(refuse(22, 0));
    EXPECT_TRUE(refuse(22, kMaxClip));
    EXPECT_FALSE(refuse(22, kMaxClip - 1));
    EXPECT_FALSE(encode_update({}, {.norm_bits = 22, .clip = kOne}).has_value());
}

TEST(Encoding, one_step_is_nearest) {
    // d = 1: B - ceil(sqrt d) = 2^22 - 1 units are C.
    const EncodingParameters parameters{.norm_bits = 22, .clip = kOne};
    const double unit = 1.0 / 4194303.0;
    EXPECT_EQ((*encode_update(std::vector<double>{1.4 * unit}, parameters))[0], 1);
    EXPECT_EQ((*encode_update(std::vector<double>{1.6 * unit}, parameters))[0], 2);
    EXPECT_EQ((*encode_update(std::vector<double>{-1.6 * unit}, parameters))[0], -2);
    EXPECT_EQ((*encode_update(std::vector<double>{5.0}, parameters))[0], 4194303);
}

TEST(CeilSqrt, is_exact_around_squares) {
    EXPECT_EQ(ceil_sqrt(0), 0U);
    for (std::uint64_t root = 1; root < 2'000; ++root) {
        EXPECT_EQ(ceil_sqrt(root * root), root);
        EXPECT_EQ(ceil_sqrt(root * root + 1), root + 1);
    }
}

TEST(ApplyAggregate, rounds_half_to_even_on_both_sides_of_zero) {
    // d = 1, B = 2^16: denominator 65535 * weight; a clip of 65535 makes the step sum / weight.
    const EncodingParameters parameters{.norm_bits = 16, .clip = 65'535};
    const auto step = [&](std::int64_t sum, std::uint64_t weight) {
        return (*apply_aggregate(std::vector<std::int64_t>{100}, std::vector<std::int64_t>{sum},
                                 weight, parameters))[0] -
               100;
    };
    EXPECT_EQ(step(1, 2), 0);
    EXPECT_EQ(step(3, 2), 2);
    EXPECT_EQ(step(5, 2), 2);
    EXPECT_EQ(step(-1, 2), 0);
    EXPECT_EQ(step(-3, 2), -2);
    EXPECT_EQ(step(-5, 2), -2);
    EXPECT_EQ(step(-7, 3), -2);
    EXPECT_EQ(step(-8, 3), -3);
    EXPECT_EQ(step(12, 4), 3);
}

TEST(ApplyAggregate, overflow_and_mismatch_are_errors) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    const EncodingParameters parameters{.norm_bits = 22, .clip = kMaxClip - 1};
    const std::vector<std::int64_t> one = {1};
    const std::vector<std::int64_t> top = {kMax};
    const std::vector<std::int64_t> bottom = {std::numeric_limits<std::int64_t>::min()};
    EXPECT_FALSE(apply_aggregate(top, one, 1, parameters).has_value());
    EXPECT_FALSE(apply_aggregate(one, top, 1, parameters).has_value());
    EXPECT_FALSE(apply_aggregate(one, bottom, 1, parameters).has_value());
    EXPECT_FALSE(apply_aggregate(one, one, 0, parameters).has_value());
    EXPECT_FALSE(apply_aggregate(one, std::vector<std::int64_t>{1, 2}, 1, parameters).has_value());
    EXPECT_TRUE(apply_aggregate(one, one, 1, parameters).has_value());
}

TEST(ApplyAggregate, mean_of_encoded_updates_moves_the_model_by_their_mean) {
    const EncodingParameters parameters{.norm_bits = 22, .clip = 3 * kOne};
    const std::vector<double> a = random_vector(513, 0.05, 1);
    const std::vector<double> b = random_vector(513, 0.05, 2);
    const IntegerUpdate u = *encode_update(a, parameters);
    const IntegerUpdate v = *encode_update(b, parameters);
    IntegerUpdate sum(513);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = u[i] + 3 * v[i];
    const IntegerModel start(513, 7);
    const std::vector<double> moved = to_doubles(*apply_aggregate(start, sum, 4, parameters));
    for (std::size_t i = 0; i < sum.size(); ++i) {
        EXPECT_NEAR(moved[i], (a[i] + 3 * b[i]) / 4, 1e-6);
    }
}

TEST(NextClip, is_twice_the_lower_median_norm_within_bounds) {
    const EncodingParameters parameters{.norm_bits = 22, .clip = kOne};
    const std::uint64_t scale = (std::uint64_t{1} << 22U) - 23;  // ceil(sqrt 513) = 23
    const auto square = [](std::uint64_t x) { return static_cast<Uint128>(x) * x; };
    const std::vector<Uint128> norms = {square(4'000), square(1'000), square(2'000), square(3'000)};
    EXPECT_EQ(next_clip(norms, 513, parameters, {}), 4'000 * kOne / scale);
    EXPECT_EQ(next_clip(norms, 513, parameters, {.min = kOne, .max = 2 * kOne}), kOne);
    EXPECT_EQ(next_clip(norms, 513, parameters, {.min = 1, .max = 5}), 5U);
    const std::vector<Uint128> zeros = {0, 0};
    EXPECT_EQ(next_clip(zeros, 513, parameters, {}), 2 * kOne / scale);
}

TEST(ClipNorm, conversion_is_exact_for_powers_and_refuses_nonsense) {
    EXPECT_EQ(*clip_from_double(2.0), 2 * kOne);
    EXPECT_EQ(clip_to_double(3 * kOne), 3.0);
    for (const double bad : {0.0, -1.0, 1e-12, 16777216.0, std::nan("")}) {
        EXPECT_FALSE(clip_from_double(bad).has_value()) << bad;
    }
}

TEST(InitialModel, stays_within_the_limit_and_has_zero_biases) {
    const ModelSpec spec = *parse_model_spec("mlp:30-16-1");
    const IntegerModel model = make_initial_model(spec, 1);
    ASSERT_EQ(model.size(), 513U);
    const double limit = std::sqrt(6.0 / 46.0);
    double largest = 0;
    const std::vector<double> values = to_doubles(model);
    for (std::size_t i = 0; i < 480; ++i) largest = std::max(largest, std::abs(values[i]));
    EXPECT_LE(largest, limit);
    EXPECT_GT(largest, 0.95 * limit);
    for (std::size_t i = 480; i < 496; ++i) EXPECT_EQ(model[i], 0);
    EXPECT_EQ(model[512], 0);
    EXPECT_EQ(make_initial_model(spec, 1), model);
    EXPECT_NE(make_initial_model(spec, 2), model);
}

}  // namespace
}  // namespace consilium::fl
