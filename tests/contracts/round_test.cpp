// Whole rounds on chain, from genesis to a new model: honest, lying, silent and missing parties.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "contracts/models.hpp"
#include "contracts/schema/table.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "fl_engine/smpc/verdict.hpp"
#include "tests/contracts/round_network.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::ClientCode;
using schema::Code;
using schema::EndReason;
using schema::Module;
using schema::Phase;
namespace event = schema::event;
namespace keys = schema::keys;

// Windows that no test outlasts: phases end because everybody has answered.
schema::TaskSpec patient_task() {
    schema::TaskSpec spec = test_task();
    spec.windows.pledge = spec.windows.submit = spec.windows.range = {.blocks = 1000, .ms = 1000};
    return spec;
}

TEST(RoundTest, honest_parties_reach_a_new_model_and_the_next_round_opens) {
    Network net(4);
    net.start();
    const Updates updates = net.driver.similar_updates(1, 0);
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    expect_model_step(net, updates, 1);
    for (const schema::ClientOutcome& client : net.verdict(1).clients) {
        EXPECT_EQ(client.code, ClientCode::kOk);
        EXPECT_GT(client.weight, 0U);
    }
    const schema::TaskRecord task = net.task();
    EXPECT_EQ(task.rounds_done, 1U);
    EXPECT_EQ(task.latest_version, 1U);
    EXPECT_EQ(task.clip_norm, net.verdict(1).clip_next);
    const auto next = net.driver.round();
    EXPECT_EQ(next.label.round, 2U);
    EXPECT_EQ(next.phase, Phase::kSubmitting);
    EXPECT_EQ(next.terms.model_version, 1U);
    EXPECT_EQ(next.terms.clip_norm, task.clip_norm);
    const auto batch = net.chain.load<schema::BatchRecord>(keys::batch({1, 0}));
    EXPECT_EQ(batch.state, schema::BatchState::kConsumed);
    EXPECT_TRUE(batch.delta.empty());
    EXPECT_FALSE(net.chain.state.get(keys::stat1(1, 1)).has_value());
    EXPECT_FALSE(net.chain.state.get(keys::aggregate(1, 1)).has_value());
}

