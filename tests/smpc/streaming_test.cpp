// Work done part by part gives what the same work gives as a whole.
#include <gtest/gtest.h>

#include "fl_engine/smpc/stored_share.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::secret_from;
using testing::TestRandom;

constexpr std::size_t kLength = 9001;  // more than two tiles, no multiple of a vector

std::vector<Element> random_elements(TestRandom& random, std::size_t length) {
    std::vector<Element> values(length);
    for (Element& value : values) value = element_of_word(random.word());
    return values;
}

std::vector<Prg> streams_of(const Committee& committee, MemberIndex self) {
    std::vector<Prg> streams;
    for (const SubsetRank rank : committee.subsets_of(self)) {
        streams.push_back(Prg::expand(sha256(as_bytes("stream" + std::to_string(rank)))));
    }
    return streams;
}

class Streaming : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Committees, Streaming, ::testing::Values(4U, 7U, 10U));

TEST_P(Streaming, a_share_stream_cut_anywhere_gives_the_same_elements) {
    TestRandom random(31);
    const Committee committee = *Committee::make(GetParam());
    ShareStream whole(committee, 2, streams_of(committee, 2));
    std::vector<Element> expected(kLength);
    whole.next(expected);
    ShareStream parts(committee, 2, streams_of(committee, 2));
    std::vector<Element> given(kLength, 3);
    for (std::size_t start = 0; start < kLength;) {
        const auto wanted = static_cast<std::size_t>(random.between(0, 3000));
        const std::size_t size = std::min(kLength - start, wanted);
        parts.next(std::span(given).subspan(start, size));
        start += size;
    }
    EXPECT_EQ(given, expected);
}

TEST_P(Streaming, every_element_is_the_sum_over_subsets) {
    const Committee committee = *Committee::make(GetParam());
    std::vector<Element> expected(kLength, 0);
    std::vector<Prg> streams = streams_of(committee, 3);
    for (std::size_t a = 0; a < streams.size(); ++a) {
        const Element factor = committee.coefficient(committee.subsets_of(3)[a], 3);
        std::vector<Element> words(kLength);
        streams[a].fill_elements(words);
        for (std::size_t x = 0; x < kLength; ++x) {
            expected[x] = Field61::add(expected[x], Field61::mul(words[x], factor));
        }
    }
    ShareStream stream(committee, 3, streams_of(committee, 3));
    std::vector<Element> given(kLength);
    stream.next(given);
    EXPECT_EQ(given, expected);
}

TEST_P(Streaming, a_blob_plus_a_stream_is_the_sum_and_a_malformed_blob_is_refused) {
    TestRandom random(32);
    const Committee committee = *Committee::make(GetParam());
    const std::vector<Element> values = random_elements(random, kLength);
    Bytes blob = encode_words(values);
    ShareStream mask(committee, 1, streams_of(committee, 1));
    std::vector<Element> expected(kLength);
    mask.next(expected);
    add_vectors(values, expected, expected);
    ShareStream stream(committee, 1, streams_of(committee, 1));
    const auto share = add_stream_to_blob(stream, blob, kLength);
    ASSERT_TRUE(share.has_value());
    EXPECT_TRUE(std::equal(share->begin(), share->end(), expected.begin(), expected.end()));

    ShareStream other(committee, 1, streams_of(committee, 1));
    EXPECT_FALSE(add_stream_to_blob(other, blob, kLength - 1).has_value());
    EXPECT_FALSE(add_stream_to_blob(other, ByteView(blob).first(blob.size() - 1), kLength));
    std::fill(blob.end() - 8, blob.end(), std::uint8_t{0xFF});  // a last word above p
    EXPECT_FALSE(add_stream_to_blob(other, blob, kLength).has_value());
}

