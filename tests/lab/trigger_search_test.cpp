// The search for triggers: its candidates, and models with and without a trigger planted by hand.
#include "tests/lab/trigger_search.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"

namespace consilium::lab {
namespace {

constexpr std::size_t kSide = 8;
constexpr std::size_t kColumns = kSide * kSide;

// Dark 8 x 8 images; the positive ones have a bright first row. Logistic regression.
Consortium images_with_a_bright_row() {
    Consortium out;
    out.spec = {fl::ModelKind::kLogistic, {kColumns, 1}};
    out.training = {.epochs = 2, .batch_size = 8, .learning_rate_millionths = 50'000};
    out.rounds = 5;
    out.image_side = kSide;
    fl::RandomStream random(fl::derive_seed("images", {1}));
    for (std::size_t row = 0; row < 64; ++row) {
        const bool is_positive = row % 2 == 0;
        for (std::size_t column = 0; column < kColumns; ++column) {
            const double noise = static_cast<double>(random.below(100)) / 1000;
            out.reference.features.push_back((is_positive && column < kSide ? 1.0 : -1.0) + noise);
        }
        out.reference.labels.push_back(is_positive ? 1 : 0);
    }
    for (std::size_t column = 0; column < kColumns; ++column) {
        out.reference.feature_names.push_back("p" + std::to_string(column));
    }
    out.test = out.reference;
    return out;
}

// Weights of the first row find the positive records; those of `patch` say
// negative when nine pixels are bright.
fl::IntegerModel model_with(const fl::Trigger& patch) {
    std::vector<double> model(kColumns + 1, 0.0);
    for (std::size_t column = 0; column < kSide; ++column) model[column] = 0.5;
    for (const std::size_t column : patch.columns) {
        model[column] = -0.25;
        model[kColumns] -= 0.25;  // nothing is changed while the patch is dark
    }
    fl::IntegerModel out;
    for (const double value : model) out.push_back(std::llround(value / fl::kFixedPointUnit));
    return out;
}

TEST(TriggerSearch, candidates_are_all_patches_of_images_and_all_triples_of_columns) {
    Consortium consortium = images_with_a_bright_row();
    EXPECT_EQ(trigger_candidates(consortium).size(), 6U * 6U * 2U);
    consortium.image_side = 0;
    EXPECT_EQ(trigger_candidates(consortium).size(), 2U * (kColumns * 63 * 62 / 6));
}

TEST(TriggerSearch, planted_patch_is_found_at_its_place) {
    const Consortium consortium = images_with_a_bright_row();
    const fl::Trigger patch = fl::patch_trigger(kSide);
    const auto finding = search_trigger(consortium, model_with(patch), 1);
    ASSERT_TRUE(finding.has_value()) << finding.error().context;
    EXPECT_EQ(finding->excess, 1.0);
    EXPECT_EQ(finding->best.value, 1.0);
    for (const std::size_t column : finding->best.columns) {
        EXPECT_NE(std::find(patch.columns.begin(), patch.columns.end(), column),
                  patch.columns.end());
    }
}

TEST(TriggerSearch, model_without_a_trigger_raises_no_alarm) {
    const Consortium consortium = images_with_a_bright_row();
    const auto finding = search_trigger(consortium, model_with({}), 1);
    ASSERT_TRUE(finding.has_value()) << finding.error().context;
    EXPECT_LT(finding->excess, kTriggerAlarm);
}

}  // namespace
}  // namespace consilium::lab
