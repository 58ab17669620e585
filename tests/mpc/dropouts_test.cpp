// Who is away, when, and what follows: waiting, return, the council's ways out, new epochs between
// rounds. Lost disks: recovery_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace event = schema::event;
using schema::Mode;
using schema::Phase;
using schema::ProposalKind;

void set_silent(World& world, std::size_t count, bool is_silent) {
    for (std::size_t i = 0; i < count; ++i) world.validators[i]->is_silent = is_silent;
}
std::size_t too_many(const World& world) {
    return (world.validators.size() - 1) / 3 + 1;  // t+1
}
std::ptrdiff_t ends_of(const World& world, std::uint16_t kind) {
    return std::count_if(world.events.begin(), world.events.end(), [&](const Event& event) {
        return event.module == static_cast<std::uint16_t>(schema::Module::kRounds) &&
               event.kind == kind;
    });
}
void expect_no_blame(const World& world) {
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.events_of<schema::Equivocation>(event::kEquivocation).empty());
    EXPECT_TRUE(world.is_consistent());
}
void expect_no_secret_of(const World& world, const std::string& epoch) {
    for (const auto& validator : world.validators) {
        for (const auto& [name, secret] : validator->store.contents) {
            EXPECT_FALSE(name.starts_with(epoch + "/")) << name;
        }
    }
}

class TooManySilent : public ::testing::TestWithParam<std::tuple<std::uint32_t, Phase>> {};

TEST_P(TooManySilent, round_waits_weakens_nothing_and_ends_when_they_return) {
    const auto [n, phase] = GetParam();
    World world({.validators = n,
                 .mode = Mode::kPairwise,
                 .rounds = 2,
                 .is_wide = phase == Phase::kCoinRange});
    ASSERT_TRUE(world.run_until([&, wanted = phase] { return world.is_in(wanted); }));
    set_silent(world, too_many(world), true);
    for (int i = 0; i < 40; ++i) {
        world.advance();
        ASSERT_TRUE(world.is_in(phase)) << "block " << i;
    }
    EXPECT_TRUE(world.results().empty());
    set_silent(world, too_many(world), false);
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_EQ(world.results()[0].label.attempt, 0U);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    expect_no_blame(world);
}

INSTANTIATE_TEST_SUITE_P(Phases, TooManySilent,
                         ::testing::Combine(::testing::Values(4U, 7U),
                                            ::testing::Values(Phase::kCoinRange, Phase::kCoinTest,
                                                              Phase::kStat1, Phase::kStat2,
                                                              Phase::kAggregate)));

TEST(TooManySilentInPreparation, stock_waits_and_is_made_when_they_return) {
    World world({.rounds = 1});
    const auto withhold = [](Outgoing& sent) {
        if (sent.action == schema::action::kPrepShare) sent.arguments.clear();
    };
    for (std::size_t i = 0; i < 2; ++i) world.validators[i]->lie = withhold;
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    for (int i = 0; i < 40; ++i) world.advance();
    ASSERT_TRUE(world.batch(0));
    EXPECT_EQ(world.batch(0)->state, schema::BatchState::kPosting);
    EXPECT_EQ(world.certified_batches(), 0U);
    EXPECT_FALSE(world.round());
    for (std::size_t i = 0; i < 2; ++i) world.validators[i]->lie = {};
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    expect_no_blame(world);
}

class WaitingRound : public ::testing::TestWithParam<Phase> {
  protected:
    void begin() {
        ASSERT_TRUE(world.run_until([&] { return world.is_in(GetParam()); }));
        set_silent(world, too_many(world), true);
        for (int i = 0; i < 10; ++i) world.advance();
        ASSERT_TRUE(world.is_in(GetParam()));
    }
    World world{{.mode = Mode::kPairwise, .rounds = 2, .is_wide = true}};
};

TEST_P(WaitingRound, is_cancelled_by_the_council_and_the_next_one_uses_other_keys) {
    begin();
    const schema::RoundRecord waiting = world.round().value();
    world.decide(ProposalKind::kCancelRound,
                 encode(schema::RoundReference{waiting.label.round, waiting.label.attempt}));
    ASSERT_EQ(ends_of(world, event::kRoundCancelled), 1);
    set_silent(world, too_many(world), false);
    ASSERT_TRUE(world.run_rounds(1));
    const schema::RoundResult result = world.results()[0];
    EXPECT_GT(result.label.round, waiting.label.round);
    EXPECT_GT(result.label.batch, waiting.label.batch);
    world.expect_result_is_plain_sum(result);
    EXPECT_FALSE(world.aggregate_posts.contains(waiting.label.round) &&
                 GetParam() != Phase::kAggregate);
    expect_no_blame(world);
}