// A primary that censors one client burns heights with empty blocks, but not the time of headers.
TEST(RoundTest, fast_empty_blocks_close_no_window_before_its_time) {
    schema::TaskSpec spec = test_task();
    spec.windows.pledge = spec.windows.submit = {.blocks = 2, .ms = 60'000};
    Network net(4, spec);
    net.start();
    const auto label = net.driver.round().label;
    const PublicKey censored = net.driver.epoch().clients.at(0);
    const schema::Pledge pledge{
        label, 1, {sha256(as_bytes("e")), 8 * net.driver.round().terms.dimension}};
    net.chain.pass(500);  // 50 s of header time
    ASSERT_EQ(net.driver.round().phase, Phase::kSubmitting);
    EXPECT_FALSE(net.driver.round().pledges_closed.has_value());
    EXPECT_EQ(net.chain.send(censored, kPledge, pledge), Code::kOk);
    net.chain.time = TimeMs{net.chain.time.value + 10'000};
    net.chain.pass(1);
    ASSERT_TRUE(net.driver.round().pledges_closed.has_value());
    // The same for its SUBMIT, which is the only one.
    net.chain.pass(500);
    ASSERT_EQ(net.driver.round().phase, Phase::kSubmitting);
    EXPECT_EQ(net.chain.send(censored, kSubmit, pledge), Code::kOk);
}

// SUBMIT and RANGE blobs are a condition of the vote, not an input of execution: whoever replays
// certified blocks needs them no more.
TEST(RoundTest, replay_without_the_blobs_of_clients_reaches_the_same_state) {
    Network net(4);
    net.start();
    for (std::uint64_t r = 1; r <= 2; ++r) {
        net.driver.submit(net.driver.similar_updates(r, 0), net.all_slots());
        net.driver.verify();
    }
    MemoryBlobs pruned = net.chain.blobs;
    std::set<Digest> of_clients;
    std::set<Digest> of_members;
    for (const RanBlock& block : net.chain.history) {
        for (const Transaction& transaction : block.transactions) {
            const auto blob = schema::blob_reference(transaction);
            if (!blob) continue;
            const bool is_client =
                transaction.module == static_cast<std::uint16_t>(Module::kSubmission);
            (is_client ? of_clients : of_members).insert(blob->sha256);
        }
    }
    EXPECT_GE(of_clients.size(), 16U);  // an update and a proof of four clients, twice
    for (const Digest& hash : of_clients) pruned.drop(hash);
    const auto replay = [&](const MemoryBlobs& blobs) -> std::optional<Digest> {
        StateTree state = StateTree().apply(genesis_state(net.chain.genesis).value());
        for (const RanBlock& block : net.chain.history) {
            const auto effects = execute_block(state, blobs, block.context, block.transactions);
            if (!effects) return std::nullopt;
            state = state.apply(effects->writes);
        }
        return state.root();
    };
    EXPECT_EQ(replay(pruned), net.chain.state.root());
    // Shares of members are inputs: without one the replay stops.
    for (const Digest& hash : of_members) pruned.drop(hash);
    EXPECT_FALSE(replay(pruned).has_value());
}

// Notes how execution reads: which blobs as a whole, and the largest part of the others.
class WatchedBlobs final : public BlobReader {
  public:
    explicit WatchedBlobs(const MemoryBlobs& blobs) : blobs_(blobs) {}
    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override {
        whole.insert(hash);
        return blobs_.get(hash);
    }
    [[nodiscard]] std::unique_ptr<BlobContent> open(const Digest& hash) const override {
        auto content = blobs_.get(hash);
        if (!content) return nullptr;
        opened.insert(hash);
        return std::make_unique<Watched>(std::move(*content), *this);
    }
    mutable std::set<Digest> whole;
    mutable std::set<Digest> opened;
    mutable std::size_t largest_read = 0;
    mutable std::size_t reads_left = SIZE_MAX;  // then the disk refuses
    mutable bool has_refused = false;

  private:
    class Watched final : public BlobContent {
      public:
        Watched(Bytes content, const WatchedBlobs& owner)
            : content_(std::move(content)), owner_(owner) {}
        [[nodiscard]] std::size_t size_bytes() const override { return content_.size_bytes(); }
        [[nodiscard]] Result<void> read(std::size_t offset,
                                        std::span<std::uint8_t> out) const override {
            if (owner_.reads_left == 0) {
                owner_.has_refused = true;
                return make_error(ErrorCode::kUnavailable, "no more");
            }
            --owner_.reads_left;
            owner_.largest_read = std::max(owner_.largest_read, out.size());
            return content_.read(offset, out);
        }

      private:
        HeldBlob content_;
        const WatchedBlobs& owner_;
    };
    const MemoryBlobs& blobs_;
};

class OpeningTest : public ::testing::TestWithParam<Conduct> {
  protected:
    // 10,001 parameters: more than two tiles.
    static schema::TaskSpec long_task() {
        schema::TaskSpec spec = test_task();
        spec.model.layers = {3, 2000, 1};
        return spec;
    }
};
// The short way, and the long one that reads every member's vector.
INSTANTIATE_TEST_SUITE_P(Conducts, OpeningTest,
                         ::testing::Values(Conduct{}, Conduct{.silent = {}, .liars = {1}}));

TEST_P(OpeningTest, shares_and_model_are_read_in_tiles_and_a_failing_disk_is_a_missing_blob) {
    Network net(4, long_task());
    net.start();
    Updates updates = net.driver.similar_updates(1, 0);
    for (auto& update : updates) {
        for (std::int64_t& value : update) value /= 16;  // as long as those of 41 parameters
    }
    net.driver.submit(updates, net.all_slots());
    net.driver.verify(GetParam());
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    ASSERT_EQ(round.phase, Phase::kResult);
    const WatchedBlobs watched(net.chain.blobs);
    StateTree state = StateTree().apply(genesis_state(net.chain.genesis).value());
    for (const RanBlock& block : net.chain.history) {
        watched.largest_read = 0;
        watched.opened.clear();
        const auto effects = execute_block(state, watched, block.context, block.transactions);
        ASSERT_TRUE(effects.has_value());
        if (!watched.opened.empty()) {
            EXPECT_TRUE(watched.opened.contains(round.terms.model.sha256));
            EXPECT_EQ(watched.largest_read, smpc::kShareTile * sizeof(smpc::Element));
            // Whichever read fails first.
            watched.has_refused = true;
            for (std::size_t reads = 0; watched.has_refused; ++reads) {
                watched.reads_left = reads;
                watched.has_refused = false;
                const auto again = execute_block(state, watched, block.context, block.transactions);
                EXPECT_EQ(again.has_value(), !watched.has_refused) << reads;
            }
            watched.reads_left = SIZE_MAX;
        }
        state = state.apply(effects->writes);
    }
    EXPECT_TRUE(watched.whole.empty());
    EXPECT_EQ(state.root(), net.chain.state.root());
}

TEST(RoundTest, a_task_ends_after_its_last_round) {
    schema::TaskSpec spec = test_task();
    spec.rounds = 2;
    Network net(4, spec);
    net.start();
    for (std::uint64_t r = 1; r <= 2; ++r) {
        net.driver.submit(net.driver.similar_updates(r, 0), net.all_slots());
        net.driver.verify();
    }
    EXPECT_EQ(net.task().status, schema::TaskStatus::kFinished);
    EXPECT_EQ(net.task().rounds_done, 2U);
    EXPECT_TRUE(net.chain.load<schema::TasksRecord>(keys::tasks()).active.empty());
    EXPECT_FALSE(net.chain.load<schema::RoundsRecord>(keys::rounds()).current.has_value());
    EXPECT_FALSE(has_open_window(net.chain.state, {net.chain.height, net.chain.time}));
}

TEST(RoundTest, a_poisoner_among_four_is_rejected_by_name_of_the_rule) {
    Network net(4);
    net.start();
    const Updates updates = net.driver.similar_updates(2, 3);
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    const auto verdict = net.verdict(1);
    EXPECT_EQ(verdict.clients[2].code, ClientCode::kAgree);
    EXPECT_FALSE(verdict.clients[2].is_suspect);
    EXPECT_EQ(verdict.clients[2].weight, 0U);
    for (const std::size_t i : {0U, 1U, 3U}) EXPECT_EQ(verdict.clients[i].code, ClientCode::kOk);
    expect_model_step(net, updates, 1);
}

TEST(RoundTest, in_sum_mode_a_poisoner_is_left_out_and_honest_clients_stay) {
    schema::TaskSpec spec = test_task();
    spec.mode = schema::Mode::kSum;
    Network net(4, spec);
    net.start();
    const Updates updates = net.driver.similar_updates(3, 4);
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    const auto verdict = net.verdict(1);
    EXPECT_EQ(verdict.clients[3].code, ClientCode::kLoo);
    EXPECT_EQ(verdict.clients[3].weight, 0U);
    EXPECT_EQ(verdict.clients[0].code, ClientCode::kOk);
    expect_model_step(net, updates, 1);
}

TEST(RoundTest, with_one_client_away_the_round_goes_on_and_a_poisoner_is_suspect) {
    Network net(4);
    net.start();
    const Updates updates = net.driver.similar_updates(4, 2);
    net.driver.submit(updates, {1, 2, 3});
    EXPECT_EQ(net.driver.round().phase, Phase::kSubmitting);
    net.chain.pass(1);
    net.driver.verify();
    const auto verdict = net.verdict(1);
    EXPECT_EQ(verdict.clients[3].code, ClientCode::kNoSubmit);
    EXPECT_TRUE(verdict.clients[1].is_suspect);
    EXPECT_GT(verdict.clients[1].weight, 0U);
    EXPECT_LT(verdict.clients[1].weight, verdict.clients[0].weight / 4);
    EXPECT_EQ(net.driver.round().label.round, 2U);
}

class LiarTest : public ::testing::TestWithParam<std::uint16_t> {};
INSTANTIATE_TEST_SUITE_P(EveryMember, LiarTest, ::testing::Values(1, 2, 3, 4));

TEST_P(LiarTest, one_lying_member_is_named_and_changes_nothing) {
    const Conduct conduct{.silent = {}, .liars = {GetParam()}};
    Network net(4);
    net.start();
    const Updates updates = net.driver.similar_updates(5, 0);
    net.driver.submit(updates, net.all_slots());
    net.driver.post_stat1(conduct);
    const auto faults = net.chain.events<schema::FaultProved>(Module::kVerification, event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].member, GetParam());
    EXPECT_EQ(faults[0].coordinate, 4 * 4 - 1U);
    EXPECT_EQ(faults[0].action, schema::action::kStat1);
    net.driver.post_stat2(conduct);
    ASSERT_EQ(net.chain.events<schema::FaultProved>(Module::kVerification, event::kFault).size(),
              1U);
    net.driver.post_aggregate(
        {.silent = {}, .liars = GetParam() <= 2 ? conduct.liars : std::set<std::uint16_t>{}});
    expect_model_step(net, updates, 1);
}

TEST_P(LiarTest, one_silent_member_does_not_stop_a_round_with_a_certified_batch) {
    const Conduct conduct{.silent = {GetParam()}, .liars = {}};
    Network net(4);
    net.start();
    const Updates updates = net.driver.similar_updates(6, 0);
    net.driver.submit(updates, net.all_slots());
    net.driver.verify(conduct);
    expect_model_step(net, updates, 1);
}

TEST(RoundTest, two_silent_members_of_four_make_the_round_wait_for_ever) {
    Network net(4);
    net.start();
    net.driver.submit(net.driver.similar_updates(7, 0), net.all_slots());
    net.driver.post_stat1({.silent = {1, 2}, .liars = {}});
    net.chain.pass(50);
    EXPECT_EQ(net.driver.round().phase, Phase::kStat1);
    net.driver.post_stat1({.silent = {2, 3, 4}, .liars = {}});
    EXPECT_EQ(net.driver.round().phase, Phase::kStat2);
}

TEST(RoundTest, a_late_wrong_statistic_is_still_a_fault) {
    Network net(4);
    net.start();
    net.driver.submit(net.driver.similar_updates(8, 0), net.all_slots());
    net.driver.post_stat1({.silent = {4}, .liars = {}});
    ASSERT_EQ(net.driver.round().phase, Phase::kStat2);
    schema::StatShare late{net.driver.round().label, net.driver.stat1_share(4)};
    schema::StatShare wrong = late;
    wrong.values[1] = smpc::Field61::add(wrong.values[1], 1);
    EXPECT_EQ(net.chain.send(net.chain.validators[3], kStat1, wrong), Code::kOk);
    const auto faults = net.chain.events<schema::FaultProved>(Module::kVerification, event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].coordinate, 1U);
    EXPECT_EQ(net.chain.send(net.chain.validators[3], kStat1, wrong), Code::kDuplicate);
    EXPECT_EQ(net.chain.send(net.chain.validators[3], kStat1, late), Code::kEquivocation);
    EXPECT_EQ(
        net.chain.events<schema::Equivocation>(Module::kVerification, event::kEquivocation).size(),
        1U);
}

