// One driver alone: opening stores, submissions, sync with honest and lying peers, failing disks.
#include "node/driver/driver.hpp"

#include <gtest/gtest.h>

#include "consensus/evidence.hpp"
#include "node/driver/chain.hpp"
#include "tests/driver/fixture.hpp"

namespace consilium::driver {
namespace {

using testing::certify;
using testing::key_of;
using testing::make_genesis;
using testing::make_transaction;
using testing::RecordingEnv;

constexpr std::size_t kObserver = 60;

Now at(std::uint64_t ms) {
    return {ms, TimeMs{10'000 + ms}};
}

DriverOptions options_for(std::size_t own) {
    DriverOptions options;
    options.genesis = make_genesis();
    options.own_key = key_of(own);
    options.first_start = true;
    options.nonce = 42;
    return options;
}

std::unique_ptr<Driver> open(RecordingEnv& env, std::size_t own) {
    auto opened = Driver::open(options_for(own), env, at(0));
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().context);
    auto driver = std::move(*opened);
    driver->start(at(0));
    env.sent.clear();
    return driver;
}

// A chain of certified blocks that some other node has.
std::vector<CertifiedBlock> make_blocks(std::size_t count, std::size_t signers = 3) {
    RecordingEnv env{1};
    auto chain = Chain::open(make_genesis(), env);
    CHECK(chain.has_value());
    std::vector<CertifiedBlock> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        auto executed =
            chain->assemble({ReplicaId{0}, TimeMs{2'000 + i}}, {make_transaction(i % 4, i / 4)});
        CHECK(executed.has_value());
        const Certificate certificate = certify(chain->identity(), executed->block.header, signers);
        blocks.push_back({executed->block, certificate});
        CHECK(chain->commit(std::move(*executed), certificate, true).has_value());
    }
    return blocks;
}

void deliver(Driver& driver, std::size_t from, const PeerMessage& message, std::uint64_t ms) {
    const Frame frame = encode_frame(message);
    driver.handle(PeerFrame{key_of(from), frame.kind, *frame.payload}, at(ms));
}

void submit(Driver& driver, RecordingEnv& env, const Transaction& transaction) {
    driver.handle(SubmitTransaction{7, encode(transaction), {}}, at(10));
    while (!env.open_checks.empty()) driver.handle(env.take_answer(), at(11));
}

TEST(Driver, an_empty_store_gets_the_genesis_block_and_opens_again) {
    RecordingEnv env{0};
    const Digest root = open(env, 0)->state().root();
    EXPECT_EQ(env.disk.content().blocks.size(), 1U);
    auto again = open(env, 0);
    EXPECT_EQ(again->state().root(), root);
    EXPECT_EQ(again->head().header.height, Height{0});
}

TEST(Driver, a_store_of_another_chain_is_refused) {
    RecordingEnv env{0};
    open(env, 0);
    DriverOptions options = options_for(0);
    options.genesis.chain_id = "other";
    EXPECT_EQ(Driver::open(options, env, at(0)).error().code, ErrorCode::kMismatch);
}

TEST(Driver, a_damaged_state_is_refused) {
    RecordingEnv env{0};
    open(env, 0);
    auto content = env.disk.content();
    content.state.begin()->second.push_back(1);
    env.disk.restore(content);
    EXPECT_EQ(Driver::open(options_for(0), env, at(0)).error().code, ErrorCode::kMismatch);
}

TEST(Driver, a_damaged_certificate_of_a_recent_block_is_refused) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 1, StatusMessage{Height{2}, false}, 1);
    deliver(*driver, 1, BlockResponse{Height{1}, make_blocks(2)}, 2);
    ASSERT_EQ(driver->head().header.height, Height{2});
    auto content = env.disk.content();
    content.blocks[1].certificate.signatures[0].bytes[0] ^= 1;
    env.disk.restore(content);
    EXPECT_EQ(Driver::open(options_for(kObserver), env, at(0)).error().code,
              ErrorCode::kInvalidSignature);
}

TEST(Driver, a_submitted_transaction_is_checked_kept_and_relayed) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    const Transaction transaction = make_transaction(0, 0);
    submit(*driver, env, transaction);
    ASSERT_EQ(env.submissions.size(), 1U);
    EXPECT_EQ(env.submissions[0].status, SubmissionStatus::kAccepted);
    EXPECT_EQ(env.submissions[0].ticket, 7U);
    EXPECT_TRUE(driver->is_waiting(transaction_id(transaction)));
    EXPECT_EQ(driver->next_nonce(transaction.sender), 1U);
    EXPECT_EQ(env.take<TransactionRelay>().size(), 3U);
    submit(*driver, env, transaction);
    EXPECT_EQ(env.submissions.back().status, SubmissionStatus::kDuplicate);
}

TEST(Driver, bad_transactions_are_refused_with_a_reason) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    Transaction forged = make_transaction(0, 0);
    forged.signature.bytes[1] ^= 1;
    submit(*driver, env, forged);
    EXPECT_EQ(env.submissions.back().error.code, ErrorCode::kInvalidSignature);
    Transaction foreign = make_transaction(0, 0);
    foreign.chain_id = "other";
    submit(*driver, env, foreign);
    EXPECT_EQ(env.submissions.back().error.context, "wrong_chain");
    driver->handle(SubmitTransaction{8, {1, 2, 3}, {}}, at(12));
    EXPECT_EQ(env.submissions.back().error.code, ErrorCode::kMalformed);
    EXPECT_EQ(driver->status().waiting_transactions, 0U);
}

TEST(Driver, a_relayed_transaction_with_a_bad_signature_costs_the_peer) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    Transaction forged = make_transaction(0, 0);
    forged.signature.bytes[1] ^= 1;
    deliver(*driver, 2, TransactionRelay{{forged, make_transaction(1, 0)}}, 5);
    driver->handle(env.take_answer(), at(6));
    EXPECT_EQ(env.invalid, std::vector<PublicKey>{key_of(2)});
    EXPECT_TRUE(driver->is_waiting(transaction_id(make_transaction(1, 0))));
}

