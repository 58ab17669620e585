// The audit's cache: bounded between blocks, complete within one.
#include <gtest/gtest.h>

#include "explorer/audit_blobs.hpp"

namespace consilium::explorer {
namespace {

constexpr std::size_t kBlobBytes = 100;
constexpr std::size_t kRoom = 3 * kBlobBytes;

Bytes content_of(std::uint8_t number) {
    return Bytes(kBlobBytes, number);
}
Digest hash_of(std::uint8_t number) {
    return sha256(content_of(number));
}

// A node that has every blob of this test and counts what it is asked.
class BlobNode final : public NodeSource {
  public:
    [[nodiscard]] std::size_t size() const override { return 1; }
    [[nodiscard]] std::string name(std::size_t) const override { return "node"; }
    [[nodiscard]] Result<CertifiedBlock> block(std::size_t, Height) override {
        return make_error(ErrorCode::kNotFound, "no blocks here");
    }
    [[nodiscard]] Result<Bytes> blob(std::size_t, const Digest& hash, std::uint64_t) override {
        ++asked;
        for (std::uint8_t number = 0; number < 100; ++number) {
            if (hash_of(number) == hash) return content_of(number);
        }
        return make_error(ErrorCode::kNotFound, "no such blob");
    }
    [[nodiscard]] Result<Height> height(std::size_t) override { return Height{0}; }
    std::size_t asked = 0;
};

class AuditBlobCache : public ::testing::Test {
  protected:
    void fetch(std::uint8_t number) {
        const auto content = blobs.fetch(hash_of(number), kBlobBytes);
        ASSERT_TRUE(content != nullptr);
        EXPECT_EQ(*content, content_of(number));
    }
    [[nodiscard]] bool holds(std::uint8_t number) const {
        return blobs.get(hash_of(number)).has_value();
    }
    BlobNode node;
    AuditBlobs blobs{node, nullptr, kRoom};
};

TEST_F(AuditBlobCache, what_one_block_reads_stays_until_the_next_block_however_much_it_is) {
    blobs.begin_block();
    for (std::uint8_t number = 0; number < 20; ++number) fetch(number);
    for (std::uint8_t number = 0; number < 20; ++number) EXPECT_TRUE(holds(number));
    EXPECT_EQ(node.asked, 20U);
    blobs.begin_block();
    for (std::uint8_t number = 0; number < 17; ++number) EXPECT_FALSE(holds(number));
    for (std::uint8_t number = 17; number < 20; ++number) EXPECT_TRUE(holds(number));
}

// Execution asks for one missing blob at a time and begins again: it must come to an end.
TEST_F(AuditBlobCache, block_that_reads_old_and_new_blobs_is_complete_in_the_end) {
    for (std::uint8_t number = 0; number < 3; ++number) {
        blobs.begin_block();
        fetch(number);
    }
    blobs.begin_block();
    std::size_t attempts = 0;
    for (std::uint8_t missing = 0; missing < 8; ++attempts) {
        ASSERT_LT(attempts, 20U);
        for (missing = 0; missing < 8 && holds(missing);) ++missing;
        if (missing < 8) fetch(missing);
    }
    EXPECT_LE(attempts, 9U);
}

TEST_F(AuditBlobCache, oldest_blobs_of_earlier_blocks_go_first) {
    for (std::uint8_t number = 0; number < 5; ++number) {
        blobs.begin_block();
        fetch(number);
    }
    EXPECT_FALSE(holds(0) || holds(1));
    EXPECT_TRUE(holds(2) && holds(3) && holds(4));
    fetch(0);
    EXPECT_EQ(node.asked, 6U);
}

}  // namespace
}  // namespace consilium::explorer
