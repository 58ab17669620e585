// The small file of keys that are overwritten in place.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "tests/wallet/temporary_directory.hpp"
#include "wallet/keystore/erasable_keys.hpp"

namespace consilium::keystore {
namespace {

class KeyRing : public ::testing::Test {
  protected:
    [[nodiscard]] ErasableKeys open() const { return ErasableKeys::open(path_.string()).value(); }
    [[nodiscard]] Bytes content() const {
        std::ifstream in(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    [[nodiscard]] bool holds(const SecretArray<32>& key) const {
        const Bytes all = content();
        const auto part = key.view();
        return std::search(all.begin(), all.end(), part.begin(), part.end()) != all.end();
    }
    [[nodiscard]] ino_t inode() const {
        struct stat info {};
        EXPECT_EQ(::stat(path_.c_str(), &info), 0);
        return info.st_ino;
    }
    const wallet_tests::TemporaryDirectory folder_;
    const std::filesystem::path path_ = folder_.path() / "keys.ring";
};

TEST_F(KeyRing, drawn_key_is_found_again_also_after_reopening_and_gone_once_erased) {
    ErasableKeys ring = open();
    const auto drawn = ring.draw().value();
    const auto other = ring.draw().value();
    EXPECT_FALSE(constant_time_equal(drawn.key.view(), other.key.view()));
    EXPECT_TRUE(constant_time_equal(open().find(drawn.place)->view(), drawn.key.view()));
    EXPECT_TRUE(holds(drawn.key));
    ASSERT_TRUE(ring.erase(drawn.place));
    EXPECT_FALSE(holds(drawn.key));
    EXPECT_EQ(ring.find(drawn.place).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(open().find(drawn.place).error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(constant_time_equal(ring.find(other.place)->view(), other.key.view()));
    EXPECT_TRUE(ring.erase(drawn.place));
    EXPECT_EQ(open().size(), 1U);
}

TEST_F(KeyRing, file_is_overwritten_in_place_and_never_replaced) {
    ErasableKeys ring = open();
    const ino_t before = inode();
    const std::size_t size = content().size();
    for (int i = 0; i < 200; ++i) {
        const auto drawn = ring.draw().value();
        ASSERT_TRUE(ring.erase(drawn.place));
    }
    EXPECT_EQ(inode(), before);
    EXPECT_EQ(content().size(), size);
    const Bytes all = content();
    EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](std::uint8_t byte) { return byte == 0; }));
    EXPECT_EQ(std::filesystem::status(path_).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(KeyRing, slot_that_is_used_again_does_not_stand_for_the_older_key) {
    ErasableKeys ring = open();
    const auto old = ring.draw().value();
    ASSERT_TRUE(ring.erase(old.place));
    const auto fresh = ring.draw().value();
    ASSERT_EQ(fresh.place.slot, old.place.slot);
    EXPECT_EQ(ring.find(old.place).error().code, ErrorCode::kNotFound);
    EXPECT_TRUE(ring.erase(old.place));  // erases nothing
    EXPECT_TRUE(ring.find(fresh.place));
}

TEST_F(KeyRing, keys_of_nothing_are_erased_and_the_others_stay) {
    ErasableKeys ring = open();
    const auto kept = ring.draw().value();
    const auto orphan = ring.draw().value();
    KeyPlace stale = kept.place;
    stale.slot = 2;
    ASSERT_TRUE(ring.keep_only({kept.place, stale}));
    EXPECT_TRUE(ring.find(kept.place));
    EXPECT_FALSE(ring.find(orphan.place));
    EXPECT_FALSE(holds(orphan.key));
    EXPECT_EQ(ring.size(), 1U);
}

TEST_F(KeyRing, grows_to_its_bound_and_no_further) {
    ErasableKeys ring = open();
    std::vector<ErasableKeys::Drawn> all;
    for (std::size_t i = 0; i < 200; ++i) all.push_back(ring.draw().value());
    for (const auto& drawn : all) {
        EXPECT_TRUE(constant_time_equal(open().find(drawn.place)->view(), drawn.key.view()));
    }
    EXPECT_EQ(ring.size(), 200U);
    EXPECT_LE(content().size(), ErasableKeys::kSlotsMax * ErasableKeys::kSlotBytes);
    std::filesystem::resize_file(path_, (ErasableKeys::kSlotsMax + 1) * ErasableKeys::kSlotBytes);
    EXPECT_EQ(ErasableKeys::open(path_.string()).error().code, ErrorCode::kLimitExceeded);
}

TEST_F(KeyRing, file_that_others_may_read_is_refused) {
    (void)open();
    std::filesystem::permissions(path_, std::filesystem::perms::group_read,
                                 std::filesystem::perm_options::add);
    EXPECT_EQ(ErasableKeys::open(path_.string()).error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace consilium::keystore
