// Mask batches on chain: certified, sacrificed, disputed; who is excluded and what that changes.
//
// Every test runs the real contracts; masks and shares are computed by the test's own parties.
#include <gtest/gtest.h>

#include "contracts/verification/disputes.hpp"
#include "fl_engine/smpc/lagrange.hpp"
#include "tests/contracts/preparation_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::BatchState;
using schema::Code;
using schema::DisputeKind;
using schema::Phase;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr std::uint64_t kError = 12'345;

class Preparation : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    [[nodiscard]] static std::uint16_t t() {
        return static_cast<std::uint16_t>((GetParam() - 1) / 3);
    }
};
INSTANTIATE_TEST_SUITE_P(Committees, Preparation, ::testing::Values(4U, 7U));

TEST_P(Preparation, wrong_share_with_all_present_is_disputed_and_the_liar_excluded) {
    PreparationScene scene(GetParam());
    const MemberList all = scene.all_but({});
    scene.post_shares(0, all, {{2, {{scene.position(1, 2), kError}}}});
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    const auto disputes = scene.events<schema::BatchDisputed>(event::kBatchDisputed);
    ASSERT_EQ(disputes.size(), 1U);
    EXPECT_EQ(disputes[0].kind, DisputeKind::kShares);
    EXPECT_EQ(disputes[0].first, 1U);
    EXPECT_EQ(disputes[0].second, 2U);
    EXPECT_EQ(scene.driver.epoch().live_batches, (std::vector<std::uint64_t>{0, 1}));
    scene.post_reveals(0, all);
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(2));
    const auto liars = scene.events<schema::ExclusionRecord>(event::kExcluded);
    ASSERT_EQ(liars.size(), 1U);
    EXPECT_EQ(liars[0].member, 2U);
    EXPECT_EQ(smpc::Field61::sub(liars[0].posted, liars[0].expected), kError);
    EXPECT_EQ(scene.chain.load<schema::ExclusionRecord>(keys::exclusion(1, 2)), liars[0]);
    // What was still being prepared is thrown away, and new batches open at once.
    EXPECT_EQ(scene.batch(1).state, BatchState::kVoid);
    EXPECT_EQ(scene.driver.epoch().live_batches, (std::vector<std::uint64_t>{2, 3}));
    // Keys and shares of the burned batch have left the state.
    EXPECT_FALSE(scene.chain.state.get(keys::dispute_keys(scene.label(0))).has_value());
    for (const std::uint16_t member : all) {
        EXPECT_FALSE(scene.chain.state.get(keys::prep_share(scene.label(0), member)).has_value());
        EXPECT_FALSE(scene.chain.state.get(keys::prep_reveal(scene.label(0), member)).has_value());
    }
}

TEST_P(Preparation, after_an_exclusion_fewer_members_certify_and_run_the_round) {
    PreparationScene scene(GetParam());
    scene.post_shares(0, scene.all_but({}), {{1, {{scene.position(0, 1), kError}}}});
    scene.post_reveals(0, scene.all_but({}));
    ASSERT_EQ(scene.driver.epoch().excluded, schema::member_bit(1));
    schema::PrepShare share{scene.label(2), scene.driver.prep_share(2, 1)};
    EXPECT_EQ(scene.chain.send(scene.key(1), kPrepShare, share), Code::kMemberExcluded);
    // 3t + 1 - |X| members suffice now.
    scene.post_shares(2, scene.all_but({1}));
    ASSERT_EQ(scene.batch(2).state, BatchState::kAssigned);
    ASSERT_EQ(scene.driver.round().phase, Phase::kSubmitting);
    MemberList slots;
    for (std::uint16_t slot = 1; slot <= scene.driver.epoch().clients.size(); ++slot) {
        slots.insert(slot);
    }
    scene.driver.submit(scene.driver.similar_updates(7, 0), slots);
    scene.driver.reach_stat1({.silent = {1}, .liars = {}});
    ASSERT_EQ(scene.driver.round().phase, Phase::kStat1);
    schema::StatShare stat{scene.driver.round().label, scene.driver.stat1_share(1)};
    EXPECT_EQ(scene.chain.send(scene.key(1), kStat1, stat), Code::kMemberExcluded);
    scene.driver.verify({.silent = {1}, .liars = {}});
    EXPECT_EQ(scene.driver.round().phase, Phase::kResult);
    EXPECT_FALSE(scene.driver.round().is_aggregate_fallback);  // member 2 is a first poster now
    EXPECT_TRUE(scene.events<schema::FaultProved>(event::kFault).empty());
}

