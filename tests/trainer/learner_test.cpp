// The learner under a round's terms of differential privacy.
#include <cmath>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/trainer/learner.hpp"
#include "tests/wallet/temporary_directory.hpp"

namespace consilium::trainer {
namespace {

constexpr std::uint64_t kSeed = 7;
constexpr std::size_t kFeatures = 20;
constexpr std::size_t kLength = kFeatures + 1;

fl::ByteSource seeded(std::uint64_t seed) {
    return [stream = fl::RandomStream(seed)](std::span<std::uint8_t> out) mutable {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(stream.next() >> 56U);
    };
}

// A logistic task over kFeatures columns, 60 rows of two classes.
struct Fixture {
    Fixture() {
        std::ofstream schema(folder.file("schema.toml"));
        schema << "format = \"consilium-schema-1\"\nheader = \"names\"\n";
        std::ofstream data(folder.file("data.csv"));
        for (std::size_t c = 0; c < kFeatures; ++c) {
            schema << "[[column]]\nname = \"f" << c << "\"\nkind = \"numeric\"\ncentre = 0.0\n"
                   << "scale = 1.0\n";
            data << "f" << c << ",";
        }
        schema << "[[column]]\nname = \"y\"\nkind = \"label\"\nnegative = [\"0\"]\n"
               << "positive = [\"1\"]\n";
        data << "y\n";
        fl::RandomStream stream(kSeed);
        for (int row = 0; row < 60; ++row) {
            for (std::size_t c = 0; c < kFeatures; ++c) {
                data << stream.normal() + (row % 2 == 0 ? 1 : -1) << ",";
            }
            data << row % 2 << "\n";
        }
        task.model = {schema::ModelKind::kLogistic, {kFeatures, 1}};
        task.training.learning_rate_micros = 500'000;
        round.label.round = 3;
        round.terms.task = 1;
        round.terms.dimension = kLength;
        round.terms.nu = 22;
        round.terms.clip_norm = std::uint64_t{8} << 32U;
    }
    [[nodiscard]] Result<std::vector<std::int64_t>> update(LearnerOptions options) const {
        options.data_file = folder.file("data.csv");
        options.schema_file = folder.file("schema.toml");
        const auto learner = Learner::load(options);
        CHECK(learner.has_value());
        const Bytes model = smpc::encode_integers(std::vector<std::int64_t>(kLength, 0));
        return learner->make_update(task, round, model);
    }
    wallet_tests::TemporaryDirectory folder;
    schema::TaskSpec task;
    schema::RoundRecord round;
};

TEST(LearnerPrivacyTest, without_terms_an_update_is_the_same_each_time) {
    const Fixture fixture;
    EXPECT_EQ(fixture.update({}).value(), fixture.update({}).value());
}

TEST(LearnerPrivacyTest, the_update_is_clipped_and_carries_noise_of_the_terms) {
    SCOPED_TRACE(kSeed);
    Fixture fixture;
    const std::vector<std::int64_t> plain = fixture.update({}).value();
    ASSERT_GT(fl::norm_squared(plain), Uint128{50'000} * 50'000);  // clipping has work to do
    fixture.round.terms.privacy = {.clip = 50'000, .noise = 20'000, .delta_bits = 20};
    constexpr int kRuns = 200;
    double squares = 0;
    std::vector<double> mean(kLength, 0.0);
    std::vector<std::vector<std::int64_t>> updates;
    for (int i = 0; i < kRuns; ++i) {
        LearnerOptions options;
        options.noise = seeded(kSeed + static_cast<std::uint64_t>(i));
        updates.push_back(fixture.update(options).value());
        for (std::size_t x = 0; x < kLength; ++x) {
            mean[x] += static_cast<double>(updates.back()[x]) / kRuns;
        }
    }
    for (const auto& update : updates) {
        EXPECT_LE(fl::norm_squared(update), Uint128{1} << 44U);
        for (std::size_t x = 0; x < kLength; ++x) {
            const double deviation = static_cast<double>(update[x]) - mean[x];
            squares += deviation * deviation;
        }
    }
    const double variance = squares / (kRuns - 1) / static_cast<double>(kLength);
    EXPECT_NEAR(variance, 4e8, 5 * 4e8 * std::sqrt(2.0 / (kRuns * kLength)));
    double norm = 0;
    for (const double value : mean) norm += value * value;
    // The mean is the clipped update: 50,000 up to the noise of the mean.
    EXPECT_NEAR(std::sqrt(norm), 50'000, 5 * 20'000 / std::sqrt(kRuns));
}

TEST(LearnerPrivacyTest, noise_of_the_system_differs_each_time) {
    Fixture fixture;
    fixture.round.terms.privacy = {.clip = 50'000, .noise = 20'000, .delta_bits = 20};
    EXPECT_NE(fixture.update({}).value(), fixture.update({}).value());
}

TEST(LearnerPrivacyTest, who_changes_its_update_obeys_no_terms) {
    Fixture fixture;
    fixture.round.terms.privacy = {.clip = 50'000, .noise = 20'000, .delta_bits = 20};
    LearnerOptions options;
    options.deviation.update = [](std::span<const double> delta, const fl::TransformContext&) {
        return std::vector<double>(delta.size(), 1.0);
    };
    const std::vector<std::int64_t> update = fixture.update(options).value();
    EXPECT_THAT(update, testing::Each(update.front()));  // no noise
    EXPECT_GT(fl::norm_squared(update), Uint128{50'000} * 50'000);
}

}  // namespace
}  // namespace consilium::trainer
