// Range proofs on chain: phases and windows, coins R and T, RANGE, and what each outcome becomes.
#include <gtest/gtest.h>

#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::ClientCode;
using schema::Code;
using schema::CoinKind;
using schema::EndReason;
using schema::Module;
using schema::Phase;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr std::uint64_t kWideDimension = 131;  // beyond the small mode
constexpr std::uint64_t kSmallDimension = 41;

schema::TaskSpec wide_task() {
    schema::TaskSpec spec = test_task();
    spec.model = {schema::ModelKind::kLogistic, {130, 1}};
    return spec;
}

struct Network {
    explicit Network(const schema::TaskSpec& spec = test_task(), std::size_t organisations = 4)
        : chain(organisations), driver(chain) {
        for (std::size_t i = 0; i < organisations; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), Code::kOk);
        driver.set_up_epoch();
        driver.prepare_batches();
        EXPECT_EQ(driver.round().phase, Phase::kSubmitting);
    }
    void submit(std::uint64_t seed, const std::set<std::uint16_t>& slots = {1, 2, 3, 4}) {
        driver.submit(driver.similar_updates(seed, 0), slots);
    }
    [[nodiscard]] Phase phase() const { return driver.round().phase; }
    [[nodiscard]] schema::VerdictRecord verdict() const {
        return chain.load<schema::VerdictRecord>(keys::verdict(1));
    }
    Code abort() {
        const auto label = driver.round().label;
        return chain.decide(schema::ProposalKind::kAbortRound,
                            encode(schema::RoundReference{label.round, label.attempt}));
    }
    template <typename Payload>
    [[nodiscard]] std::vector<Payload> events(Module module, std::uint16_t kind) const {
        return chain.events<Payload>(module, kind);
    }
    [[nodiscard]] std::vector<schema::FaultProved> faults() const {
        return events<schema::FaultProved>(Module::kVerification, event::kFault);
    }

    Chain chain;
    ConsortiumDriver driver;
};

TEST(RangePhases, full_mode_draws_projections_proves_and_draws_the_test) {
    Network net(wide_task());
    net.submit(1);
    ASSERT_EQ(net.phase(), Phase::kCoinRange);
    EXPECT_FALSE(net.driver.round().range_seed.has_value());
    net.driver.draw_coin();
    ASSERT_EQ(net.phase(), Phase::kRanging);
    auto seeds = net.events<schema::SeedOpened>(Module::kVerification, event::kSeed);
    ASSERT_EQ(seeds.size(), 1U);
    EXPECT_EQ(seeds[0].kind, CoinKind::kRange);
    EXPECT_EQ(net.driver.round().range_seed, seeds[0].seed);
    net.driver.prove();
    ASSERT_EQ(net.phase(), Phase::kCoinTest);
    const auto closed =
        net.events<schema::RangesClosed>(Module::kVerification, event::kRangesClosed);
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed[0].ranged, 0xFU);
    EXPECT_EQ(net.driver.round().ranges_closed, net.chain.height);
    net.driver.draw_coin();
    ASSERT_EQ(net.phase(), Phase::kStat1);
    seeds = net.events<schema::SeedOpened>(Module::kVerification, event::kSeed);
    ASSERT_EQ(seeds.size(), 1U);
    EXPECT_EQ(seeds[0].kind, CoinKind::kTest);
    EXPECT_EQ(net.driver.round().test_seed, seeds[0].seed);
    net.driver.verify();
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(round.phase, Phase::kResult);
    EXPECT_EQ(round.in_range, 0xFU);
    EXPECT_EQ(round.passed, 0xFU);
    for (const auto& client : net.verdict().clients) EXPECT_EQ(client.code, ClientCode::kOk);
}

// The window of RANGE counts from the seed, however late that comes.
TEST(RangePhases, a_coin_that_is_delayed_beyond_every_window_takes_none_from_the_clients) {
    Network net(wide_task());
    net.submit(1);
    ASSERT_EQ(net.phase(), Phase::kCoinRange);
    net.chain.pass(200);
    net.chain.time = TimeMs{net.chain.time.value + 10'000'000};
    net.chain.pass(1);
    ASSERT_EQ(net.phase(), Phase::kCoinRange);
    net.driver.draw_coin();
    ASSERT_EQ(net.phase(), Phase::kRanging);
    net.driver.prove({1, 2, 3});
    EXPECT_EQ(net.phase(), Phase::kRanging);  // one is still waited for
    net.driver.prove({4});
    ASSERT_EQ(net.phase(), Phase::kCoinTest);
    EXPECT_EQ(net.driver.round().ranged, 0xFU);
}