TEST_P(Preparation, absent_member_leads_to_a_sacrifice_that_certifies) {
    PreparationScene scene(GetParam());
    MemberList absent;
    for (std::uint16_t k = 1; k <= t(); ++k) absent.insert(k);
    const MemberList present = scene.all_but(absent);
    scene.post_shares(0, present);
    EXPECT_EQ(scene.batch(0).state, BatchState::kPosting);
    EXPECT_TRUE(has_open_window(scene.chain.state, {scene.chain.height, scene.chain.time}));
    std::vector<schema::Absent> absences;
    for (int i = 0; i < 4 && scene.batch(0).state == BatchState::kPosting; ++i) {
        scene.chain.pass(1);
        absences = scene.events<schema::Absent>(event::kAbsent);
    }
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    ASSERT_EQ(absences.size(), absent.size());
    for (const schema::Absent& absence : absences) {
        EXPECT_TRUE(absent.contains(absence.member));
        EXPECT_EQ(absence.batch, 0U);
    }
    // Frozen: a share that comes now does not count.
    schema::PrepShare late{scene.label(0), scene.driver.prep_share(0, 1)};
    EXPECT_EQ(scene.chain.send(scene.key(1), kPrepShare, late), Code::kWrongPhase);
    scene.post_chi(0, present);
    EXPECT_EQ(scene.events<schema::SeedOpened>(event::kSeed).size(), 1U);
    scene.post_weights(0, present);
    EXPECT_FALSE(scene.batch(0).weight_base.empty());
    scene.post_checks(0, present);
    ASSERT_EQ(scene.batch(0).state, BatchState::kAssigned);
    EXPECT_EQ(scene.driver.epoch().excluded, 0U);
    EXPECT_EQ(scene.chain.send(scene.key(1), kPrepShare, late), Code::kWrongPhase);
    // The products are right: a round on them ends.
    MemberList slots;
    for (std::uint16_t slot = 1; slot <= scene.driver.epoch().clients.size(); ++slot) {
        slots.insert(slot);
    }
    scene.driver.submit(scene.driver.similar_updates(3, 0), slots);
    scene.driver.verify();
    EXPECT_EQ(scene.driver.round().phase, Phase::kResult);
}

TEST_P(Preparation, lie_beside_an_absent_member_is_found_by_the_sacrifice) {
    PreparationScene scene(GetParam());
    MemberList absent;
    for (std::uint16_t k = 1; k <= t(); ++k) absent.insert(k);
    const auto liar = static_cast<std::uint16_t>(t() + 1);
    const MemberList present = scene.all_but(absent);
    scene.post_shares(0, present, {{liar, {{scene.position(1, 3), kError}}}});
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    scene.sacrifice(0, scene.all_but({}));  // the absent take part in the check
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    const auto disputes = scene.events<schema::BatchDisputed>(event::kBatchDisputed);
    ASSERT_EQ(disputes.size(), 1U);
    EXPECT_EQ(disputes[0].kind, DisputeKind::kCheck);
    EXPECT_EQ(disputes[0].first, 1U);  // the first bad check: (1,3) enters chk_1 and chk_3
    scene.post_reveals(0, scene.all_but({}));
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(liar));
}

