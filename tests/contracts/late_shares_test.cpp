// Shares of the preparation that come after their phase, and second ones that contradict the first.
//
// Every share that was asked for is compared whenever it comes (smpc-protocol.md, 3 and 4); the
// right one of a slow member is never a fault.
#include <gtest/gtest.h>

#include "tests/contracts/preparation_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::BatchState;
using schema::Code;
namespace action = schema::action;
namespace event = schema::event;

constexpr std::uint64_t kError = 777;

// Windows that no test outlasts, so that an assigned batch stays so.
schema::TaskSpec patient_task() {
    schema::TaskSpec spec = test_task();
    spec.windows.pledge = spec.windows.submit = {.blocks = 1000, .ms = 1000};
    return spec;
}

// Batch 0 in SACRIFICE with chi open, because some had not prepared it; its `last` member, who had,
// is slow from now on.
class LateShares : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    LateShares()
        : scene(GetParam(), 0, patient_task()), last(static_cast<std::uint16_t>(GetParam())) {
        scene.post_shares(0, scene.all_but(absent()));
        scene.pass_preparation_window();
        EXPECT_EQ(scene.batch(0).state, BatchState::kSacrifice);
        scene.post_chi(0, scene.all_but({}));
        punctual = scene.all_but({last});
    }
    // With 2t + 2 shares a lie would show at once.
    [[nodiscard]] static MemberList absent() {
        return GetParam() > 4 ? MemberList{1, 2} : MemberList{1};
    }
    [[nodiscard]] std::vector<schema::FaultProved> faults() const {
        return scene.events<schema::FaultProved>(event::kFault);
    }
    [[nodiscard]] std::size_t contradictions() const {
        return scene.events<schema::Equivocation>(event::kEquivocation).size();
    }
    void expect_one_fault(std::uint16_t share_action, std::uint64_t coordinate) const {
        const auto named = faults();
        ASSERT_EQ(named.size(), 1U);
        EXPECT_EQ(named[0].action, share_action);
        EXPECT_EQ(named[0].member, last);
        EXPECT_EQ(named[0].coordinate, coordinate);
        EXPECT_EQ(named[0].label.batch, 0U);
    }

    PreparationScene scene;
    std::uint16_t last;
    MemberList punctual;
};
INSTANTIATE_TEST_SUITE_P(Committees, LateShares, ::testing::Values(4U, 7U));

TEST_P(LateShares, wrong_w_is_named_before_and_after_the_decision) {
    scene.post_weights(0, punctual);
    ASSERT_FALSE(scene.batch(0).weight_base.empty());
    const auto base = scene.batch(0).weight_base;
    if (GetParam() == 4) {
        scene.post_checks(0, punctual);
        ASSERT_EQ(scene.batch(0).state, BatchState::kAssigned);
    }
    scene.post_weights(0, {last}, {{last, {{40, kError}}}});
    expect_one_fault(action::kPrepWeights, 40);
    EXPECT_EQ(scene.batch(0).weight_base, base);
    EXPECT_EQ(scene.driver.epoch().excluded, 0U);
    if (GetParam() == 4) return;
    scene.post_checks(0, punctual);
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
}

TEST_P(LateShares, right_w_and_check_are_no_faults_and_change_nothing) {
    scene.post_weights(0, punctual);
    scene.post_weights(0, {last});
    EXPECT_TRUE(faults().empty());
    scene.post_checks(0, punctual);
    ASSERT_EQ(scene.batch(0).state, BatchState::kAssigned);
    const auto certified = scene.batch(0).certified;
    scene.post_checks(0, {last});
    EXPECT_TRUE(faults().empty());
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
    EXPECT_EQ(scene.batch(0).certified, certified);
}

TEST_P(LateShares, wrong_check_after_the_decision_is_named) {
    scene.post_weights(0, scene.all_but({}));
    scene.post_checks(0, punctual);
    ASSERT_EQ(scene.batch(0).state, BatchState::kAssigned);
    scene.post_checks(0, {last}, {{last, {{2, kError}}}});
    expect_one_fault(action::kPrepCheck, 2);
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
}