TEST(Driver, garbage_frames_are_counted_and_change_nothing) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    driver->handle(PeerFrame{key_of(1), FrameKind::kVote, {}}, at(1));
    driver->handle(PeerFrame{key_of(1), FrameKind::kSync, {200, 1}}, at(2));
    deliver(*driver, 1, VoteMessage{{1, 2, 3}}, 3);
    EXPECT_EQ(driver->status().invalid_messages, 3U);
    EXPECT_EQ(env.invalid.size(), 3U);
}

TEST(Driver, letters_of_members_reach_the_worker_and_those_of_observers_do_not) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    deliver(*driver, 2, WorkerLetter{{1, 2, 3}}, 1);
    deliver(*driver, kObserver, WorkerLetter{{4}}, 2);
    ASSERT_EQ(env.letters.size(), 1U);
    EXPECT_EQ(env.letters[0], std::pair(key_of(2), Bytes{1, 2, 3}));
    EXPECT_TRUE(env.invalid.empty());
    deliver(*driver, 2, WorkerLetter{Bytes(limits::kWorkerLetterBytes)}, 3);
    EXPECT_EQ(env.letters.size(), 2U);
}

TEST(Driver, a_blob_that_nobody_names_is_refused) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    driver->handle(SubmitBlob{9, key_of(70), {1, 2, 3}}, at(1));
    EXPECT_EQ(env.submissions.back().status, SubmissionStatus::kRefused);
    EXPECT_FALSE(driver->wanted_blob(sha256(Bytes{1, 2, 3}), key_of(70)));
    EXPECT_TRUE(env.disk.content().blobs.empty());
}

TEST(Driver, an_observer_follows_certified_blocks) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    EXPECT_EQ(driver->status().mode, DriverMode::kObserving);
    deliver(*driver, 1, StatusMessage{Height{5}, false}, 1);
    ASSERT_EQ(env.take<BlockRequest>().size(), 1U);
    deliver(*driver, 2, StatusMessage{Height{5}, false}, 1);
    EXPECT_EQ(driver->status().mode, DriverMode::kSyncing);
    deliver(*driver, 1, BlockResponse{Height{1}, make_blocks(5)}, 2);
    EXPECT_EQ(driver->head().header.height, Height{5});
    EXPECT_EQ(env.committed_heights.size(), 5U);
    EXPECT_EQ(driver->status().mode, DriverMode::kObserving);
}

