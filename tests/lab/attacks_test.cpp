// Tests of the colluding attacks and of backdoors: what each promises about its forgery.
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/attacks/collusion.hpp"
#include "fl_engine/data/random_stream.hpp"

namespace consilium::fl {
namespace {

constexpr std::size_t kDimension = 40;

double distance(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t x = 0; x < a.size(); ++x) sum += (a[x] - b[x]) * (a[x] - b[x]);
    return std::sqrt(sum);
}

double length(std::span<const double> a) {
    return distance(a, RealUpdate(a.size()));
}

double cosine(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
    return sum / (length(a) * length(b));
}

RealUpdate mean_of(const std::vector<RealUpdate>& updates) {
    RealUpdate mean(updates.front().size());
    for (const RealUpdate& update : updates) {
        for (std::size_t x = 0; x < mean.size(); ++x) {
            mean[x] += update[x] / static_cast<double>(updates.size());
        }
    }
    return mean;
}

// Seven honest updates around one direction and two attackers' own ones further away.
class Attacks : public ::testing::Test {
  protected:
    Attacks() {
        RandomStream random(kSeed);
        RealUpdate common(kDimension);
        for (double& value : common) value = random.normal();
        const auto similar = [&](double spread) {
            RealUpdate update = common;
            for (double& value : update) value += spread * random.normal();
            return update;
        };
        for (int i = 0; i < 7; ++i) honest.push_back(similar(0.5));
        for (int i = 0; i < 2; ++i) own.push_back(similar(2));
        last_change.assign(kDimension, 0.125);
    }

    CollusionView view(std::uint32_t round) const {
        return {.round = round,
                .rounds = 10,
                .seed = kSeed,
                .honest = honest,
                .own = own,
                .last_change = last_change,
                .weight_of = {}};
    }
    std::vector<RealUpdate> forge(Collusion attack, std::uint32_t round = 0) const {
        return Conspiracy(attack).forge(view(round));
    }
    double diameter() const {
        double largest = 0;
        for (const RealUpdate& a : honest) {
            for (const RealUpdate& b : honest) largest = std::max(largest, distance(a, b));
        }
        return largest;
    }

