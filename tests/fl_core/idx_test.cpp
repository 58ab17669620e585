// Tests of the IDX reader: the grammar, its limits, truncations and flipped bits.
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/data/idx.hpp"

namespace consilium::fl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string bytes_of(std::initializer_list<int> values) {
    std::string out;
    for (const int value : values) out.push_back(static_cast<char>(value));
    return out;
}

// Three images of 1 x 2 pixels.
std::string sample_images() {
    return bytes_of({0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 51, 102, 153, 204});
}
std::string sample_labels() {
    return bytes_of({0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 1});
}
Result<Dataset> parse(std::string_view images, std::string_view labels) {
    return parse_idx({"images", images}, {"labels", labels});
}

TEST(Idx, pixels_become_features_between_zero_and_one) {
    const Result<Dataset> data = parse(sample_images(), sample_labels());
    ASSERT_TRUE(data.has_value()) << data.error().context;
    EXPECT_THAT(data->features, ElementsAre(0.0, 1.0, 0.2, 0.4, 0.6, 0.8));
    EXPECT_THAT(data->labels, ElementsAre(1, 0, 1));
    EXPECT_EQ(data->columns(), 2U);
}

TEST(Idx, every_truncation_and_every_longer_file_is_refused) {
    const std::string images = sample_images();
    const std::string labels = sample_labels();
    for (std::size_t length = 0; length < images.size(); ++length) {
        EXPECT_FALSE(parse(images.substr(0, length), labels).has_value()) << length;
    }
    for (std::size_t length = 0; length < labels.size(); ++length) {
        EXPECT_FALSE(parse(images, labels.substr(0, length)).has_value()) << length;
    }
    EXPECT_FALSE(parse(images + '\0', labels).has_value());
    EXPECT_FALSE(parse(images, labels + '\0').has_value());
}

TEST(Idx, a_flipped_bit_of_a_header_is_refused_and_of_a_pixel_changes_one_feature) {
    const std::string images = sample_images();
    const Dataset data = parse(images, sample_labels()).value();
    for (std::size_t bit = 0; bit < 8 * images.size(); ++bit) {
        std::string changed = images;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        const Result<Dataset> parsed = parse(changed, sample_labels());
        EXPECT_EQ(parsed.has_value(), bit / 8 >= 16) << bit;
        if (parsed) {
            EXPECT_NE(parsed->features, data.features) << bit;
        }
    }
}

TEST(Idx, a_flipped_bit_of_the_labels_is_refused_unless_it_swaps_the_class) {
    const std::string labels = sample_labels();
    for (std::size_t bit = 0; bit < 8 * labels.size(); ++bit) {
        std::string changed = labels;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_EQ(parse(sample_images(), changed).has_value(), bit / 8 >= 8 && bit % 8 == 0) << bit;
    }
}

TEST(Idx, a_header_that_promises_too_much_is_refused_before_memory_is_taken) {
    const std::string huge =
        bytes_of({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255});
    const Result<Dataset> data = parse(huge, sample_labels());
    ASSERT_FALSE(data.has_value());
    EXPECT_EQ(data.error().code, ErrorCode::kLimitExceeded);
    const std::string wide = bytes_of({0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 255, 255, 0, 0, 255, 255, 1});
    EXPECT_EQ(parse(wide, sample_labels()).error().code, ErrorCode::kLimitExceeded);
}

TEST(Idx, labels_of_another_set_are_named_in_the_message) {
    const Result<Dataset> data = parse(sample_images(), bytes_of({0, 0, 8, 1, 0, 0, 0, 1, 1}));
    ASSERT_FALSE(data.has_value());
    EXPECT_EQ(data.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(data.error().context, HasSubstr("labels: holds 1 labels for 3 images"));
}

std::filesystem::path data_folder() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment.
    const char* named = std::getenv("CONSILIUM_DATA_DIR");
    return named != nullptr ? named : CONSILIUM_SHARED_DATA;
}

TEST(Idx, chest_x_rays_have_their_published_counts) {
    const auto folder = data_folder();
    if (!std::filesystem::exists(folder / "pneumonia-test-images-idx3-ubyte")) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment.
        if (const char* required = std::getenv("CONSILIUM_REQUIRE_DATA");
            required != nullptr && *required == '1') {
            FAIL() << "CONSILIUM_REQUIRE_DATA=1, but there are no pneumonia files in " << folder;
        }
        GTEST_SKIP() << "SKIPPED: set CONSILIUM_DATA_DIR to the folder with pneumonia-*";
    }
    const Result<Dataset> data = load_idx(folder / "pneumonia-test-images-idx3-ubyte",
                                          folder / "pneumonia-test-labels-idx1-ubyte");
    ASSERT_TRUE(data.has_value()) << data.error().context;
    EXPECT_EQ(data->rows(), 624U);
    EXPECT_EQ(data->positives(), 390U);
    EXPECT_EQ(data->columns(), 784U);
}

}  // namespace
}  // namespace consilium::fl