TEST(RoundTest, shares_are_refused_in_a_wrong_phase_with_a_wrong_label_or_form) {
    Network net(4);
    net.start();
    const PublicKey& validator = net.chain.validators[0];
    const auto label = net.driver.round().label;
    EXPECT_EQ(net.chain.send(validator, kStat1, schema::StatShare{label, {1, 2, 3, 4}}),
              Code::kWrongPhase);
    net.driver.submit(net.driver.similar_updates(9, 0), net.all_slots());
    net.driver.reach_stat1();
    schema::RoundLabel other = label;
    ++other.attempt;
    std::vector<std::uint64_t> values(15, 1);
    EXPECT_EQ(net.chain.send(validator, kStat1, schema::StatShare{other, values}),
              Code::kWrongLabel);
    EXPECT_EQ(net.chain.send(validator, kStat1, schema::StatShare{label, values}),
              Code::kWrongLength);
    values.push_back(smpc::Field61::kModulus);
    EXPECT_EQ(net.chain.send(validator, kStat1, schema::StatShare{label, values}),
              Code::kWordOutOfRange);
    EXPECT_EQ(net.chain.send(net.chain.trainers[0], kStat1, schema::StatShare{label, {1}}),
              Code::kRoleNotAllowed);
    EXPECT_EQ(net.chain.send(validator, kStat2, schema::StatShare{label, {}}), Code::kWrongPhase);
    EXPECT_EQ(net.chain.send(validator, kAggregate, schema::Aggregate{label, {}}),
              Code::kWrongPhase);
    EXPECT_EQ(net.chain.send(validator, kAggregateOk, schema::AggregateOk{label, {}}),
              Code::kWrongPhase);
}