TEST(Driver, a_block_without_a_quorum_is_refused_and_another_peer_asked) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 1, StatusMessage{Height{2}, false}, 1);
    deliver(*driver, 2, StatusMessage{Height{2}, false}, 1);
    env.sent.clear();
    deliver(*driver, 1, BlockResponse{Height{1}, make_blocks(2, 2)}, 2);
    EXPECT_EQ(driver->head().header.height, Height{0});
    EXPECT_EQ(env.invalid, std::vector<PublicKey>{key_of(1)});
    const auto again = env.take<BlockRequest>();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].first, key_of(2));
    deliver(*driver, 2, BlockResponse{Height{1}, make_blocks(2)}, 3);
    EXPECT_EQ(driver->head().header.height, Height{2});
}

TEST(Driver, a_valid_prefix_with_other_transactions_behind_is_cut_there) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 3, StatusMessage{Height{3}, false}, 1);
    auto blocks = make_blocks(3);
    blocks[2].block.transactions[0] = make_transaction(3, 0);
    deliver(*driver, 3, BlockResponse{Height{1}, blocks}, 2);
    EXPECT_EQ(driver->head().header.height, Height{2});
    EXPECT_EQ(env.invalid, std::vector<PublicKey>{key_of(3)});
    EXPECT_FALSE(env.has_reported(ReportKind::kStateMismatch));
}

TEST(Driver, a_silent_peer_and_absurd_claims_do_not_hold_up_sync) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 1, StatusMessage{Height{1ULL << 40U}, false}, 1);
    EXPECT_TRUE(env.take<BlockRequest>().empty());
    deliver(*driver, 1, StatusMessage{Height{9'000'000}, false}, 1);
    ASSERT_EQ(env.take<BlockRequest>().size(), 1U);
    deliver(*driver, 2, StatusMessage{Height{2}, false}, 2);
    driver->handle(TimerFired{}, at(limits::kSyncTimeoutMs + 5));
    const auto again = env.take<BlockRequest>();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].first, key_of(2));
}

TEST(Driver, a_lone_liar_makes_no_node_call_itself_late) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    for (std::uint64_t ms = 1; ms < 20'000; ms += 1'000) {
        deliver(*driver, 1, StatusMessage{Height{1ULL << 32U}, false}, ms);
        driver->handle(TimerFired{}, at(ms + 500));
        EXPECT_EQ(driver->status().mode, DriverMode::kVoting);
    }
    EXPECT_EQ(driver->status().highest_claim, Height{0});
    deliver(*driver, 2, StatusMessage{Height{3}, false}, 21'000);
    deliver(*driver, 1, StatusMessage{Height{3}, false}, 21'000);
    EXPECT_EQ(driver->status().mode, DriverMode::kSyncing);
}

TEST(Driver, a_peer_that_serves_block_by_block_or_slowly_is_left_for_another) {
    const auto blocks = make_blocks(4);
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 1, StatusMessage{Height{4}, false}, 1);
    deliver(*driver, 2, StatusMessage{Height{4}, false}, 1);
    env.sent.clear();
    deliver(*driver, 1, BlockResponse{Height{1}, {blocks[0]}}, 2);  // it claims four
    auto asked = env.take<BlockRequest>();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].first, key_of(2));
    EXPECT_TRUE(env.invalid.empty());  // mean, but not wrong
    const std::uint64_t late = limits::kSyncGoodAnswerMs + 10;
    deliver(*driver, 2, BlockResponse{Height{2}, {blocks[1], blocks[2]}}, late);
    asked = env.take<BlockRequest>();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_NE(asked[0].first, key_of(2));
}

TEST(Driver, ids_asked_for_over_and_over_are_answered_once) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    const auto blocks = make_blocks(1);
    deliver(*driver, 1, StatusMessage{Height{1}, false}, 1);
    deliver(*driver, 1, BlockResponse{Height{1}, blocks}, 2);
    env.sent.clear();
    const Digest known = transaction_id(blocks[0].block.transactions[0]);
    deliver(*driver, 2, TransactionRequest{std::vector<Digest>(1'000, known)}, 3);
    const auto answers = env.take<TransactionResponse>();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].second.transactions.size(), 1U);
}

