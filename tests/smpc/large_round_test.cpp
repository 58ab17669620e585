// One round at the largest length the protocol has, d = 2^20, through every step: the mask batch,
// random projections and their proofs, norms, the sum.
#include <gtest/gtest.h>

#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::Consortium;
using testing::MemberState;
using testing::Posts;
using testing::TestRandom;
using Update = std::vector<std::int64_t>;

constexpr std::uint64_t kDimension = std::uint64_t{1} << 20;
constexpr std::uint32_t kNormBits = 22;
constexpr std::int64_t kB = std::int64_t{1} << kNormBits;
const Digest kSeedR = sha256(as_bytes("seed R"));
const Digest kSeedT = sha256(as_bytes("seed T"));

Update random_update(std::uint64_t seed) {
    TestRandom random(seed);
    Update update(kDimension);
    for (std::int64_t& value : update) value = random.between(-4000, 4000);
    return update;
}

TEST(LargeRound, a_million_coordinates_go_the_whole_way_and_the_sum_is_exact) {
    Consortium consortium(4, 3, kDimension);
    consortium.prepare_batch();
    ASSERT_EQ(consortium.certify().outcome, BatchOutcome::kCertified);
    // The last coordinate alone carries the whole norm of one client.
    Update edge(kDimension, 0);
    edge.back() = -kB;
    const std::vector<Update> updates{random_update(22), edge, random_update(23)};
    consortium.submit(updates, kNormBits);
    consortium.prove(kNormBits, kSeedR);

    const std::vector<ClientIndex> ids{1, 2, 3};
    const RangeStatement statement = consortium.range_statement(kNormBits, kSeedR);
    ASSERT_FALSE(statement.shape.is_small());
    const RangeVerifier verifier(statement.shape, statement.seed, kSeedT);
    const std::uint32_t blur_bits = default_blur_bits(consortium.committee, kNormBits);
    Posts stat1;
    Posts sums;
    for (const MemberState& member : consortium.members) {
        stat1[member.self] = consortium.stat_shares(member, blur_bits)
                                 .stat1(Consortium::client_shares(member, ids),
                                        consortium.range_shares(member, ids, verifier), {});
        AggregateTerms terms;
        for (const auto& share : member.shares) terms.shares.emplace_back(share);
        terms.weights.assign(ids.size(), 1);
        sums[member.self] = aggregate_share(consortium.kdf, consortium.committee, member.self,
                                            member.blur_ring, terms);
    }
    // One member lies in the last coordinate of the sum.
    sums[3].back() = Field61::add(sums[3].back(), 1);

    const auto opened = open_shares(consortium.committee, testing::posted(stat1));
    ASSERT_TRUE(opened.has_value());
    EXPECT_TRUE(opened->faults.empty());
    const Stat1Values values = read_stat1(Stat1Layout(ids.size(), false), opened->values);
    const std::int64_t beta = blur_bound(consortium.committee, blur_bits);
    for (std::size_t i = 0; i < updates.size(); ++i) {
        std::int64_t norm = 0;
        for (const std::int64_t value : updates[i]) norm += value * value;
        EXPECT_TRUE(values.is_in_range[i]) << i;
        EXPECT_LE(std::abs(values.norms[i] - norm), beta) << i;
        EXPECT_TRUE(norm_passes(values.norms[i], kNormBits)) << i;
    }

    const auto sum = open_shares(consortium.committee, testing::posted(sums));
    ASSERT_TRUE(sum.has_value());
    EXPECT_EQ(sum->faults, (std::vector<Fault>{{3, kDimension - 1}}));
    Update expected(kDimension);
    for (std::size_t x = 0; x < kDimension; ++x) {
        expected[x] = updates[0][x] + updates[1][x] + updates[2][x];
    }
    EXPECT_TRUE(read_aggregate(sum->values) == expected);
}

}  // namespace
}  // namespace consilium::smpc