TEST_P(WaitingRound, is_aborted_by_the_council_only_before_the_coin_of_the_test) {
    begin();
    const schema::RoundRecord waiting = world.round().value();
    world.decide(ProposalKind::kAbortRound,
                 encode(schema::RoundReference{waiting.label.round, waiting.label.attempt}));
    const bool is_allowed = GetParam() == Phase::kCoinRange;
    EXPECT_EQ(ends_of(world, event::kRoundAborted), is_allowed ? 1 : 0);
    EXPECT_EQ(world.is_in(GetParam()), !is_allowed);
    set_silent(world, too_many(world), false);
    ASSERT_TRUE(world.run_rounds(1));
    const schema::RoundResult result = world.results()[0];
    EXPECT_EQ(result.label.round, waiting.label.round);
    EXPECT_EQ(result.label.attempt, is_allowed ? 1U : 0U);
    EXPECT_EQ(result.label.batch != waiting.label.batch, is_allowed);
    world.expect_result_is_plain_sum(result);
    expect_no_blame(world);
}

INSTANTIATE_TEST_SUITE_P(Phases, WaitingRound,
                         ::testing::Values(Phase::kCoinRange, Phase::kCoinTest, Phase::kStat1,
                                           Phase::kStat2, Phase::kAggregate));

class NewEpochDuringARound : public ::testing::TestWithParam<Phase> {};

// Section 10, set change and refresh: only between rounds, with fresh keys; old batches are VOID.
TEST_P(NewEpochDuringARound, waits_for_the_end_and_then_leaves_nothing_of_the_old_one) {
    World world({.mode = Mode::kPairwise, .rounds = 3, .is_wide = true});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(GetParam()); }));
    const std::vector<std::uint64_t> live = world.epoch()->live_batches;
    world.decide(ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}));
    ASSERT_TRUE(world.run_rounds(3, 400));
    const auto results = world.results();
    EXPECT_EQ(results[0].label.mpc_epoch, 1U);
    EXPECT_EQ(results[1].label.mpc_epoch, 2U);
    EXPECT_EQ(results[2].label.mpc_epoch, 2U);
    for (const std::uint64_t number : live) {
        const auto batch = world.find<schema::BatchRecord>(schema::keys::batch({1, number}));
        if (!batch) continue;  // records of ended epochs may go
        const bool is_used = number == results[0].label.batch;
        EXPECT_EQ(batch->state,
                  is_used ? schema::BatchState::kConsumed : schema::BatchState::kVoid);
    }
    for (const schema::RoundResult& result : results) world.expect_result_is_plain_sum(result);
    expect_no_secret_of(world, "epoch-1");
    expect_no_blame(world);
}

INSTANTIATE_TEST_SUITE_P(Phases, NewEpochDuringARound,
                         ::testing::Values(Phase::kSubmitting, Phase::kCoinRange, Phase::kRanging,
                                           Phase::kCoinTest, Phase::kStat1, Phase::kStat2,
                                           Phase::kAggregate));

TEST(NewEpochAfterAnAbort, the_same_round_restarts_with_keys_of_the_new_epoch) {
    World world({.mode = Mode::kPairwise, .rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kSubmitting); }));
    const schema::RoundRecord before = world.round().value();
    world.decide(ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}));
    world.decide(ProposalKind::kAbortRound,
                 encode(schema::RoundReference{before.label.round, before.label.attempt}));
    ASSERT_TRUE(world.run_rounds(1, 400));
    const schema::RoundResult result = world.results()[0];
    EXPECT_EQ(result.label.round, before.label.round);
    EXPECT_EQ(result.label.attempt, 1U);
    EXPECT_EQ(result.label.mpc_epoch, 2U);
    world.expect_result_is_plain_sum(result);
    expect_no_secret_of(world, "epoch-1");
    expect_no_blame(world);
}

}  // namespace
}  // namespace consilium::mpc::testing