// A PREPARE of member `from` at a height, view 0, for some digest.
VoteMessage prepare_of(std::size_t from, std::uint8_t digest, Height height = Height{1}) {
    consensus::Prepare vote{.slot = {Epoch{0}, height, View{0}},
                            .sender = ReplicaId{static_cast<std::uint16_t>(from)},
                            .digest = sha256(Bytes{digest}),
                            .signature = {}};
    const ChainIdentity identity = make_genesis().identity();
    vote.signature = simulation::simulation_sign(simulation::simulation_key(from),
                                                 consensus::signing_digest(identity, vote));
    return {consensus::encode_message(vote)};
}

// That f + 1 members are past block 1 proves that it exists, not that everybody has it already.
TEST(Driver, members_that_had_nothing_yet_are_asked_again_soon_and_who_claimed_a_block_is_not) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    deliver(*driver, 1, StatusMessage{Height{1}, false}, 1);  // a claim that it will not keep
    deliver(*driver, 1, prepare_of(1, 7, Height{2}), 1);
    deliver(*driver, 2, prepare_of(2, 7, Height{2}), 1);
    env.sent.clear();
    std::uint64_t now = 1'000;  // nothing of block 1 has come by now
    driver->handle(TimerFired{}, at(now));
    std::vector<PublicKey> asked;
    for (const auto& [peer, request] : env.take<BlockRequest>()) asked.push_back(peer);
    ASSERT_EQ(asked, std::vector<PublicKey>{key_of(1)});
    deliver(*driver, 1, BlockResponse{Height{1}, {}}, ++now);
    for (std::size_t i = 2; i <= 3; ++i) {
        const auto next = env.take<BlockRequest>();
        ASSERT_EQ(next.size(), 1U);
        EXPECT_EQ(next[0].first, key_of(i));
        deliver(*driver, i, BlockResponse{Height{1}, {}}, ++now);
    }
    EXPECT_TRUE(env.take<BlockRequest>().empty());
    ASSERT_LE(env.wake_ms, now + limits::kSyncEmptyPauseMs);
    driver->handle(TimerFired{}, at(now + limits::kSyncEmptyPauseMs));
    const auto again = env.take<BlockRequest>();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_NE(again[0].first, key_of(1));
    EXPECT_TRUE(env.invalid.empty());
}

TEST(Driver, two_votes_of_a_member_are_evidence_that_is_stored_and_can_be_checked) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    deliver(*driver, 2, prepare_of(2, 1), 1);
    deliver(*driver, 2, prepare_of(2, 1), 2);
    EXPECT_TRUE(env.disk.content().evidence.empty());
    deliver(*driver, 2, prepare_of(2, 7), 3);
    deliver(*driver, 2, prepare_of(2, 8), 4);
    ASSERT_EQ(env.disk.content().evidence.size(), 1U);  // one per kind and height
    const EvidenceRecord& record = env.disk.content().evidence[0];
    EXPECT_EQ(record.offender, key_of(2));
    EXPECT_EQ(record.seen, at(3).wall);
    const auto evidence = decode<consensus::Evidence>(record.content);
    ASSERT_TRUE(evidence.has_value());
    const consensus::VerifyContext context{driver->identity(), {driver->head().membership}};
    EXPECT_TRUE(consensus::verify_evidence(*evidence, context).has_value());
    EXPECT_EQ(driver->status().evidence, 1U);
}

TEST(Driver, evidence_of_one_member_is_bounded_across_restarts) {
    RecordingEnv env{0};
    for (std::size_t start = 0; start < limits::kEvidencePerMember + 3; ++start) {
        auto driver = open(env, 0);
        deliver(*driver, 2, prepare_of(2, 1), 1);
        deliver(*driver, 2, prepare_of(2, 2), 2);
        EXPECT_EQ(driver->status().evidence, 1U);
    }
    EXPECT_EQ(env.disk.content().evidence.size(), limits::kEvidencePerMember);
    auto driver = open(env, 0);
    deliver(*driver, 3, prepare_of(3, 1), 1);
    deliver(*driver, 3, prepare_of(3, 2), 2);
    EXPECT_EQ(env.disk.content().evidence.size(), limits::kEvidencePerMember + 1);
}