TEST(RoundTest, pledges_are_write_once_and_submissions_must_equal_them) {
    Network net(4, patient_task());
    net.start();
    const PublicKey& trainer = net.chain.trainers[0];
    const auto label = net.driver.round().label;
    const std::uint64_t length = 8 * 41;
    const schema::Pledge pledge{label, 1, {sha256(as_bytes("e")), length}};
    const schema::Pledge other{label, 1, {sha256(as_bytes("f")), length}};
    EXPECT_EQ(net.chain.send(trainer, kSubmit, pledge), Code::kPledgeMissing);
    EXPECT_EQ(net.chain.send(trainer, kPledge, schema::Pledge{label, 2, pledge.update}),
              Code::kNotAClient);
    EXPECT_EQ(net.chain.send(trainer, kPledge, schema::Pledge{label, 1, {{}, length - 8}}),
              Code::kWrongLength);
    EXPECT_FALSE(pledged_blob(net.chain.state, trainer).has_value());
    EXPECT_EQ(net.chain.send(trainer, kPledge, pledge), Code::kOk);
    EXPECT_EQ(pledged_blob(net.chain.state, trainer)->sha256, pledge.update.sha256);
    EXPECT_EQ(net.chain.send(trainer, kPledge, pledge), Code::kDuplicate);
    EXPECT_EQ(net.chain.send(trainer, kPledge, other), Code::kEquivocation);
    EXPECT_EQ(net.chain.send(trainer, kSubmit, other), Code::kPledgeMismatch);
    const Transaction submit = net.chain.make(trainer, kSubmit, pledge);
    EXPECT_TRUE(is_blob_expected(net.chain.state, submit));
    net.chain.run({submit});
    EXPECT_EQ(net.chain.code_of(0), Code::kOk);
    EXPECT_EQ(net.chain.send(trainer, kSubmit, pledge), Code::kDuplicate);
    schema::Pledge stale = pledge;
    ++stale.label.batch;
    EXPECT_EQ(net.chain.send(trainer, kPledge, stale), Code::kWrongLabel);
}