TEST_P(Preparation, liars_about_one_item_are_all_excluded_and_more_than_t_halt_the_epoch) {
    PreparationScene scene(GetParam());
    // A certified batch and a running round exist when the assumption breaks.
    scene.driver.prepare_batches();
    ASSERT_EQ(scene.driver.round().phase, Phase::kSubmitting);
    ASSERT_EQ(scene.batch(1).state, BatchState::kCertified);
    Errors errors;
    for (std::uint16_t k = 1; k <= t() + 1; ++k) errors[k] = {{scene.position(2, 2), kError * k}};
    scene.post_shares(2, scene.all_but({}), errors);
    ASSERT_EQ(scene.batch(2).state, BatchState::kDisputed);
    scene.post_reveals(2, scene.all_but({}));
    const auto epoch = scene.driver.epoch();
    EXPECT_TRUE(epoch.is_halted);
    EXPECT_EQ(scene.events<schema::EpochHalted>(event::kEpochHalted).size(), 1U);
    EXPECT_EQ(scene.driver.round().phase, Phase::kCancelled);
    EXPECT_EQ(scene.driver.round().reason, schema::EndReason::kEpochHalted);
    EXPECT_EQ(scene.batch(0).state, BatchState::kConsumed);
    EXPECT_EQ(scene.batch(1).state, BatchState::kVoid);
    EXPECT_TRUE(epoch.live_batches.empty());
    scene.chain.pass(10);
    EXPECT_TRUE(scene.events<schema::EpochHalted>(event::kEpochHalted).empty());  // told once
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 1U);
    EXPECT_TRUE(scene.driver.epoch().live_batches.empty());
    // The council goes on with a fresh epoch.
    EXPECT_EQ(
        scene.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
        Code::kOk);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
    EXPECT_EQ(scene.driver.epoch().excluded, 0U);
    EXPECT_FALSE(scene.driver.epoch().is_halted);
}

TEST_P(Preparation, false_reveals_are_outvoted_and_blame_no_honest_member) {
    PreparationScene scene(GetParam());
    const std::uint16_t liar = 3;
    scene.post_shares(0, scene.all_but({}), {{liar, {{scene.position(1, 2), kError}}}});
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    // The liar tries to move the blame: its first mask key, then (n = 7: another one) a pi key.
    const std::size_t ring = scene.reveal(0, 1).prep.size();
    std::map<std::uint16_t, std::size_t> false_keys{{liar, 0}};
    if (t() > 1) false_keys[5] = 2 * ring;
    scene.post_reveals(0, scene.all_but({}), false_keys);
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(liar));
    const auto faults = scene.events<schema::FaultProved>(event::kFault);
    ASSERT_EQ(faults.size(), false_keys.size());
    for (const schema::FaultProved& fault : faults) {
        EXPECT_EQ(fault.action, action::kPrepReveal);
        EXPECT_EQ(fault.coordinate, false_keys.at(fault.member));
    }
}

TEST_P(Preparation, dispute_waits_for_reveals_and_needs_no_more_than_the_honest_ones) {
    PreparationScene scene(GetParam());
    const std::uint16_t liar = 1;
    scene.post_shares(0, scene.all_but({}), {{liar, {{scene.position(0, 2), kError}}}});
    MemberList silent;
    for (std::uint16_t k = 1; k <= t(); ++k) silent.insert(k);
    const MemberList honest = scene.all_but(silent);
    const std::uint16_t last = *honest.rbegin();
    MemberList most = honest;
    most.erase(last);
    scene.post_reveals(0, most);
    scene.chain.pass(30);
    EXPECT_EQ(scene.batch(0).state, BatchState::kDisputed);  // no timeout
    scene.post_reveals(0, {last});
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(liar));
}

TEST_P(Preparation, wrong_shares_of_the_check_are_corrected_and_named) {
    PreparationScene scene(GetParam());
    const std::uint16_t absent = 2;
    const std::uint16_t liar = 1;
    MemberList present = scene.all_but({absent});
    if (t() > 1) present.erase(4);  // with 2t+2 posters a lie would show at once
    scene.post_shares(0, present);
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    scene.post_chi(0, scene.all_but({}), {{liar, {{1, kError}}}});
    auto faults = scene.events<schema::FaultProved>(event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].action, action::kCoinShare);
    scene.post_weights(0, scene.all_but({}), {{liar, {{40, kError}}}});
    faults = scene.events<schema::FaultProved>(event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].action, action::kPrepWeights);
    EXPECT_EQ(faults[0].member, liar);
    EXPECT_EQ(faults[0].coordinate, 40U);  // only the last coordinate
    // The driver opens w from members 1..t+1 by their honest shares; the base on chain leaves 1
    // out.
    scene.post_checks(0, scene.all_but({}), {{liar, {{2, kError}}}});
    faults = scene.events<schema::FaultProved>(event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].action, action::kPrepCheck);
    EXPECT_EQ(faults[0].coordinate, 2U);
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
    EXPECT_EQ(scene.driver.epoch().excluded, 0U);  // FAULT never changes X
}