TEST(RangePhases, small_mode_needs_no_projections) {
    Network net;
    net.submit(2);
    ASSERT_EQ(net.phase(), Phase::kRanging);
    EXPECT_EQ(
        net.chain.send(net.chain.validators[0], kCoinShare,
                       schema::CoinShare{CoinKind::kRange, net.driver.round().label, {1, 2, 3}}),
        Code::kWrongPhase);
    net.driver.verify();
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(round.phase, Phase::kResult);
    EXPECT_FALSE(round.range_seed.has_value());
}

TEST(RangePhases, order_follows_the_course_of_a_round_and_not_the_numbers) {
    const std::vector<Phase> course{Phase::kSubmitting, Phase::kCoinRange, Phase::kRanging,
                                    Phase::kCoinTest,   Phase::kStat1,     Phase::kStat2,
                                    Phase::kAggregate,  Phase::kResult};
    for (std::size_t i = 1; i < course.size(); ++i) {
        EXPECT_LT(schema::phase_order(course[i - 1]), schema::phase_order(course[i]));
    }
    EXPECT_EQ(schema::phase_order(Phase::kAborted), schema::phase_order(Phase::kResult));
    EXPECT_EQ(schema::phase_order(Phase::kCancelled), schema::phase_order(Phase::kResult));
}

TEST(RangePhases, a_client_without_a_proof_is_left_out_by_name) {
    Network net;
    net.submit(3);
    net.driver.prove({1, 2, 4});
    EXPECT_EQ(net.phase(), Phase::kRanging);
    EXPECT_TRUE(has_open_window(net.chain.state, {net.chain.height, net.chain.time}));
    net.chain.pass(3);
    ASSERT_EQ(net.phase(), Phase::kCoinTest);
    net.driver.verify();
    const auto verdict = net.verdict();
    EXPECT_EQ(verdict.clients[2].code, ClientCode::kNoRange);
    EXPECT_EQ(verdict.clients[2].weight, 0U);
    EXPECT_EQ(verdict.clients[0].code, ClientCode::kOk);
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(round.norms.size(), 3U);
    EXPECT_EQ(round.phase, Phase::kResult);
}

TEST(RangePhases, too_few_proofs_abort_with_nothing_opened_and_the_next_attempt_has_new_coins) {
    Network net(wide_task());
    net.submit(4);
    net.driver.draw_coin();
    const auto first = net.driver.round();
    net.driver.prove({1, 2});
    net.chain.pass(1);
    ASSERT_EQ(net.phase(), Phase::kRanging);
    net.chain.pass(1);
    const auto ended = net.events<schema::RoundEnded>(Module::kRounds, event::kRoundAborted);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].reason, EndReason::kTooFewRanged);
    EXPECT_FALSE(net.chain.state.get(keys::stat1(1, 1)).has_value());
    EXPECT_FALSE(net.chain.state.get(keys::coin({CoinKind::kRange, first.label})).has_value());
    const auto next = net.driver.round();
    EXPECT_EQ(next.label.round, 1U);
    EXPECT_EQ(next.label.attempt, 1U);
    EXPECT_NE(next.label.batch, first.label.batch);
    EXPECT_EQ(next.ranged, 0U);
    net.submit(4);
    net.driver.draw_coin();
    EXPECT_NE(net.driver.round().range_seed, first.range_seed);
    net.driver.verify();
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
}

TEST(RangePhases, two_silent_members_of_four_make_the_coins_wait_for_ever) {
    Network net(wide_task());
    net.submit(5);
    net.driver.draw_coin({.silent = {1, 4}, .liars = {}});
    net.chain.pass(50);
    EXPECT_EQ(net.phase(), Phase::kCoinRange);
    net.driver.draw_coin({.silent = {2, 3, 4}, .liars = {}});
    ASSERT_EQ(net.phase(), Phase::kRanging);
    net.driver.prove();
    net.driver.draw_coin({.silent = {2, 3}, .liars = {}});
    net.chain.pass(50);
    EXPECT_EQ(net.phase(), Phase::kCoinTest);
    net.driver.draw_coin({.silent = {1, 3, 4}, .liars = {}});
    EXPECT_EQ(net.phase(), Phase::kStat1);
}

class CoinLiar : public ::testing::TestWithParam<std::uint16_t> {};