TEST(RoundTest, a_pledge_in_the_closing_block_is_too_late) {
    Network net(4);
    net.start();
    const auto label = net.driver.round().label;
    const std::uint64_t length = 8 * 41;
    // Three pledge and submit, so that the window's end decides about the fourth.
    net.driver.submit(net.driver.similar_updates(10, 0), {1, 2, 3});
    const schema::RoundRecord round = net.driver.round();
    ASSERT_EQ(net.chain.height.value, round.opened.value + 2);
    EXPECT_EQ(net.chain.send(net.chain.trainers[3], kPledge,
                             schema::Pledge{label, 4, {sha256(as_bytes("late")), length}}),
              Code::kWrongPhase);
    EXPECT_EQ(net.driver.round().phase, Phase::kRanging);
    EXPECT_EQ(net.driver.round().submissions_closed, net.chain.height);
}

TEST(RoundTest, a_pledge_after_its_window_is_refused_while_submissions_are_open) {
    schema::TaskSpec spec = test_task();
    spec.windows.submit = {.blocks = 1000, .ms = 1000};
    Network net(4, spec);
    net.start();
    const auto label = net.driver.round().label;
    constexpr std::array<std::uint16_t, 2> kEarly{1, 2};
    const auto pledge = [&](std::uint16_t slot) {
        return net.chain.send(net.chain.trainers[slot - 1U], kPledge,
                              schema::Pledge{label, slot, {sha256(as_bytes("e")), 8 * 41}});
    };
    for (const std::uint16_t slot : kEarly) EXPECT_EQ(pledge(slot), Code::kOk);
    net.chain.pass(spec.windows.pledge.blocks);
    ASSERT_TRUE(net.driver.round().pledges_closed.has_value());
    ASSERT_EQ(net.driver.round().phase, Phase::kSubmitting);
    EXPECT_EQ(pledge(4), Code::kWrongPhase);
    EXPECT_EQ(net.driver.round().pledged & schema::slot_bit(4), 0U);
}