TEST_P(Preparation, lies_in_share_w_and_check_together_end_in_the_exclusion_of_the_liar) {
    PreparationScene scene(GetParam());
    MemberList absent{2};
    if (t() > 1) absent.insert(4);
    const std::uint16_t liar = 1;
    scene.post_shares(0, scene.all_but(absent), {{liar, {{scene.position(1, 1), kError}}}});
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    scene.post_chi(0, scene.all_but({}));
    scene.post_weights(0, scene.all_but({}), {{liar, {{3, kError}}}});
    scene.post_checks(0, scene.all_but({}), {{liar, {{0, kError}}}});
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    scene.post_reveals(0, scene.all_but({}), {{liar, 0}});
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(liar));
}

TEST_P(Preparation, messages_out_of_their_phase_or_malformed_are_refused) {
    PreparationScene scene(GetParam());
    const std::size_t words = scene.driver.epoch().clients.size();
    const std::uint64_t length = 8 * scene.batch(0).dimension;
    const schema::PrepWeights weights{scene.label(0), {sha256(as_bytes("w")), length}};
    schema::PrepCheck check{scene.label(0), std::vector<std::uint64_t>(words, 1)};
    schema::PrepReveal reveal{scene.label(0), {}, {}};
    const PublicKey member = scene.key(2);
    const auto refuses_all = [&](Code code) {
        EXPECT_EQ(scene.chain.send(member, kPrepWeights, weights), code);
        EXPECT_EQ(scene.chain.send(member, kPrepCheck, check), code);
        EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), code);
    };
    refuses_all(Code::kWrongPhase);  // POSTING
    EXPECT_EQ(scene.chain.send(member, kCoinShare, scene.chi_share(0, 2)), Code::kWrongPhase);
    scene.post_shares(0, scene.all_but({1}), {{4, {{0, kError}}}});
    if (t() == 1) scene.pass_preparation_window();
    if (t() == 1) {
        ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
        refuses_all(Code::kWrongPhase);  // chi is not open
        scene.post_chi(0, scene.all_but({}));
        EXPECT_EQ(scene.chain.send(member, kPrepCheck, check), Code::kWrongPhase);
        schema::PrepWeights wrong = weights;
        wrong.share.length -= 8;
        EXPECT_EQ(scene.chain.send(member, kPrepWeights, wrong), Code::kWrongLength);
        scene.post_weights(0, scene.all_but({}));
        // It has posted another one.
        EXPECT_EQ(scene.chain.send(member, kPrepWeights, weights), Code::kEquivocation);
        schema::PrepCheck bad = check;
        bad.values.pop_back();
        EXPECT_EQ(scene.chain.send(member, kPrepCheck, bad), Code::kWrongLength);
        bad = check;
        bad.values[0] = smpc::kPrime61;
        EXPECT_EQ(scene.chain.send(member, kPrepCheck, bad), Code::kWordOutOfRange);
        scene.post_checks(0, scene.all_but({}));
    }
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kWrongLength);
    reveal = scene.reveal(0, 2);
    reveal.masks.push_back(reveal.masks.back());
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kWrongLength);
    reveal = scene.reveal(0, 2);
    EXPECT_EQ(scene.chain.send(scene.chain.council[0], kPrepReveal, reveal), Code::kRoleNotAllowed);
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kOk);
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kDuplicate);
    reveal.prep[0][5] ^= 1;
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kEquivocation);
    reveal.label.batch = 99;
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kWrongLabel);
    reveal.label = {7, 0};
    EXPECT_EQ(scene.chain.send(member, kPrepReveal, reveal), Code::kWrongLabel);
}