// A stored blob that notes the largest part anybody reads, and may refuse to be read.
class WatchedBlob final : public BlobContent {
  public:
    WatchedBlob(Bytes content, std::size_t& largest_read, std::size_t reads_left = SIZE_MAX)
        : content_(std::move(content)), largest_read_(largest_read), reads_left_(reads_left) {}
    [[nodiscard]] std::size_t size_bytes() const override { return content_.size_bytes(); }
    [[nodiscard]] Result<void> read(std::size_t offset,
                                    std::span<std::uint8_t> out) const override {
        if (reads_left_ == 0) return make_error(ErrorCode::kUnavailable, "no more");
        --reads_left_;
        largest_read_ = std::max(largest_read_, out.size());
        return content_.read(offset, out);
    }

  private:
    HeldBlob content_;
    std::size_t& largest_read_;
    mutable std::size_t reads_left_;
};

// Shares of a random vector, of which the first `liars` members' are wrong at two places.
testing::Posts random_posts(const Committee& committee, TestRandom& random, std::size_t length,
                            std::uint32_t liars) {
    testing::Posts posts;
    for (MemberIndex k = 1; k <= committee.n(); ++k) posts[k].resize(length);
    for (std::size_t x = 0; x < length; ++x) {
        std::vector<Element> polynomial(committee.t() + std::size_t{1});
        for (Element& c : polynomial) c = element_of_word(random.word());
        for (auto& [k, values] : posts) {
            for (std::size_t i = polynomial.size(); i-- > 0;) {
                values[x] = Field61::add(Field61::mul(values[x], k), polynomial[i]);
            }
        }
    }
    for (MemberIndex k = 1; k <= liars; ++k) {
        for (const std::size_t x : {length - k, length / 2 + k}) {
            posts[k][x] = Field61::add(posts[k][x], 1 + random.word() % 10);
        }
    }
    return posts;
}

struct StoredPosts {
    std::vector<std::unique_ptr<StoredShare>> shares;
    std::vector<PostedShare> posts;
    std::size_t largest_read = 0;
    explicit StoredPosts(const testing::Posts& from) {
        for (const auto& [member, values] : from) {
            auto blob = std::make_unique<WatchedBlob>(encode_words(values), largest_read);
            shares.push_back(std::make_unique<StoredShare>(Digest{}, std::move(blob)));
            posts.push_back({member, ShareValues(*shares.back())});
        }
    }
};

TEST_P(Streaming, stored_vectors_open_like_vectors_in_memory_and_never_lie_there_as_a_whole) {
    TestRandom random(33);
    const Committee committee = *Committee::make(GetParam());
    for (std::uint32_t liars = 0; liars <= committee.t() + 1; ++liars) {
        const testing::Posts posts = random_posts(committee, random, kLength, liars);
        const StoredPosts stored(posts);
        const auto expected = open_shares(committee, testing::posted(posts));
        const auto opened = find_base(committee, stored.posts);
        ASSERT_EQ(expected.has_value(), liars <= committee.t());
        ASSERT_EQ(opened.has_value(), expected.has_value());
        EXPECT_EQ(stored.largest_read, kShareTile * sizeof(Element));
        if (!opened) continue;
        EXPECT_EQ(opened->base, expected->base);
        EXPECT_EQ(opened->faults, expected->faults);
        std::vector<PostedShare> base;
        for (const MemberIndex member : opened->base) base.push_back(stored.posts[member - 1]);
        std::vector<Element> values;
        InterpolationStream stream(base, 0);
        for (auto tile = stream.next(); !tile.empty(); tile = stream.next()) {
            values.insert(values.end(), tile.begin(), tile.end());
        }
        EXPECT_EQ(values, expected->values);
        EXPECT_EQ(interpolated_digest(base), opened_digest(values));
        for (const PostedShare& late : stored.posts) {
            const auto fault = check_late_share(base, late);
            const auto& faults = expected->faults;
            EXPECT_EQ(fault.has_value(), late.member <= liars);
            if (!fault) continue;
            EXPECT_NE(std::find(faults.begin(), faults.end(), *fault), faults.end());
        }
        EXPECT_EQ(stored.largest_read, kShareTile * sizeof(Element));
    }
}

