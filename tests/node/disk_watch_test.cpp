// When a disk counts as nearly full.
#include "node/disk_watch.hpp"

#include <gtest/gtest.h>

namespace consilium::node {
namespace {

constexpr std::uintmax_t kGibibyte = std::uintmax_t{1} << 30U;

bool is_scarce_with(std::uintmax_t capacity, std::uintmax_t available) {
    return is_scarce({.capacity = capacity, .free = capacity, .available = available});
}

TEST(DiskWatch, a_twentieth_of_a_small_disk_must_be_free) {
    EXPECT_FALSE(is_scarce_with(20 * kGibibyte, kGibibyte));
    EXPECT_TRUE(is_scarce_with(20 * kGibibyte, kGibibyte - 1));
}

TEST(DiskWatch, two_gibibytes_of_a_large_disk_must_be_free) {
    EXPECT_FALSE(is_scarce_with(1000 * kGibibyte, 2 * kGibibyte));
    EXPECT_TRUE(is_scarce_with(1000 * kGibibyte, 2 * kGibibyte - 1));
}

TEST(DiskWatch, a_disk_that_cannot_be_measured_is_not_refused) {
    DiskWatch watch("/no/such/folder");
    EXPECT_FALSE(watch.is_scarce());
}

}  // namespace
}  // namespace consilium::node