TEST_P(CoinLiar, is_named_and_the_seeds_stay_what_they_are) {
    const auto seeds = [](const Conduct& conduct, Network& net) {
        net.submit(6);
        net.driver.draw_coin(conduct);
        const std::size_t range_faults = net.faults().size();
        net.driver.prove();
        net.driver.draw_coin(conduct);
        EXPECT_EQ(net.faults().size(), range_faults);
        return std::pair{net.driver.round().range_seed, net.driver.round().test_seed};
    };
    Network honest(wide_task());
    Network attacked(wide_task());
    const auto right = seeds({}, honest);
    EXPECT_EQ(seeds({.silent = {}, .liars = {GetParam()}}, attacked), right);
    const auto faults = attacked.faults();
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].member, GetParam());
    EXPECT_EQ(faults[0].action, schema::action::kCoinShare);
    EXPECT_TRUE(honest.faults().empty());
}

INSTANTIATE_TEST_SUITE_P(EveryMember, CoinLiar, ::testing::Values(1, 2, 3, 4));

TEST(RangePhases, a_late_wrong_coin_share_is_still_a_fault) {
    Network net(wide_task());
    net.submit(7);
    schema::CoinShare late = net.driver.coin_share(4);
    net.driver.draw_coin({.silent = {4}, .liars = {}});
    ASSERT_EQ(net.phase(), Phase::kRanging);
    late.values[2] = smpc::Field61::add(late.values[2], 1);
    EXPECT_EQ(net.chain.send(net.chain.validators[3], kCoinShare, late), Code::kOk);
    ASSERT_EQ(net.faults().size(), 1U);
    EXPECT_EQ(net.faults()[0].coordinate, 2U);
}

TEST(RangeAbort, the_council_may_abort_until_the_ranges_close) {
    Network net(wide_task());
    net.submit(8);
    ASSERT_EQ(net.phase(), Phase::kCoinRange);
    EXPECT_EQ(net.abort(), Code::kOk);
    ASSERT_EQ(net.driver.round().label.attempt, 1U);
    net.submit(8);
    net.driver.draw_coin();
    net.driver.prove({1, 2, 3});
    ASSERT_EQ(net.phase(), Phase::kRanging);
    EXPECT_EQ(net.abort(), Code::kOk);
    net.driver.prepare_batches();
    ASSERT_EQ(net.driver.round().label.attempt, 2U);
    net.submit(8);
    net.driver.draw_coin();
    net.driver.prove();
    ASSERT_EQ(net.phase(), Phase::kCoinTest);
    EXPECT_EQ(net.abort(), Code::kTooLateToAbort);
}

TEST(RangeAbort, is_refused_in_the_very_block_in_which_the_window_closes) {
    for (const bool is_one_block_earlier : {true, false}) {
        Network net;
        net.submit(9);
        net.driver.prove({1, 2, 3});
        const std::uint64_t begun = net.driver.round().phase_height.value;
        const std::uint64_t deadline = begun + test_task().windows.range.blocks;
        net.chain.pass(deadline - net.chain.height.value - (is_one_block_earlier ? 2 : 1));
        ASSERT_EQ(net.phase(), Phase::kRanging);
        EXPECT_EQ(net.abort(), is_one_block_earlier ? Code::kOk : Code::kTooLateToAbort);
        EXPECT_EQ(net.driver.round().label.attempt, is_one_block_earlier ? 1U : 0U);
    }
}

TEST(RangeAction, is_taken_once_from_submitters_in_its_phase_with_its_length_and_label) {
    schema::TaskSpec spec = test_task();
    spec.windows.range = {.blocks = 1000, .ms = 1000};
    Network net(spec);
    const PublicKey& trainer = net.chain.trainers[0];
    const auto label = net.driver.round().label;
    const std::uint64_t length = smpc::range_shape(kSmallDimension, spec.nu).blob_bytes();
    const schema::Range early{label, 1, {sha256(as_bytes("z")), length}};
    EXPECT_EQ(net.chain.send(trainer, kRange, early), Code::kWrongPhase);
    net.submit(10, {1, 2, 3});
    net.chain.pass(4);
    ASSERT_EQ(net.phase(), Phase::kRanging);
    const auto send = [&](const PublicKey& key, schema::Range range) {
        const Transaction made = net.chain.make(key, kRange, range);
        const bool is_expected = is_blob_expected(net.chain.state, made);
        net.chain.run({made});
        const Code code = net.chain.code_of(0);
        EXPECT_EQ(is_expected, code == Code::kOk);
        return code;
    };
    schema::Range range = net.driver.range_of(1);
    schema::Range changed = range;
    ++changed.label.attempt;
    EXPECT_EQ(send(trainer, changed), Code::kWrongLabel);
    changed = range;
    changed.slot = 2;
    EXPECT_EQ(send(trainer, changed), Code::kNotAClient);
    changed = range;
    changed.proof.length -= 8;
    EXPECT_EQ(send(trainer, changed), Code::kWrongLength);
    changed = range;
    changed.slot = 4;
    EXPECT_EQ(send(net.chain.trainers[3], changed), Code::kNotSubmitted);
    EXPECT_EQ(net.chain.send(net.chain.validators[0], kRange, range), Code::kRoleNotAllowed);
    EXPECT_EQ(send(trainer, range), Code::kOk);
    EXPECT_EQ(net.events<schema::RangeProved>(Module::kSubmission, event::kRangeProved),
              std::vector{range});
    EXPECT_EQ(send(trainer, range), Code::kDuplicate);
    changed = range;
    changed.proof.sha256 = sha256(as_bytes("another"));
    EXPECT_EQ(send(trainer, changed), Code::kEquivocation);
    EXPECT_EQ(net.events<schema::Equivocation>(Module::kVerification, event::kEquivocation).size(),
              1U);
    EXPECT_EQ(net.chain.load<schema::RangeRecord>(keys::range({1, label.batch}, 1)).proof,
              range.proof);
}