TEST(RoundTest, too_few_submissions_abort_the_attempt_and_the_next_one_follows) {
    Network net(4);
    net.start();
    net.driver.submit(net.driver.similar_updates(11, 0), {1, 2});
    net.chain.pass(1);
    const auto round = net.driver.round();
    EXPECT_EQ(round.label.round, 1U);
    EXPECT_EQ(round.label.attempt, 1U);  // the second batch of the stock serves it at once
    EXPECT_EQ(round.label.batch, 1U);
    EXPECT_EQ(round.phase, Phase::kSubmitting);
    const auto ended = net.chain.events<schema::RoundEnded>(Module::kRounds, event::kRoundAborted);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].reason, EndReason::kTooFewSubmitted);
    const Updates updates = net.driver.similar_updates(11, 0);
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    expect_model_step(net, updates, 1);
}

TEST(RoundTest, the_council_aborts_before_and_cancels_after_the_cut_off) {
    Network net(4, patient_task());
    net.start();
    const auto abort = encode(schema::RoundReference{1, 0});
    EXPECT_EQ(net.chain.decide(schema::ProposalKind::kAbortRound, abort), Code::kOk);
    EXPECT_EQ(net.driver.round().label.attempt, 1U);
    EXPECT_EQ(net.chain.decide(schema::ProposalKind::kAbortRound, abort), Code::kWrongLabel);
    net.driver.prepare_batches();
    net.driver.submit(net.driver.similar_updates(12, 0), net.all_slots());
    net.driver.prove();
    ASSERT_EQ(net.driver.round().phase, Phase::kCoinTest);
    EXPECT_EQ(
        net.chain.decide(schema::ProposalKind::kAbortRound, encode(schema::RoundReference{1, 1})),
        Code::kTooLateToAbort);
    EXPECT_EQ(
        net.chain.decide(schema::ProposalKind::kCancelRound, encode(schema::RoundReference{2, 0})),
        Code::kUnknownRound);
    const std::uint64_t clip = net.task().clip_norm;
    EXPECT_EQ(
        net.chain.decide(schema::ProposalKind::kCancelRound, encode(schema::RoundReference{1, 0})),
        Code::kOk);
    const auto cancelled = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(cancelled.phase, Phase::kCancelled);
    EXPECT_EQ(cancelled.reason, EndReason::kCouncil);
    EXPECT_EQ(net.task().clip_norm, clip);
    EXPECT_EQ(net.driver.round().label.round, 2U);
}

