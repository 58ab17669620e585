// Exhaustive quorum arithmetic: no split of the votes certifies two blocks at one height.
#include <gtest/gtest.h>

#include "consensus/vote_book.hpp"
#include "core/membership.hpp"

namespace consilium::consensus {
namespace {

constexpr std::size_t kSmallest = 4;
constexpr std::size_t kLargest = 13;

// f members vote for both blocks, each to those who count that block; of the correct members the
// first `for_first` saw the one block, the others the other. Whether a threshold certifies both.
bool forks(std::size_t n, std::size_t for_first, std::size_t threshold) {
    const std::size_t f = fault_bound(n);
    const Digest blocks[] = {sha256(as_bytes("one")), sha256(as_bytes("other"))};
    std::size_t certified = 0;
    for (std::size_t side = 0; side < 2; ++side) {
        VoteBook book;
        for (std::uint16_t id = 0; id < n; ++id) {
            const bool is_faulty = id < f;
            const bool is_first = id < f + for_first;
            const std::size_t choice = is_faulty ? side : (is_first ? 0 : 1);
            book.add(View{0}, ReplicaId{id}, {blocks[choice], {}});
        }
        const auto quorum = book.quorum_in(View{0}, threshold);
        if (quorum && quorum->digest == blocks[side]) ++certified;
    }
    return certified == 2;
}

bool forks_for_some_split(std::size_t n, std::size_t threshold) {
    for (std::size_t split = 0; split <= n - fault_bound(n); ++split) {
        if (forks(n, split, threshold)) return true;
    }
    return false;
}

TEST(Quorum, no_two_certificates_at_one_height_for_4_to_13_members) {
    for (std::size_t n = kSmallest; n <= kLargest; ++n) {
        EXPECT_FALSE(forks_for_some_split(n, quorum_size(n))) << n;
        EXPECT_LE(quorum_size(n), n - fault_bound(n))
            << "correct members alone must suffice: " << n;
        EXPECT_EQ(forks_for_some_split(n, quorum_size(n) - 1), true) << "it is the smallest: " << n;
    }
}

TEST(Quorum, two_f_plus_one_would_fork_exactly_where_n_is_not_three_f_plus_one_far_enough) {
    std::vector<std::size_t> forking;
    for (std::size_t n = kSmallest; n <= kLargest; ++n) {
        if (forks_for_some_split(n, 2 * fault_bound(n) + 1)) forking.push_back(n);
    }
    EXPECT_EQ(forking, (std::vector<std::size_t>{5, 6, 8, 9, 11, 12}));
}

TEST(VoteBook, first_vote_of_a_member_counts_and_old_views_of_a_flooder_go) {
    VoteBook book;
    const Digest digest = sha256(as_bytes("block"));
    EXPECT_EQ(book.add(View{0}, ReplicaId{1}, {digest, {}}), VoteBook::Outcome::kCounted);
    EXPECT_EQ(book.add(View{0}, ReplicaId{1}, {digest, {}}), VoteBook::Outcome::kDuplicate);
    EXPECT_EQ(book.add(View{0}, ReplicaId{1}, {Digest{}, {}}), VoteBook::Outcome::kConflict);
    EXPECT_EQ(book.vote_of(View{0}, ReplicaId{1})->digest, digest);
    for (std::uint64_t view = 1; view < 10; ++view) {
        EXPECT_EQ(book.add(View{view}, ReplicaId{1}, {digest, {}}), VoteBook::Outcome::kCounted);
        EXPECT_LE(book.size(), kMaxViewsPerMember);
    }
    EXPECT_EQ(book.add(View{1}, ReplicaId{1}, {digest, {}}), VoteBook::Outcome::kOverQuota);
    EXPECT_EQ(book.vote_of(View{9}, ReplicaId{1})->digest, digest);
}

}  // namespace
}  // namespace consilium::consensus