TEST(PreparationTest, two_liars_whose_errors_cancel_are_certified_with_the_right_values) {
    PreparationScene honest(7);
    honest.post_shares(0, honest.all_but({}));
    const auto right = honest.batch(0).delta;

    PreparationScene scene(7);
    const MemberList absent{2, 6};
    const MemberList present = scene.all_but(absent);  // 2t+1: no redundancy
    const std::vector<smpc::MemberIndex> nodes(present.begin(), present.end());
    const auto at_zero = smpc::lagrange_coefficients<smpc::Field61>(nodes, 0);
    // Members 3 and 4 are second and third of the posters.
    const std::size_t item = scene.position(1, 2);
    scene.post_shares(
        0, present, {{3, {{item, at_zero[2]}}}, {4, {{item, smpc::Field61::negate(at_zero[1])}}}});
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    EXPECT_EQ(scene.batch(0).delta, right);
    scene.sacrifice(0, present);
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
    EXPECT_EQ(scene.batch(0).delta, right);
    // An honest late share would not lie on the posted polynomial: it is not compared.
    schema::PrepShare late{scene.label(0), scene.driver.prep_share(0, 2)};
    EXPECT_EQ(scene.chain.send(scene.key(2), kPrepShare, late), Code::kWrongPhase);
    EXPECT_TRUE(scene.events<schema::FaultProved>(event::kFault).empty());
}

TEST(PreparationTest, two_liars_on_a_common_polynomial_do_not_pass_for_a_full_committee) {
    // |P| = 6 of 7 is consistent, because the liars chose one polynomial of degree 2t with the
    // honest shares of members 1, 2 and 3. With X empty, 3t+1 = 7 are needed.
    PreparationScene scene(7);
    const std::size_t item = scene.position(2, 3);
    const MemberList present = scene.all_but({7});
    // The error polynomial vanishes at the honest posters 1..4, hence has degree 4: c *
    // (x-1)...(x-4).
    const auto error_at = [](std::uint64_t x) {
        std::uint64_t value = kError;
        for (std::uint64_t root = 1; root <= 4; ++root) {
            value = smpc::Field61::mul(value, smpc::Field61::sub(x, root));
        }
        return value;
    };
    scene.post_shares(0, present, {{5, {{item, error_at(5)}}}, {6, {{item, error_at(6)}}}});
    EXPECT_EQ(scene.batch(0).state, BatchState::kPosting);
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    scene.sacrifice(0, scene.all_but({}));
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    scene.post_reveals(0, scene.all_but({}));
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(5) | schema::member_bit(6));
    EXPECT_FALSE(scene.driver.epoch().is_halted);
}

TEST(PreparationTest, exclusion_voids_a_batch_in_sacrifice_and_leaves_an_assigned_one_alone) {
    schema::TaskSpec spec = test_task();
    spec.windows.pledge = {.blocks = 1000, .ms = 1000};
    PreparationScene scene(7, 0, spec);
    const MemberList all = scene.all_but({});
    // Batch 0 stays in SACRIFICE, 1 serves a round, 2 is disputed.
    scene.post_shares(0, scene.all_but({1, 4}));
    scene.post_shares(1, scene.all_but({1}), {});
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    ASSERT_EQ(scene.batch(1).state, BatchState::kSacrifice);
    scene.sacrifice(1, all);
    ASSERT_EQ(scene.batch(1).state, BatchState::kAssigned);
    scene.chain.pass(1);
    ASSERT_EQ(scene.batch(2).state, BatchState::kPosting);
    scene.post_shares(2, all, {{2, {{0, kError}}}});
    ASSERT_EQ(scene.batch(2).state, BatchState::kDisputed);
    scene.post_reveals(2, all);
    EXPECT_EQ(scene.batch(2).state, BatchState::kBurned);
    EXPECT_EQ(scene.batch(0).state, BatchState::kVoid);
    EXPECT_EQ(scene.batch(1).state, BatchState::kAssigned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(2));
}

TEST(PreparationTest, two_disputes_at_once_both_finish_and_name_their_liars) {
    PreparationScene scene(7);
    const MemberList all = scene.all_but({});
    scene.post_shares(0, all, {{2, {{0, kError}}}});
    scene.post_shares(1, all, {{3, {{1, kError}}}});
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    ASSERT_EQ(scene.batch(1).state, BatchState::kDisputed);
    scene.post_reveals(1, all);
    EXPECT_EQ(scene.batch(1).state, BatchState::kBurned);
    EXPECT_EQ(scene.batch(0).state, BatchState::kDisputed);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(3));
    scene.post_reveals(0, scene.all_but({3}));
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(2) | schema::member_bit(3));
    EXPECT_FALSE(scene.driver.epoch().is_halted);
}