TEST(Driver, blocks_are_served_to_who_asks) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 1, StatusMessage{Height{5}, false}, 1);
    deliver(*driver, 1, BlockResponse{Height{1}, make_blocks(5)}, 2);
    env.sent.clear();
    deliver(*driver, 2, BlockRequest{Height{4}, 100}, 3);
    const auto answers = env.take<BlockResponse>();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].second.blocks.size(), 2U);
    deliver(*driver, 2, BlockRequest{Height{9}, 1}, 4);
    EXPECT_TRUE(env.take<BlockResponse>().at(0).second.blocks.empty());
}

TEST(Driver, a_failing_disk_stops_votes_and_submissions_but_not_reads) {
    RecordingEnv env{kObserver};
    auto driver = open(env, kObserver);
    deliver(*driver, 1, StatusMessage{Height{3}, false}, 1);
    env.disk.plan_error(3);
    deliver(*driver, 1, BlockResponse{Height{1}, make_blocks(3)}, 2);
    EXPECT_TRUE(env.has_reported(ReportKind::kDegraded));
    EXPECT_EQ(driver->status().mode, DriverMode::kDegraded);
    EXPECT_EQ(driver->head().header.height, Height{2});
    submit(*driver, env, make_transaction(0, 5));
    EXPECT_EQ(env.submissions.back().error.code, ErrorCode::kUnavailable);
    env.sent.clear();
    deliver(*driver, 2, BlockRequest{Height{1}, 2}, 3);
    EXPECT_EQ(env.take<BlockResponse>().at(0).second.blocks.size(), 2U);
}

TEST(Driver, an_empty_store_without_the_operators_word_is_amnesia) {
    RecordingEnv env{0};
    DriverOptions options = options_for(0);
    options.first_start = false;
    auto opened = Driver::open(options, env, at(0));
    ASSERT_TRUE(opened.has_value());
    (*opened)->start(at(0));
    EXPECT_TRUE(env.has_reported(ReportKind::kAmnesia));
    EXPECT_EQ((*opened)->status().mode, DriverMode::kObserving);
}

TEST(Driver, amnesia_that_is_not_over_outlives_a_restart_though_blocks_have_come) {
    RecordingEnv env{0};
    DriverOptions options = options_for(0);
    options.first_start = false;
    {
        auto first = Driver::open(options, env, at(0));
        ASSERT_TRUE(first.has_value());
        (*first)->start(at(0));
        deliver(**first, 1, StatusMessage{Height{3}, false}, 1);
        deliver(**first, 1, BlockResponse{Height{1}, make_blocks(3)}, 2);
        ASSERT_EQ((*first)->head().header.height, Height{3});
    }
    for (const bool says_first : {false, true}) {
        options.first_start = says_first;
        auto again = Driver::open(options, env, at(10));
        ASSERT_TRUE(again.has_value());
        (*again)->start(at(10));
        EXPECT_EQ((*again)->status().mode, DriverMode::kObserving);
    }
}

TEST(Driver, the_primary_writes_its_votes_before_it_sends_them) {
    RecordingEnv env{0};
    auto driver = open(env, 0);
    ASSERT_TRUE(driver->status().is_primary);
    env.disk.plan_error(1);
    submit(*driver, env, make_transaction(0, 0));
    driver->handle(TimerFired{}, at(100));
    EXPECT_TRUE(env.has_reported(ReportKind::kDegraded));
    EXPECT_TRUE(env.take<ProposalMessage>().empty());

    RecordingEnv healthy{0};
    auto second = open(healthy, 0);
    submit(*second, healthy, make_transaction(0, 0));
    second->handle(TimerFired{}, at(100));
    EXPECT_EQ(healthy.take<ProposalMessage>().size(), 3U);
    EXPECT_FALSE(healthy.disk.content().votes.empty());
    EXPECT_EQ(healthy.disk.content().bodies.size(), 1U);
}

}  // namespace
}  // namespace consilium::driver