TEST(RoundTest, oversized_updates_fail_the_tests_and_too_few_passing_cancel) {
    Network net(4);
    net.start();
    // Client 1 is six times as long as allowed, client 2 has an entry whose square is 2 modulo p.
    net.driver.cheat(1, std::vector<std::uint64_t>(41, std::uint64_t{1} << 22));
    std::vector<std::uint64_t> wrapping(41, 5);
    wrapping[7] = std::uint64_t{1} << 31;
    net.driver.cheat(2, wrapping);
    net.driver.submit(net.driver.similar_updates(13, 0), net.all_slots());
    net.driver.post_stat1();
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(round.phase, Phase::kCancelled);
    EXPECT_EQ(round.reason, EndReason::kTooFewPassed);
    const auto verdict = net.verdict(1);
    EXPECT_TRUE(verdict.is_cancelled);
    EXPECT_EQ(verdict.clients[0].code, ClientCode::kNormFail);
    EXPECT_EQ(verdict.clients[1].code, ClientCode::kRangeFail);
    EXPECT_EQ(verdict.clients[2].code, ClientCode::kOk);
    EXPECT_FALSE(net.chain.state.get(keys::history(1, 1)).has_value());
}

TEST(RoundTest, a_missing_aggregate_blob_stops_execution_by_name) {
    Network net(4);
    net.start();
    net.driver.submit(net.driver.similar_updates(14, 0), net.all_slots());
    net.driver.post_stat1();
    net.driver.post_stat2();
    const auto model = net.driver.round().terms.model.sha256;
    const auto label = net.driver.round().label;
    std::vector<Transaction> posts;
    const Digest absent = sha256(as_bytes("nowhere"));
    for (std::uint16_t member = 1; member <= 3; ++member) {
        const schema::Aggregate share{label, {absent, 8 * 41}};
        posts.push_back(net.chain.make(net.chain.validators[member - 1U], kAggregate, share));
        EXPECT_TRUE(is_blob_expected(net.chain.state, posts.back()));
    }
    const auto effects = net.chain.execute(posts);
    ASSERT_FALSE(effects.has_value());
    EXPECT_EQ(effects.error().sha256, absent);
    EXPECT_TRUE(net.chain.blobs.get(model).has_value());
}

TEST(RoundTest, seven_hospitals_with_two_liars_reach_the_plaintext_model) {
    schema::TaskSpec spec = test_task();
    spec.malicious_max = 1;
    Network net(7, spec);
    net.start();
    const Updates updates = net.driver.similar_updates(15, 6);
    net.driver.submit(updates, net.all_slots());
    net.driver.post_stat1({.silent = {}, .liars = {2, 5}});
    EXPECT_EQ(net.chain.events<schema::FaultProved>(Module::kVerification, event::kFault).size(),
              2U);
    net.driver.post_stat2({.silent = {3}, .liars = {1}});
    net.driver.post_aggregate({.silent = {7}, .liars = {}});
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
    EXPECT_EQ(net.verdict(1).clients[5].code, ClientCode::kAgree);
}

TEST(RoundTest, the_order_of_shares_in_a_block_does_not_change_the_result) {
    const auto run = [](bool reversed) {
        Network net(4);
        net.start();
        net.driver.submit(net.driver.similar_updates(16, 1), net.all_slots());
        net.driver.reach_stat1();
        const auto label = net.driver.round().label;
        std::vector<Transaction> posts;
        for (std::uint16_t member = 1; member <= 4; ++member) {
            const schema::StatShare share{label, net.driver.stat1_share(member)};
            posts.push_back(net.chain.make(net.chain.validators[member - 1U], kStat1, share));
        }
        if (reversed) std::reverse(posts.begin(), posts.end());
        net.chain.run(posts);
        net.driver.post_stat2();
        net.driver.post_aggregate();
        return net.chain.state.root();
    };
    EXPECT_EQ(run(false), run(true));
}