// Whenever the store fails, during whichever pass, the caller can tell; nothing hangs or stops.
TEST(StreamingBlobs, a_vector_that_cannot_be_read_to_its_end_says_so) {
    TestRandom random(35);
    const Committee committee = *Committee::make(4);
    for (const std::uint32_t liars : {0U, 1U}) {
        const testing::Posts posts = random_posts(committee, random, kLength, liars);
        std::size_t failures = 0;
        for (std::size_t reads = 0; reads < 40; ++reads) {
            StoredPosts stored(posts);
            auto blob = std::make_unique<WatchedBlob>(encode_words(posts.at(2)),
                                                      stored.largest_read, reads);
            stored.shares[1] = std::make_unique<StoredShare>(Digest{}, std::move(blob));
            stored.posts[1].values = ShareValues(*stored.shares[1]);
            const auto opened = find_base(committee, stored.posts);
            failures += stored.shares[1]->has_failed() ? 1U : 0U;
            if (!stored.shares[1]->has_failed()) {
                EXPECT_EQ(opened->faults.size(), liars);
            }
        }
        EXPECT_GE(failures, 3U);  // the vector has three tiles
        EXPECT_LT(failures, 40U);
    }
}

TEST(StreamingBlobs, a_word_that_is_no_element_is_a_failure_from_then_on) {
    Bytes blob = encode_words(std::vector<Element>(3, 5));
    std::fill(blob.end() - 8, blob.end(), std::uint8_t{0xFF});
    std::size_t largest_read = 0;
    const StoredShare share(Digest{}, std::make_unique<WatchedBlob>(blob, largest_read));
    std::vector<Element> out(2, 7);
    share.read(0, out);
    EXPECT_EQ(out, (std::vector<Element>{5, 5}));
    EXPECT_FALSE(share.has_failed());
    share.read(1, out);
    EXPECT_EQ(out, (std::vector<Element>{0, 0}));
    EXPECT_TRUE(share.has_failed());
    share.read(0, out);
    EXPECT_EQ(out, (std::vector<Element>{0, 0}));
}

TEST(StreamingBlobs, digest_of_an_opened_sum_needs_no_copy) {
    TestRandom random(34);
    for (const std::size_t length : {0UL, 1UL, kTileElements, kLength}) {
        const std::vector<Element> opened = random_elements(random, length);
        EXPECT_EQ(opened_digest(opened), aggregate_digest(read_aggregate(opened)));
    }
}

TEST_P(Streaming, an_aggregate_cut_anywhere_is_the_aggregate_share) {
    TestRandom random(35);
    const Committee committee = *Committee::make(GetParam());
    const Kdf kdf("streaming");
    std::vector<BlurRoundKey> ring;
    for (const SubsetRank rank : committee.subsets_of(1)) {
        ring.emplace_back(secret_from("blur" + std::to_string(rank)));
    }
    std::vector<std::vector<Element>> shares;
    for (int i = 0; i < 3; ++i) shares.push_back(random_elements(random, kLength));
    for (const auto& weights : {std::vector<std::uint32_t>{2, 2, 2}, {4096, 3743, 1}}) {
        const AggregateTerms terms{{shares.begin(), shares.end()}, weights};
        const std::vector<Element> expected = aggregate_share(kdf, committee, 1, ring, terms);
        AggregateStream stream(kdf, committee, 1, ring, terms);
        std::vector<Element> given(kLength);
        for (std::size_t start = 0; start < kLength;) {
            const auto wanted = static_cast<std::size_t>(random.between(0, 5000));
            const std::size_t size = std::min(kLength - start, wanted);
            stream.next(std::span(given).subspan(start, size));
            start += size;
        }
        EXPECT_EQ(given, expected);
    }
}

}  // namespace
}  // namespace consilium::smpc
