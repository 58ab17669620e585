// The reference trainer: its numbers, its frozen vectors, what it refuses, and that it trains what
// a hospital trains.
#include <cfenv>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/reference/encode.hpp"
#include "fl_engine/reference/numbers.hpp"
#include "fl_engine/training/local_training.hpp"
#include "tests/reference/cases.hpp"

namespace consilium::reference {
namespace {

using testing::Case;
using testing::CaseJob;

std::string frozen_vectors() {
    std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/reference.txt");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Case small_case() {
    return testing::frozen_cases().at(3);
}

// Cosine of two integer vectors.
double cosine(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (std::size_t x = 0; x < a.size(); ++x) {
        ab += static_cast<double>(a[x]) * static_cast<double>(b[x]);
        aa += static_cast<double>(a[x]) * static_cast<double>(a[x]);
        bb += static_cast<double>(b[x]) * static_cast<double>(b[x]);
    }
    return ab / std::sqrt(aa * bb);
}

// What fl_engine/training makes of the same job with another order of records.
std::vector<std::int64_t> honest_update(const CaseJob& given) {
    const Job& job = given.job;
    fl::ModelSpec spec;
    spec.kind = job.layers.size() == 2 ? fl::ModelKind::kLogistic : fl::ModelKind::kMlp;
    spec.layers = job.layers;
    fl::Dataset data;
    for (const std::int64_t value : given.features) {
        data.features.push_back(static_cast<double>(value) * fl::kFixedPointUnit);
    }
    data.labels = given.labels;
    data.feature_names.resize(job.layers.front());
    const fl::TrainingConfig config{.epochs = job.epochs,
                                    .batch_size = job.batch_size,
                                    .learning_rate_millionths = job.learning_rate_micros,
                                    .momentum_millionths = job.momentum_micros,
                                    .weight_decay_millionths = job.weight_decay_micros};
    const auto delta = fl::train_update(spec, job.model, data, config, 1);
    return fl::encode_update(delta.value(), {job.norm_bits, job.clip_norm}).value();
}

}  // namespace

TEST(ReferenceNumbers, exponential_is_within_two_units_of_the_library) {
    for (int i = 0; i < 140'000; ++i) {
        const double x = static_cast<double>(i) * 0.005;
        const double expected = std::exp(-x);
        EXPECT_NEAR(exp_of_minus(x) / expected, 1.0, 5e-16) << x;
    }
    EXPECT_EQ(exp_of_minus(0), 1.0);
    EXPECT_EQ(exp_of_minus(701), 0.0);
    EXPECT_EQ(exp_of_minus(std::numeric_limits<double>::infinity()), 0.0);
}

TEST(ReferenceNumbers, tanh_and_sigmoid_agree_with_the_library_on_both_sides) {
    for (int i = -40'000; i <= 40'000; ++i) {
        const double x = static_cast<double>(i) * 0.001;
        EXPECT_NEAR(reference::tanh(x), std::tanh(x), 1e-15 * std::abs(std::tanh(x)) + 1e-300) << x;
        EXPECT_NEAR(sigmoid(x) * (1.0 + std::exp(-x)), 1.0, 1e-15) << x;
    }
    EXPECT_EQ(reference::tanh(0), 0.0);
    EXPECT_EQ(reference::tanh(-50), -1.0);
}

TEST(ReferenceNumbers, rounding_takes_ties_to_even) {
    EXPECT_EQ(round_to_even(0.5), 0.0);
    EXPECT_EQ(round_to_even(1.5), 2.0);
    EXPECT_EQ(round_to_even(-2.5), -2.0);
    EXPECT_EQ(round_to_even(8388607.4999), 8388607.0);
    EXPECT_EQ(round_to_even(-0.75), -1.0);
}

TEST(ReferenceNumbers, another_rounding_mode_is_noticed_and_refused) {
    ASSERT_TRUE(is_arithmetic_as_assumed());
    CaseJob given;
    testing::make_job(small_case(), given);
    ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
    const bool is_assumed = is_arithmetic_as_assumed();
    const auto refused = train(given.job);
    std::fesetround(FE_TONEAREST);
    EXPECT_FALSE(is_assumed);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
}

TEST(ReferenceTrainer, frozen_vectors_of_the_independent_model_hold) {
    ASSERT_FALSE(frozen_vectors().empty());
    EXPECT_EQ(testing::describe_cases(), frozen_vectors());
}

TEST(ReferenceTrainer, update_points_where_an_honest_hospital_with_these_records_points) {
    for (const Case& one : testing::frozen_cases()) {
        // A short last batch weighs as much as a full one: then the order of records matters.
        if (one.records % one.batch_size != 0) continue;
        CaseJob given;
        testing::make_job(one, given);
        const auto update = train(given.job);
        ASSERT_TRUE(update.has_value());
        EXPECT_GT(cosine(*update, honest_update(given)), 0.99) << one.name;
    }
}

TEST(ReferenceTrainer, full_batch_update_equals_the_hospitals_up_to_rounding) {
    // With one batch an epoch the order of records changes sums in their last bits only.
    Case one = small_case();
    one.batch_size = one.records;
    CaseJob given;
    testing::make_job(one, given);
    const auto update = train(given.job);
    ASSERT_TRUE(update.has_value());
    const auto honest = honest_update(given);
    for (std::size_t x = 0; x < honest.size(); ++x) {
        EXPECT_LE(std::abs((*update)[x] - honest[x]), 1) << x;
    }
}

TEST(ReferenceTrainer, long_update_is_clipped_to_the_bound_and_never_beyond) {
    for (std::uint64_t clip = 1; clip < (std::uint64_t{1} << 40U); clip *= 64) {
        Case one = small_case();
        one.clip_norm = clip;
        CaseJob given;
        testing::make_job(one, given);
        const auto update = train(given.job);
        ASSERT_TRUE(update.has_value());
        EXPECT_LE(squared_norm(*update), std::uint64_t{1} << (2 * one.norm_bits)) << clip;
    }
}

TEST(ReferenceTrainer, round_changes_the_order_of_records_and_repetition_does_not) {
    CaseJob given;
    testing::make_job(small_case(), given);
    const auto first = train(given.job);
    const auto again = train(given.job);
    ++given.job.round;
    const auto next = train(given.job);
    EXPECT_EQ(first.value(), again.value());
    EXPECT_NE(first.value(), next.value());
}

TEST(ReferenceTrainer, jobs_whose_parts_do_not_fit_are_refused) {
    CaseJob given;
    testing::make_job(small_case(), given);
    const auto expect_refused = [&](auto change) {
        Job job = given.job;
        change(job);
        const auto result = train(job);
        ASSERT_FALSE(result.has_value());
        EXPECT_EQ(result.error().code, ErrorCode::kRefused);
    };
    expect_refused([](Job& job) { job.layers = {15}; });
    expect_refused([](Job& job) { job.layers = {15, 16, 2}; });
    expect_refused([](Job& job) { job.layers = {0, 1}; });
    expect_refused([](Job& job) { job.layers = {1U << 20U, 1U << 20U, 1}; });
    expect_refused([](Job& job) { job.model = job.model.subspan(1); });
    expect_refused([](Job& job) { job.features = job.features.subspan(1); });
    expect_refused([](Job& job) { job.labels = job.labels.subspan(1); });
    expect_refused([](Job& job) { job.labels = {}; });
    expect_refused([](Job& job) { job.batch_size = 0; });
    expect_refused([](Job& job) { job.epochs = 0; });
    expect_refused([](Job& job) { job.epochs = 1'001; });
    expect_refused([](Job& job) { job.learning_rate_micros = 0; });
    expect_refused([](Job& job) { job.momentum_micros = 1'000'000; });
    expect_refused([](Job& job) { job.norm_bits = 15; });
    expect_refused([](Job& job) { job.norm_bits = 24; });
    expect_refused([](Job& job) { job.clip_norm = 0; });
    const std::vector<std::uint8_t> labels(given.labels.size(), 2);
    expect_refused([&](Job& job) { job.labels = labels; });
}

TEST(ReferenceTrainer, divergence_is_an_error_and_not_a_value) {
    Case one = small_case();
    one.learning_rate_micros = 100'000'000;
    one.weight_decay_micros = 999'999;
    one.epochs = 1'000;
    CaseJob given;
    testing::make_job(one, given);
    const auto result = train(given.job);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kRefused);
}

TEST(ReferenceTrainer, ceiling_of_the_square_root_is_exact) {
    for (std::uint64_t root = 1; root <= 2'000; ++root) {
        EXPECT_EQ(ceil_sqrt(root * root), root);
        EXPECT_EQ(ceil_sqrt(root * root - 1), root * root - 1 == 0 ? 0 : root);
        EXPECT_EQ(ceil_sqrt(root * root + 1), root + 1);
    }
}

}  // namespace consilium::reference
