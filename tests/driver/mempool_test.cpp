// Order, fairness, limits, expiry and the censorship clock of the mempool.
#include "node/driver/mempool.hpp"

#include <gtest/gtest.h>

#include <set>

namespace consilium::driver {
namespace {

Candidate candidate(std::uint8_t account, std::uint64_t nonce) {
    Candidate made;
    made.transaction.sender.bytes[0] = account;
    made.transaction.nonce = nonce;
    made.transaction.valid_until = Height{50};
    made.id.bytes[0] = account;
    made.id.bytes[1] = static_cast<std::uint8_t>(nonce);
    made.size_bytes = 100;
    made.cost = 1;
    made.is_known_account = true;
    return made;
}

class MempoolTest : public ::testing::Test {
  protected:
    Mempool make(MempoolLimits limits = {}) {
        return Mempool(limits,
                       [this](const BlobKey& blob) { return eligible.contains(blob.hash); });
    }
    static std::vector<Digest> ids(const std::vector<const Waiting*>& list) {
        std::vector<Digest> result;
        for (const Waiting* waiting : list) result.push_back(waiting->candidate.id);
        return result;
    }
    static BlockBudget budget() {
        BlockBudget result;
        result.cost = 1'000;
        return result;
    }
    std::set<Digest> eligible;
};

TEST_F(MempoolTest, accounts_take_turns_and_nonces_ascend) {
    Mempool pool = make();
    for (std::uint64_t nonce = 0; nonce < 3; ++nonce) {
        ASSERT_TRUE(pool.add(candidate(1, nonce), Height{0}, 10).has_value());
    }
    ASSERT_TRUE(pool.add(candidate(2, 0), Height{0}, 10).has_value());
    const std::vector<Digest> expected = {candidate(1, 0).id, candidate(2, 0).id,
                                          candidate(1, 1).id, candidate(1, 2).id};
    EXPECT_EQ(ids(pool.select(budget())), expected);
    pool.rotate();  // account 1 was first, now it is 2
    EXPECT_EQ(ids(pool.select(budget())).front(), candidate(2, 0).id);
}

TEST_F(MempoolTest, a_gap_in_nonces_is_not_ready_until_it_is_filled) {
    Mempool pool = make();
    ASSERT_TRUE(pool.add(candidate(1, 1), Height{0}, 10).has_value());
    EXPECT_TRUE(pool.select(budget()).empty());
    EXPECT_FALSE(pool.oldest_clock_ms());
    ASSERT_TRUE(pool.add(candidate(1, 0), Height{0}, 20).has_value());
    EXPECT_EQ(pool.select(budget()).size(), 2U);
    EXPECT_EQ(pool.oldest_clock_ms(), 20U);
}

TEST_F(MempoolTest, limits_refuse_and_never_evict) {
    Mempool pool = make({.transactions = 3, .bytes = 250, .per_account = 2, .unknown_accounts = 1});
    ASSERT_TRUE(pool.add(candidate(1, 0), Height{0}, 0).has_value());
    EXPECT_EQ(pool.add(candidate(1, 0), Height{0}, 0).error().code, ErrorCode::kRefused);
    Candidate other = candidate(1, 0);
    other.id.bytes[5] = 1;
    EXPECT_EQ(pool.add(other, Height{0}, 0).error().code, ErrorCode::kRefused);
    ASSERT_TRUE(pool.add(candidate(1, 1), Height{0}, 0).has_value());
    EXPECT_EQ(pool.add(candidate(1, 2), Height{0}, 0).error().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(pool.add(candidate(2, 0), Height{0}, 0).error().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(pool.add(candidate(1, 64), Height{0}, 0).error().code, ErrorCode::kRefused);
    Candidate expired = candidate(3, 0);
    expired.transaction.valid_until = Height{5};
    EXPECT_EQ(pool.add(expired, Height{5}, 0).error().code, ErrorCode::kRefused);
    EXPECT_EQ(pool.size(), 2U);
    EXPECT_EQ(pool.bytes(), 200U);
}

TEST_F(MempoolTest, unknown_accounts_share_few_places) {
    Mempool pool = make({.unknown_accounts = 1});
    Candidate newcomer = candidate(1, 0);
    newcomer.is_known_account = false;
    ASSERT_TRUE(pool.add(newcomer, Height{0}, 0).has_value());
    Candidate second = candidate(2, 0);
    second.is_known_account = false;
    EXPECT_EQ(pool.add(second, Height{0}, 0).error().code, ErrorCode::kLimitExceeded);
    pool.advance(Height{1}, {{newcomer.transaction.sender, 1}}, 0);
    EXPECT_TRUE(pool.add(second, Height{1}, 0).has_value());
}

TEST_F(MempoolTest, a_block_removes_what_it_used_and_what_expired) {
    Mempool pool = make();
    ASSERT_TRUE(pool.add(candidate(1, 0), Height{0}, 0).has_value());
    ASSERT_TRUE(pool.add(candidate(1, 1), Height{0}, 0).has_value());
    Candidate shortlived = candidate(2, 0);
    shortlived.transaction.valid_until = Height{3};
    ASSERT_TRUE(pool.add(shortlived, Height{0}, 0).has_value());
    EXPECT_EQ(pool.advance(Height{2}, {{candidate(1, 0).transaction.sender, 1}}, 5), 0U);
    EXPECT_EQ(pool.size(), 2U);
    EXPECT_EQ(pool.find(candidate(1, 0).id), nullptr);
    EXPECT_EQ(pool.advance(Height{3}, {}, 6), 1U);
    EXPECT_EQ(pool.size(), 1U);
    EXPECT_EQ(pool.bytes(), 100U);
    EXPECT_EQ(pool.next_free_nonce(candidate(1, 0).transaction.sender, 1), 2U);
}

TEST_F(MempoolTest, a_blob_transaction_waits_for_its_blob_and_its_clock_starts_later) {
    Mempool pool = make({.blob_fetch_ms = 5'000});
    Candidate with_blob = candidate(1, 0);
    Digest hash;
    hash.bytes[0] = 9;
    with_blob.blobs.push_back({hash, 32});
    ASSERT_TRUE(pool.add(with_blob, Height{0}, 100).has_value());
    ASSERT_TRUE(pool.add(candidate(1, 1), Height{0}, 100).has_value());
    EXPECT_FALSE(pool.has_ready());
    EXPECT_EQ(pool.named_length(hash), 32U);
    eligible.insert(hash);
    pool.refresh_blob(hash, 300);
    EXPECT_EQ(pool.select(budget()).size(), 2U);
    EXPECT_EQ(pool.oldest_clock_ms(), 300U);  // of the second, which has no blob
    EXPECT_EQ(pool.oldest(5).back()->candidate.id, with_blob.id);
    eligible.clear();
    pool.refresh_all(400);
    EXPECT_FALSE(pool.has_ready());
}

TEST_F(MempoolTest, a_block_budget_ends_the_turn_of_an_account_only) {
    Mempool pool = make();
    Candidate heavy = candidate(1, 0);
    heavy.cost = 900;
    ASSERT_TRUE(pool.add(heavy, Height{0}, 0).has_value());
    ASSERT_TRUE(pool.add(candidate(1, 1), Height{0}, 0).has_value());
    ASSERT_TRUE(pool.add(candidate(2, 0), Height{0}, 0).has_value());
    BlockBudget small = budget();
    small.cost = 500;
    const std::vector<Digest> expected = {candidate(2, 0).id};
    EXPECT_EQ(ids(pool.select(small)), expected);
}

}  // namespace
}  // namespace consilium::driver