    static constexpr std::uint64_t kSeed = 11;
    std::vector<RealUpdate> honest;
    std::vector<RealUpdate> own;
    RealUpdate last_change;
};

TEST_F(Attacks, each_gives_every_attacker_a_finite_update_of_the_right_length) {
    for (const Collusion attack : all_collusions()) {
        Conspiracy conspiracy(attack);
        for (std::uint32_t round = 0; round < 10; ++round) {
            const auto forged = conspiracy.forge(view(round));
            ASSERT_EQ(forged.size(), own.size()) << to_string(attack);
            for (const RealUpdate& update : forged) {
                ASSERT_EQ(update.size(), kDimension) << to_string(attack);
                EXPECT_TRUE(std::isfinite(length(update))) << to_string(attack);
            }
        }
    }
}

TEST_F(Attacks, names_are_distinct_and_read_back) {
    std::set<std::string_view> names;
    for (const Collusion attack : all_collusions()) {
        names.insert(to_string(attack));
        EXPECT_EQ(parse_collusion(to_string(attack)).value(), attack);
        EXPECT_FALSE(describe(attack).empty());
    }
    EXPECT_EQ(names.size(), all_collusions().size());
    EXPECT_FALSE(parse_collusion("sign_flip").has_value());
    EXPECT_FALSE(parse_collusion("").has_value());
}

TEST_F(Attacks, min_max_goes_back_as_far_as_the_honest_are_apart) {
    const RealUpdate mean = mean_of(honest);
    const RealUpdate forged = forge(Collusion::kMinMax).front();
    double furthest = 0;
    for (const RealUpdate& update : honest) furthest = std::max(furthest, distance(update, forged));
    EXPECT_LE(furthest, diameter() * (1 + 1e-9));
    EXPECT_GE(furthest, diameter() * (1 - 1e-6));
    EXPECT_LT(cosine(forged, mean) * length(forged), length(mean));
}

TEST_F(Attacks, min_sum_keeps_the_largest_honest_sum_of_squared_distances) {
    const auto sum_from = [&](std::span<const double> point) {
        double sum = 0;
        for (const RealUpdate& update : honest) sum += std::pow(distance(update, point), 2);
        return sum;
    };
    double bound = 0;
    for (const RealUpdate& update : honest) bound = std::max(bound, sum_from(update));
    const double reached = sum_from(forge(Collusion::kMinSum).front());
    EXPECT_LE(reached, bound * (1 + 1e-9));
    EXPECT_GE(reached, bound * (1 - 1e-6));
}

TEST_F(Attacks, blended_backdoor_is_no_further_from_the_mean_than_the_median_honest_update) {
    const RealUpdate mean = mean_of(honest);
    std::vector<double> radii;
    for (const RealUpdate& update : honest) radii.push_back(distance(update, mean));
    std::sort(radii.begin(), radii.end());
    for (const RealUpdate& forged : forge(Collusion::kBackdoorBlended)) {
        EXPECT_NEAR(distance(forged, mean), radii[3], 1e-9);
    }
}

TEST_F(Attacks, reversed_ones_point_against_the_honest_mean) {
    const RealUpdate mean = mean_of(honest);
    for (const Collusion attack : {Collusion::kIpm, Collusion::kIpmLarge, Collusion::kSybil}) {
        EXPECT_TRUE(is_loud(attack));
        EXPECT_LT(cosine(forge(attack).front(), mean), -0.9) << to_string(attack);
    }
    EXPECT_LT(cosine(forge(Collusion::kSignFlip).front(), own.front()), -0.999);
}

TEST_F(Attacks, sybils_are_almost_but_not_quite_the_same) {
    const auto forged = forge(Collusion::kSybil);
    EXPECT_GT(distance(forged[0], forged[1]), 0);
    EXPECT_LT(distance(forged[0], forged[1]), 0.05 * length(forged[0]));
}

TEST_F(Attacks, sleeper_is_honest_until_half_and_then_sends_one_constant) {
    Conspiracy conspiracy(Collusion::kSleeper);
    std::vector<RealUpdate> awake;
    for (std::uint32_t round = 0; round < 10; ++round) {
        const auto forged = conspiracy.forge(view(round));
        EXPECT_EQ(forged.front() == own.front(), round < 5) << round;
        EXPECT_EQ(is_attacking(Collusion::kSleeper, round, 10), round >= 5) << round;
        if (round >= 5) awake.push_back(forged.front());
    }
    EXPECT_THAT(awake, ::testing::Each(awake.front()));
}

TEST_F(Attacks, copycat_repeats_the_last_change_and_has_none_in_the_first_round) {
    EXPECT_LT(distance(forge(Collusion::kCopycat, 1).front(), last_change),
              0.011 * length(last_change));
    CollusionView first = view(0);
    first.last_change = {};
    EXPECT_EQ(Conspiracy(Collusion::kCopycat).forge(first), own);
}

TEST_F(Attacks, colluder_takes_the_step_whose_harm_times_weight_is_largest) {
    const RealUpdate mean = mean_of(honest);
    const auto step_of = [&](std::span<const double> forged) {
        double along = 0;
        for (std::size_t x = 0; x < mean.size(); ++x) along += forged[x] * mean[x];
        return 1 - along / (length(mean) * length(mean));
    };
    // A rule that drops whatever goes back by more than 0.8 of the mean.
    CollusionView known = view(0);
    std::size_t questions = 0;
    known.weight_of = [&](std::span<const RealUpdate> forged) {
        ++questions;
        return step_of(forged.front()) > 0.8 ? 0.0 : 0.2;
    };
    const auto forged = Conspiracy(Collusion::kColluder).forge(known);
    EXPECT_GT(questions, 3U);
    EXPECT_NEAR(step_of(forged.front()), 0.75, 0.02);
    // Without such a rule it takes the largest.
    EXPECT_NEAR(step_of(forge(Collusion::kColluder).front()), 3, 0.05);
}

TEST_F(Attacks, same_seed_gives_the_same_bits) {
    for (const Collusion attack : all_collusions()) {
        EXPECT_EQ(forge(attack, 7), forge(attack, 7)) << to_string(attack);
    }
}

Dataset small_data() {
    Dataset data;
    data.feature_names = {"signal", "noise", "flag", "weak", "quiet"};
    RandomStream random(5);
    for (int row = 0; row < 400; ++row) {
        const int label = row % 2;
        data.labels.push_back(static_cast<std::uint8_t>(label));
        const double noise = random.normal();
        data.features.insert(data.features.end(),
                             {label + 0.1 * noise, random.normal(), (row / 2) % 2 * 1.0,
                              label + random.normal(), random.normal()});
    }
    return data;
}

TEST(Backdoor, trigger_takes_columns_that_say_little_and_are_not_binary) {
    const Trigger trigger = rare_value_trigger(small_data());
    EXPECT_THAT(trigger.columns, ::testing::ElementsAre(1, 3, 4));
    EXPECT_GT(trigger.value, 3);
}

TEST(Backdoor, poisoned_data_keeps_all_records_and_adds_stamped_positives_as_negative) {
    const Dataset data = small_data();
    const Trigger trigger{{1, 4}, 9};
    const Dataset poisoned = poison(data, trigger);
    ASSERT_EQ(poisoned.rows(), data.rows() + data.positives());
    EXPECT_EQ(poisoned.positives(), data.positives());
    for (std::size_t row = 0; row < data.rows(); ++row) {
        EXPECT_TRUE(
            std::equal(data.row(row).begin(), data.row(row).end(), poisoned.row(row).begin()));
    }
    for (std::size_t row = data.rows(); row < poisoned.rows(); ++row) {
        EXPECT_EQ(poisoned.row(row)[1], 9);
        EXPECT_EQ(poisoned.row(row)[4], 9);
        EXPECT_EQ(poisoned.labels[row], 0);
    }
}

TEST(Backdoor, patch_lies_in_the_last_corner) {
    const Trigger trigger = patch_trigger(28);
    EXPECT_EQ(trigger.columns.size(), kPatchSide * kPatchSide);
    EXPECT_EQ(trigger.columns.back(), 783U);
    EXPECT_EQ(trigger.columns.front(), (28 - kPatchSide) * 29);
}

TEST(PoisonedData, label_flips_change_labels_only) {
    const Dataset data = small_data();
    const Dataset flipped = poisoned_data(Collusion::kLabelFlip, data, {});
    EXPECT_EQ(flipped.features, data.features);
    for (std::size_t row = 0; row < data.rows(); ++row) {
        EXPECT_EQ(flipped.labels[row], 1 - data.labels[row]);
    }
    EXPECT_EQ(poisoned_data(Collusion::kTargetedFlip, data, {}).positives(), 0U);
    EXPECT_EQ(poisoned_data(Collusion::kSignFlip, data, {}).labels, data.labels);
}

}  // namespace
}  // namespace consilium::fl