TEST(PreparationTest, end_of_the_epoch_voids_batches_in_every_unfinished_state) {
    PreparationScene scene(4);
    scene.post_shares(0, scene.all_but({1}));
    scene.post_shares(1, scene.all_but({}), {{2, {{0, kError}}}});
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    ASSERT_EQ(scene.batch(1).state, BatchState::kDisputed);
    scene.post_chi(0, scene.all_but({}));
    scene.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}));
    ASSERT_EQ(scene.driver.epoch().mpc_epoch, 2U);
    for (const std::uint64_t number : {0U, 1U}) {
        const auto batch = scene.chain.load<schema::BatchRecord>(keys::batch({1, number}));
        EXPECT_EQ(batch.state, BatchState::kVoid);
        schema::keys::CoinId chi;
        chi.label.mpc_epoch = 1;
        chi.label.batch = number;
        EXPECT_FALSE(scene.chain.state.get(keys::coin(chi)).has_value());
    }
}

TEST(PreparationTest, coin_of_a_batch_does_not_depend_on_a_round_that_ends_between_its_shares) {
    PreparationScene scene(7);
    scene.post_shares(0, scene.all_but({}));
    scene.chain.pass(1);
    ASSERT_EQ(scene.driver.round().phase, Phase::kSubmitting);
    scene.post_shares(1, scene.all_but({2}));
    scene.pass_preparation_window();
    ASSERT_EQ(scene.batch(1).state, BatchState::kSacrifice);
    scene.post_chi(1, {1, 3});
    scene.chain.decide(schema::ProposalKind::kCancelRound,
                       encode(schema::RoundReference{scene.driver.round().label.round, 0}));
    scene.post_chi(1, {4, 5, 6});
    const auto seeds = scene.events<schema::SeedOpened>(event::kSeed);
    ASSERT_EQ(seeds.size(), 1U);
    scene.post_chi(1, {7});  // late, and right
    EXPECT_TRUE(scene.events<schema::FaultProved>(event::kFault).empty());
    PreparationScene other(7);
    other.post_shares(1, other.all_but({2}));
    other.pass_preparation_window();
    other.post_chi(1, other.all_but({}));
    EXPECT_EQ(other.events<schema::SeedOpened>(event::kSeed).at(0).seed, seeds[0].seed);
}

TEST(PreparationTest, recomputation_of_a_large_dispute_is_spread_over_blocks) {
    schema::TaskSpec spec = test_task();
    spec.model = {schema::ModelKind::kLogistic, {12'300, 1}};
    spec.mode = schema::Mode::kSum;
    PreparationScene scene(13, 3, spec);
    ASSERT_EQ(scene.batch(0).dimension, 12'301U);
    const MemberList all = scene.all_but({});
    scene.post_shares(0, all, {{6, {{scene.position(1, 2), kError}}}});
    ASSERT_EQ(scene.batch(0).state, BatchState::kDisputed);
    const std::uint16_t slow = 5;
    scene.post_reveals(0, scene.all_but({slow}));
    // Two tiles a block: 13 * 495 * 2 multiplications per coordinate, at most 2^27 together.
    const auto progress = [&] {
        return scene.chain.load<schema::DisputeRecord>(keys::dispute(scene.label(0))).recomputed;
    };
    EXPECT_EQ(progress(), 2 * smpc::kTileElements);
    EXPECT_LE(progress() * 13 * 495 * 2, verification::kWorkPerBlock);
    EXPECT_EQ(scene.batch(0).state, BatchState::kDisputed);
    EXPECT_TRUE(has_open_window(scene.chain.state, {scene.chain.height, scene.chain.time}));
    // The keys are agreed: a false reveal changes nothing, and is a fault although it comes late.
    const std::size_t ring = scene.reveal(0, slow).prep.size();
    scene.post_reveals(0, {slow}, {{slow, ring + 3}});
    const auto faults = scene.events<schema::FaultProved>(event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].action, action::kPrepReveal);
    EXPECT_EQ(faults[0].member, slow);
    EXPECT_EQ(faults[0].coordinate, ring + 3);
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(6));
}

}  // namespace
}  // namespace consilium::contracts::testing