TEST(RangeAction, in_the_closing_block_is_too_late) {
    Network net;
    net.submit(11);
    net.driver.prove({1, 2, 3});
    const schema::Range late = net.driver.range_of(4);
    net.chain.pass(test_task().windows.range.blocks - 2);
    ASSERT_EQ(net.phase(), Phase::kRanging);
    EXPECT_EQ(net.chain.send(net.chain.trainers[3], kRange, late), Code::kWrongPhase);
    EXPECT_EQ(net.phase(), Phase::kCoinTest);
    EXPECT_EQ(net.driver.round().ranged, 0x7U);
}

class RangeOutcome : public ::testing::TestWithParam<bool> {
  protected:
    [[nodiscard]] static bool is_wide() { return GetParam(); }
    [[nodiscard]] static std::uint64_t dimension() {
        return is_wide() ? kWideDimension : kSmallDimension;
    }
};

// RANGE_FAIL is told before NORM_FAIL, and neither stops the others.
TEST_P(RangeOutcome, cheaters_get_their_code_and_the_honest_a_model) {
    Network net(is_wide() ? wide_task() : test_task(), 7);
    const std::uint64_t b = std::uint64_t{1} << 22;
    std::vector<std::uint64_t> wrapping(dimension(), 3);
    wrapping[1] = std::uint64_t{1} << 31;  // its square is 2 modulo p
    net.driver.cheat(2, wrapping);
    net.driver.cheat(4, std::vector<std::uint64_t>(dimension(), 9 * 8 * b));
    net.driver.cheat(6, std::vector<std::uint64_t>(dimension(), b / 6));  // longer than B only
    net.submit(12, {1, 2, 3, 4, 5, 6, 7});
    net.driver.verify();
    const auto verdict = net.verdict();
    const std::vector<ClientCode> codes{
        ClientCode::kOk, ClientCode::kRangeFail, ClientCode::kOk, ClientCode::kRangeFail,
        ClientCode::kOk, ClientCode::kNormFail,  ClientCode::kOk};
    for (std::size_t i = 0; i < codes.size(); ++i) {
        EXPECT_EQ(verdict.clients[i].code, codes[i]) << i + 1;
        EXPECT_EQ(verdict.clients[i].weight > 0, codes[i] == ClientCode::kOk) << i + 1;
    }
    const auto round = net.chain.load<schema::RoundRecord>(keys::round(1));
    EXPECT_EQ(round.phase, Phase::kResult);
    EXPECT_EQ(round.in_range, 0b1110101U);
    EXPECT_EQ(round.passed, 0b1010101U);
}

TEST_P(RangeOutcome, a_member_that_lies_about_a_proof_is_named_and_changes_nothing) {
    for (std::size_t value = 0; value < 3; ++value) {  // lambda, phi, psi of slot 1
        Network net(is_wide() ? wide_task() : test_task());
        net.submit(13);
        net.driver.reach_stat1();
        const auto label = net.driver.round().label;
        std::vector<Transaction> posts;
        for (std::uint16_t member = 1; member <= 4; ++member) {
            schema::StatShare share{label, net.driver.stat1_share(member)};
            if (member == 2) share.values[value] = smpc::Field61::add(share.values[value], 1);
            posts.push_back(net.chain.make(net.chain.validators[member - 1U], kStat1, share));
        }
        net.chain.run(posts);
        ASSERT_EQ(net.faults().size(), 1U);
        EXPECT_EQ(net.faults()[0].member, 2U);
        EXPECT_EQ(net.faults()[0].coordinate, value);
        EXPECT_EQ(net.phase(), Phase::kStat2);
        EXPECT_EQ(net.driver.round().in_range, 0xFU);
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, RangeOutcome, ::testing::Bool());

}  // namespace
}  // namespace consilium::contracts::testing