TEST(RoundTest, an_automatic_task_takes_no_requests_and_closes_only_between_rounds) {
    Network net(4, patient_task());
    net.start();
    EXPECT_EQ(net.chain.send(net.chain.council[0], kOpenRound, schema::OpenRound{1}),
              Code::kNotManual);
    const Bytes close = encode(schema::TaskReference{1});
    EXPECT_EQ(net.chain.decide(schema::ProposalKind::kCloseTask, close), Code::kRoundRunning);
    const auto rollback = encode(schema::ModelReference{1, 0});
    EXPECT_EQ(net.chain.decide(schema::ProposalKind::kRollBackModel, rollback),
              Code::kRoundRunning);
    // Two aborts use up the stock: the round waits for a batch, and the task can be closed.
    for (std::uint32_t attempt = 0; attempt < 2; ++attempt) {
        const auto abort = encode(schema::RoundReference{1, attempt});
        EXPECT_EQ(net.chain.decide(schema::ProposalKind::kAbortRound, abort), Code::kOk);
    }
    EXPECT_EQ(net.driver.round().phase, Phase::kAborted);
    EXPECT_EQ(net.chain.decide(schema::ProposalKind::kCloseTask, close), Code::kOk);
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(round.phase, Phase::kCancelled);
    EXPECT_EQ(round.reason, EndReason::kTaskClosed);
    EXPECT_EQ(net.task().status, schema::TaskStatus::kClosed);
}

TEST(RoundTest, metrics_are_taken_once_from_each_trainer_for_a_known_model) {
    Network net(4);
    const PublicKey& trainer = net.chain.trainers[0];
    const schema::ReportMetrics report{1, 0, 900'000, 880'000, 870'000, 6};
    EXPECT_EQ(net.chain.send(trainer, kReportMetrics, report), Code::kOk);
    EXPECT_EQ(net.chain.send(trainer, kReportMetrics, report), Code::kDuplicate);
    schema::ReportMetrics wrong = report;
    wrong.version = 1;
    EXPECT_EQ(net.chain.send(trainer, kReportMetrics, wrong), Code::kUnknownModel);
    wrong = report;
    wrong.auc_micros = 1'000'001;
    EXPECT_EQ(net.chain.send(net.chain.trainers[1], kReportMetrics, wrong),
              Code::kMetricOutOfRange);
    EXPECT_EQ(net.chain.send(net.chain.council[0], kReportMetrics, report), Code::kRoleNotAllowed);
    const auto metrics = net.chain.load<schema::MetricsRecord>(keys::metrics(1, 0));
    ASSERT_EQ(metrics.entries.size(), 1U);
    EXPECT_EQ(metrics.entries[0].trainer, trainer);
}

TEST(RoundTest, a_manual_task_opens_rounds_on_request_only) {
    schema::TaskSpec spec = test_task();
    spec.schedule = schema::Schedule::kManual;
    Network net(4, spec);
    EXPECT_EQ(net.chain.send(net.chain.council[0], kOpenRound, schema::OpenRound{1}),
              Code::kNoCertifiedBatch);
    net.driver.set_up_epoch();
    net.driver.prepare_batches();
    EXPECT_FALSE(net.chain.load<schema::RoundsRecord>(keys::rounds()).current.has_value());
    EXPECT_EQ(net.chain.send(net.chain.trainers[0], kOpenRound, schema::OpenRound{1}),
              Code::kRoleNotAllowed);
    EXPECT_EQ(net.chain.send(net.chain.council[0], kOpenRound, schema::OpenRound{2}),
              Code::kUnknownTask);
    EXPECT_EQ(net.chain.send(net.chain.council[0], kOpenRound, schema::OpenRound{1}), Code::kOk);
    EXPECT_EQ(net.driver.round().phase, Phase::kSubmitting);
    EXPECT_EQ(net.chain.send(net.chain.council[0], kOpenRound, schema::OpenRound{1}),
              Code::kRoundRunning);
}

}  // namespace
}  // namespace consilium::contracts::testing
