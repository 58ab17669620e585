// What the follower accepts, what it refuses, and what survives a restart.
#include "explorer/follower.hpp"

#include <gtest/gtest.h>

#include "explorer/database.hpp"
#include "tests/explorer/ledger.hpp"

namespace consilium::explorer::testing {
namespace {

constexpr TimeMs kNow{5'000};

struct Observer {
    explicit Observer(std::size_t nodes = 1)
        : source(test_ledger(), nodes),
          store(IndexStore::open(folder.file("index"), test_ledger().genesis, false).value()),
          follower(store, source) {}

    // Until there is nothing more to index.
    Progress follow() {
        Progress progress = Progress::kIndexed;
        while (progress == Progress::kIndexed) progress = follower.step(kNow);
        return progress;
    }
    [[nodiscard]] std::string diverged_check() const {
        const auto status = follower.status();
        return status.divergence ? status.divergence->what.check : "";
    }
    // The findings that the index keeps, as "kind/check/is_open".
    [[nodiscard]] std::vector<std::string> findings() const {
        auto database = Database::open(folder.file("index"), Database::Mode::kReader).value();
        std::vector<std::string> found;
        database.query("SELECT kind, check_name, is_open FROM divergences ORDER BY sequence", {},
                       [&](const Row& row) {
                           found.push_back(row.text(0) + "/" + row.text(1) + "/" + row.text(2));
                       });
        return found;
    }

    TempFolder folder;
    FakeSource source;
    IndexStore store;
    Follower follower;
};

// Changes block `height` of every node and has the quorum sign the result.
void forge(Observer& observer, Height height, std::function<void(Block&)> change) {
    observer.source.tamper = [height, change = std::move(change)](std::size_t,
                                                                  CertifiedBlock& block) {
        if (block.block.header.height != height) return;
        change(block.block);
        test_ledger().certify(block);
    };
}

TEST(FollowerTest, an_honest_chain_is_verified_to_its_end) {
    Observer observer;
    EXPECT_EQ(observer.follow(), Progress::kIdle);
    EXPECT_EQ(observer.store.head().header, test_ledger().blocks.back().block.header);
    EXPECT_EQ(observer.store.head().state.root(), observer.store.head().header.state_root);
    EXPECT_EQ(observer.follower.status().state, FollowState::kFollowing);
    EXPECT_TRUE(observer.findings().empty());
}

TEST(FollowerTest, shares_that_execution_needs_are_fetched_and_kept) {
    Observer observer;
    observer.follow();
    EXPECT_GT(observer.source.blobs_served, 0U);
    const std::size_t served = observer.source.blobs_served;
    auto again =
        IndexStore::open(observer.folder.file("index"), test_ledger().genesis, true).value();
    Follower follower(again, observer.source);
    while (follower.step(kNow) == Progress::kIndexed) {
    }
    EXPECT_EQ(again.head().header, observer.store.head().header);
    EXPECT_EQ(observer.source.blobs_served, served) << "a reindex needs no blob again";
}

TEST(FollowerTest, a_missing_blob_is_waited_for_and_is_no_divergence) {
    Observer observer;
    observer.source.has_blobs = false;
    EXPECT_EQ(observer.follow(), Progress::kUnreachable);
    EXPECT_EQ(observer.follower.status().state, FollowState::kStale);
    observer.source.has_blobs = true;
    EXPECT_EQ(observer.follow(), Progress::kIdle);
    EXPECT_EQ(observer.store.head().header.height, test_ledger().height());
}

TEST(FollowerTest, a_restart_resumes_after_the_last_indexed_block) {
    Observer observer;
    observer.source.served = Height{test_ledger().height().value / 2};
    observer.follow();
    const Height half = observer.store.head().header.height;
    auto reopened = IndexStore::open(observer.folder.file("index"), test_ledger().genesis, false);
    ASSERT_TRUE(reopened.has_value()) << reopened.error().context;
    EXPECT_EQ(reopened->head().header.height, half);
    observer.source.served = test_ledger().height();
    observer.source.blocks_served = 0;
    Follower follower(*reopened, observer.source);
    while (follower.step(kNow) == Progress::kIndexed) {
    }
    EXPECT_EQ(reopened->head().header, test_ledger().blocks.back().block.header);
    EXPECT_EQ(observer.source.blocks_served, test_ledger().height().value - half.value);
}

TEST(FollowerTest, a_state_that_was_changed_on_disk_is_found_at_start) {
    Observer observer;
    observer.follow();
    auto writer = Database::open(observer.folder.file("index"), Database::Mode::kWriter).value();
    writer.run("UPDATE state SET value = x'00' WHERE key = (SELECT MIN(key) FROM state)");
    ASSERT_TRUE(writer.outcome().has_value());
    const auto damaged =
        IndexStore::open(observer.folder.file("index"), test_ledger().genesis, false);
    ASSERT_FALSE(damaged.has_value());
    EXPECT_EQ(damaged.error().code, ErrorCode::kMismatch);
    EXPECT_NE(damaged.error().context.find("--reindex"), std::string::npos);
    EXPECT_TRUE(
        IndexStore::open(observer.folder.file("index"), test_ledger().genesis, true).has_value());
}

TEST(FollowerTest, an_index_of_another_chain_is_refused) {
    Observer observer;
    Genesis other = test_ledger().genesis;
    other.chain_id = "other-chain";
    const auto opened = IndexStore::open(observer.folder.file("index"), other, false);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::kMismatch);
}

TEST(FollowerTest, a_block_without_a_quorum_from_every_node_stops_following) {
    Observer observer;
    observer.source.tamper = [](std::size_t, CertifiedBlock& block) {
        if (block.block.header.height == Height{3}) block.certificate.signatures[0].bytes[5] ^= 1;
    };
    EXPECT_EQ(observer.follow(), Progress::kDiverged);
    EXPECT_EQ(observer.store.head().header.height, Height{2});
    EXPECT_EQ(observer.diverged_check(), "certificate");
    EXPECT_EQ(observer.follower.step(kNow), Progress::kDiverged);
}

TEST(FollowerTest, one_lying_node_is_named_and_the_other_followed) {
    Observer observer(2);
    observer.source.tamper = [](std::size_t node, CertifiedBlock& block) {
        if (node == 0 && block.block.header.height == Height{3}) block.certificate.signers = 1;
    };
    EXPECT_EQ(observer.follow(), Progress::kIdle);
    EXPECT_EQ(observer.store.head().header.height, test_ledger().height());
    EXPECT_EQ(observer.findings(), std::vector<std::string>{"unproven/certificate/0"});
    EXPECT_EQ(observer.follower.status().nodes[0].agrees, false);
}

TEST(FollowerTest, transactions_that_the_header_does_not_name_are_unproven) {
    Observer observer(2);
    observer.source.tamper = [](std::size_t node, CertifiedBlock& block) {
        if (node == 0 && !block.block.transactions.empty()) block.block.transactions.pop_back();
    };
    EXPECT_EQ(observer.follow(), Progress::kIdle);
    ASSERT_FALSE(observer.findings().empty());
    EXPECT_EQ(observer.findings()[0], "unproven/tx_root/0");
}

struct Forgery {
    const char* check;
    std::function<void(Block&)> change;
};
class ForgeryTest : public ::testing::TestWithParam<Forgery> {};
INSTANTIATE_TEST_SUITE_P(
    OfAQuorum, ForgeryTest,
    ::testing::Values(
        Forgery{"state_root", [](Block& block) { block.header.state_root.bytes[0] ^= 1; }},
        Forgery{"receipt_root", [](Block& block) { block.header.receipt_root.bytes[9] ^= 1; }},
        Forgery{"membership_hash",
                [](Block& block) { block.header.membership_hash.bytes[1] ^= 1; }},
        Forgery{"parent", [](Block& block) { block.header.parent.bytes[2] ^= 1; }},
        Forgery{"time", [](Block& block) { block.header.time = TimeMs{1}; }},
        Forgery{"protocol_version", [](Block& block) { ++block.header.protocol_version; }},
        Forgery{"proposer", [](Block& block) { block.header.proposer = ReplicaId{9}; }},
        Forgery{"transaction_signature",
                [](Block& block) {
                    block.transactions.at(0).signature.bytes[3] ^= 1;
                    block.header.tx_root = transaction_root(transaction_ids(block.transactions));
                }},
        Forgery{"inadmissible_transactions",
                [](Block& block) {
                    block.transactions.push_back(block.transactions.at(0));
                    block.header.tx_root = transaction_root(transaction_ids(block.transactions));
                }}),
    [](const auto& param_info) { return std::string(param_info.param.check); });

TEST_P(ForgeryTest, what_a_quorum_signed_against_execution_stops_following) {
    Observer observer(2);
    const Height height{2};
    ASSERT_FALSE(test_ledger().blocks[2].block.transactions.empty());
    forge(observer, height, GetParam().change);
    EXPECT_EQ(observer.follow(), Progress::kDiverged);
    EXPECT_EQ(observer.diverged_check(), GetParam().check);
    EXPECT_EQ(observer.store.head().header.height, Height{1}) << "nothing of the block is indexed";
    EXPECT_EQ(observer.findings(),
              std::vector<std::string>{"divergence/" + std::string(GetParam().check) + "/1"});
}

TEST(FollowerTest, a_divergence_is_remembered_until_the_block_can_be_verified) {
    Observer observer;
    forge(observer, Height{2}, [](Block& block) { block.header.state_root.bytes[0] ^= 1; });
    observer.follow();
    auto reopened =
        IndexStore::open(observer.folder.file("index"), test_ledger().genesis, false).value();
    Follower follower(reopened, observer.source);
    ASSERT_TRUE(follower.status().divergence.has_value());
    EXPECT_EQ(follower.step(kNow), Progress::kDiverged);
    observer.source.tamper = nullptr;
    Follower healed(reopened, observer.source);
    EXPECT_EQ(healed.step(kNow), Progress::kIndexed);
    EXPECT_FALSE(healed.status().divergence.has_value());
    EXPECT_EQ(observer.findings(), std::vector<std::string>{"divergence/state_root/0"});
}

TEST(FollowerTest, without_an_answer_the_index_is_stale_and_recovers) {
    Observer observer;
    observer.source.served = Height{4};
    observer.follow();
    observer.source.is_down = [](std::size_t) { return true; };
    EXPECT_EQ(observer.follower.step(TimeMs{9'000}), Progress::kUnreachable);
    const auto stale = observer.follower.status();
    EXPECT_EQ(stale.state, FollowState::kStale);
    EXPECT_EQ(stale.last_contact, kNow);
    EXPECT_NE(stale.problem.find("refused"), std::string::npos);
    observer.source.is_down = [](std::size_t) { return false; };
    EXPECT_EQ(observer.follower.step(TimeMs{9'500}), Progress::kIdle);
    EXPECT_EQ(observer.follower.status().state, FollowState::kFollowing);
}

TEST(FollowerTest, a_node_that_is_down_is_replaced_by_the_next) {
    Observer observer(3);
    observer.source.is_down = [](std::size_t node) { return node != 2; };
    EXPECT_EQ(observer.follow(), Progress::kIdle);
    EXPECT_EQ(observer.store.head().header.height, test_ledger().height());
    EXPECT_EQ(observer.follower.preferred_node(), 2U);
}

TEST(FollowerTest, cross_checks_go_round_and_find_the_same_chain) {
    Observer observer(3);
    observer.follow();
    for (int i = 0; i < 3; ++i) observer.follower.cross_check(kNow);
    for (const NodeView& view : observer.follower.status().nodes) {
        EXPECT_EQ(view.agrees, true) << view.name;
        EXPECT_EQ(view.compared, test_ledger().height());
    }
}

TEST(FollowerTest, what_a_node_claims_is_not_shown_once_it_is_silent_or_fallen_behind) {
    Observer observer(3);
    observer.follow();
    for (int i = 0; i < 3; ++i) observer.follower.cross_check(kNow);
    const auto view = [&](std::size_t node) { return observer.follower.status().nodes.at(node); };
    const Height top = test_ledger().height();
    EXPECT_EQ(view(1).height, top);
    // Silent to a check, and silent to the request for a block.
    observer.source.is_down = [](std::size_t node) { return node == 1; };
    for (int i = 0; i < 3; ++i) observer.follower.cross_check(kNow);
    EXPECT_FALSE(view(1).is_reachable);
    EXPECT_EQ(view(1).height, std::nullopt);
    EXPECT_EQ(view(2).height, top);
    observer.source.is_down = [](std::size_t) { return true; };
    EXPECT_EQ(observer.follow(), Progress::kUnreachable);
    for (std::size_t node = 0; node < 3; ++node) EXPECT_EQ(view(node).height, std::nullopt);
}

TEST(FollowerTest, a_claim_that_comes_to_nothing_is_taken_back) {
    Observer observer(2);
    observer.source.claimed = [](std::size_t) { return Height{1'000'000}; };
    observer.follower.cross_check(kNow);
    EXPECT_EQ(observer.follower.status().nodes[0].height, Height{1'000'000});
    EXPECT_EQ(observer.follow(), Progress::kIdle);
    EXPECT_EQ(observer.follower.status().nodes[0].height, test_ledger().height());
}

TEST(FollowerTest, a_silent_node_takes_no_turns_from_the_others_for_a_while) {
    Observer observer(3);
    observer.follow();
    observer.source.is_down = [](std::size_t node) { return node == 1; };
    std::vector<std::size_t> asked;
    observer.source.claimed = [&](std::size_t node) {
        asked.push_back(node);
        return test_ledger().height();
    };
    for (int i = 0; i < 7; ++i) observer.follower.cross_check(kNow);
    EXPECT_EQ(asked, (std::vector<std::size_t>{0, 1, 2, 0, 2, 0, 2}));
    asked.clear();
    const TimeMs later{kNow.value + Follower::kSilencePauseMs};
    for (int i = 0; i < 3; ++i) observer.follower.cross_check(later);
    EXPECT_EQ(asked, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(FollowerTest, another_uncertified_block_at_a_node_is_recorded_only) {
    Observer observer(2);
    observer.follow();
    observer.source.tamper = [](std::size_t node, CertifiedBlock& block) {
        if (node == 1) block.block.header.state_root.bytes[0] ^= 1;
    };
    observer.follower.cross_check(kNow);
    observer.follower.cross_check(kNow);
    observer.follower.cross_check(kNow);
    observer.follower.cross_check(kNow);
    EXPECT_EQ(observer.findings(), std::vector<std::string>{"unproven/block/0"});
    EXPECT_EQ(observer.follower.status().nodes[1].agrees, false);
    EXPECT_EQ(observer.follower.status().state, FollowState::kFollowing);
}

TEST(FollowerTest, two_certified_blocks_of_one_height_are_a_fork) {
    Observer observer(2);
    observer.follow();
    observer.source.tamper = [](std::size_t node, CertifiedBlock& block) {
        if (node != 1) return;
        block.block.header.state_root.bytes[0] ^= 1;
        test_ledger().certify(block);
    };
    observer.follower.cross_check(kNow);
    observer.follower.cross_check(kNow);
    EXPECT_EQ(observer.follower.status().state, FollowState::kDiverged);
    EXPECT_EQ(observer.findings(), std::vector<std::string>{"fork/block/1"});
}

}  // namespace
}  // namespace consilium::explorer::testing
