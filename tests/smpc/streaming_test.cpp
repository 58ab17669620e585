// Work done part by part gives what the same work gives as a whole.
#include <gtest/gtest.h>

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

TEST_P(Streaming, interpolation_blob_by_blob_is_interpolation_of_all) {
    TestRandom random(33);
    const Committee committee = *Committee::make(GetParam());
    const std::vector<MemberIndex> nodes = first_posters(committee, {}).value();
    std::vector<std::vector<Element>> shares;
    std::vector<PostedShare> posts;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        shares.push_back(random_elements(random, kLength));
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) posts.push_back({nodes[i], shares[i]});
    for (const MemberIndex at : {MemberIndex{0}, MemberIndex{committee.n()}}) {
        std::vector<Element> sum(kLength, 0);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            ASSERT_TRUE(add_interpolated(nodes, i, at, encode_words(shares[i]), sum));
        }
        EXPECT_EQ(sum, interpolate_vector(posts, at));
    }
}

TEST(StreamingBlobs, a_malformed_blob_leaves_the_sum_as_it_was) {
    const std::vector<MemberIndex> nodes{1, 2};
    const std::vector<Element> values(kLength, 5);
    Bytes blob = encode_words(values);
    std::vector<Element> sum(kLength, 7);
    EXPECT_FALSE(add_interpolated(nodes, 0, 0, ByteView(blob).first(blob.size() - 8), sum));
    std::fill(blob.end() - 8, blob.end(), std::uint8_t{0xFF});
    EXPECT_FALSE(add_interpolated(nodes, 0, 0, blob, sum));
    EXPECT_EQ(sum, std::vector<Element>(kLength, 7));
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