TEST_P(LateShares, second_other_share_is_a_contradiction_as_long_as_the_first_is_kept) {
    const PublicKey member = scene.key(last);
    const auto others_are = [&](Code code) {
        schema::PrepShare share{scene.label(0), scene.driver.prep_share(0, last)};
        share.values[0] = smpc::Field61::add(share.values[0], kError);
        EXPECT_EQ(scene.chain.send(member, kPrepShare, share), code);
        EXPECT_EQ(contradictions(), code == Code::kEquivocation ? 1U : 0U);
        const std::uint64_t length = 8 * scene.batch(0).dimension;
        const schema::PrepWeights weights{scene.label(0), {sha256(as_bytes("other")), length}};
        EXPECT_EQ(scene.chain.send(member, kPrepWeights, weights), code);
        EXPECT_EQ(contradictions(), code == Code::kEquivocation ? 1U : 0U);
        const schema::PrepCheck check{
            scene.label(0), std::vector<std::uint64_t>(scene.driver.epoch().clients.size(), 5)};
        EXPECT_EQ(scene.chain.send(member, kPrepCheck, check), code);
        EXPECT_EQ(contradictions(), code == Code::kEquivocation ? 1U : 0U);
    };
    scene.post_weights(0, scene.all_but({}));
    scene.post_checks(0, scene.all_but({}));
    ASSERT_EQ(scene.batch(0).state, BatchState::kAssigned);
    others_are(Code::kEquivocation);
    // The same again is a repetition; a first share after the sacrifice stays refused.
    const schema::PrepShare same{scene.label(0), scene.driver.prep_share(0, last)};
    EXPECT_EQ(scene.chain.send(member, kPrepShare, same), Code::kDuplicate);
    const schema::PrepShare first{scene.label(0), scene.driver.prep_share(0, 1)};
    EXPECT_EQ(scene.chain.send(scene.key(1), kPrepShare, first), Code::kWrongPhase);
    EXPECT_EQ(contradictions(), 0U);
    // Nothing is kept of a batch that is over.
    const std::uint64_t round = scene.driver.round().label.round;
    scene.chain.decide(schema::ProposalKind::kCancelRound,
                       encode(schema::RoundReference{round, 0}));
    ASSERT_EQ(scene.batch(0).state, BatchState::kConsumed);
    others_are(Code::kWrongPhase);
}

TEST_P(LateShares, missing_blob_of_the_base_stops_the_block_and_blames_nobody) {
    scene.post_weights(0, punctual);
    const std::uint16_t of_base = scene.batch(0).weight_base.front();
    const auto record =
        scene.chain.load<schema::WeightShareRecord>(schema::keys::prep_w(scene.label(0), of_base));
    const Bytes content = scene.chain.blobs.get(record.share.sha256).value();
    const Bytes late = smpc::encode_words(
        std::vector<std::uint64_t>(static_cast<std::size_t>(scene.batch(0).dimension), 1));
    const Transaction transaction = scene.chain.make(
        scene.key(last), kPrepWeights,
        schema::PrepWeights{scene.label(0), {scene.chain.blobs.put(late), late.size()}});
    scene.chain.blobs.drop(record.share.sha256);
    const auto without = scene.chain.execute({transaction});
    ASSERT_FALSE(without.has_value());
    EXPECT_EQ(without.error().sha256, record.share.sha256);
    scene.chain.blobs.put(content);
    EXPECT_TRUE(scene.chain.execute({transaction}).has_value());
}

TEST_P(LateShares, wrong_w_and_check_are_named_while_a_dispute_about_another_lie_is_open) {
    // Batch 1 has a liar beside the absent ones; its window is over.
    ASSERT_EQ(scene.batch(1).state, BatchState::kPosting);
    scene.post_shares(1, scene.all_but(absent()), {{3, {{scene.position(1, 2), kError}}}});
    ASSERT_EQ(scene.batch(1).state, BatchState::kSacrifice);
    scene.post_chi(1, scene.all_but({}));
    scene.post_weights(1, punctual);
    scene.post_checks(1, punctual);
    ASSERT_EQ(scene.batch(1).state, BatchState::kDisputed);
    scene.post_weights(1, {last}, {{last, {{0, kError}}}});
    ASSERT_EQ(faults().size(), 1U);
    EXPECT_EQ(faults()[0].action, action::kPrepWeights);
    scene.post_checks(1, {last}, {{last, {{1, kError}}}});
    ASSERT_EQ(faults().size(), 1U);
    EXPECT_EQ(faults()[0].action, action::kPrepCheck);
    EXPECT_EQ(faults()[0].coordinate, 1U);
    scene.post_reveals(1, scene.all_but({}));
    EXPECT_EQ(scene.batch(1).state, BatchState::kBurned);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(3));
}

}  // namespace
}  // namespace consilium::contracts::testing
