// Changes of the validators under the secure computation: who finishes what, and what is erased.
#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/schema/membership.hpp"
#include "fl_engine/smpc/field61.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace event = schema::event;
namespace keys = schema::keys;
using schema::Mode;
using schema::Phase;
using schema::ProposalKind;
using schema::Validator;

schema::MembershipRecord membership(const World& world) {
    return world.find<schema::MembershipRecord>(keys::membership()).value();
}

// The vote for this list; it is pending afterwards.
schema::ChangeValidators announce(World& world, std::vector<Validator> list) {
    const schema::ChangeValidators change{membership(world).epoch, Height{world.height.value + 12},
                                          std::move(list)};
    world.decide(ProposalKind::kChangeValidators, encode(change));
    EXPECT_EQ(membership(world).pending, change);
    return change;
}

Validator entry_of(const World& world, std::size_t position, const std::string& name) {
    return {name, world.validators.at(position)->key.public_key(), ""};
}

void set_silent(World& world, bool is_silent) {
    for (std::size_t i = 0; i < 2; ++i) world.validators[i]->is_silent = is_silent;  // t + 1 of 4
}

void expect_no_secret_of(const mpc::testing::Validator& validator, const std::string& epoch) {
    for (const auto& [name, secret] : validator.store.contents) {
        EXPECT_FALSE(name.starts_with(epoch + "/")) << name;
    }
}

class ChangeDuringARound : public ::testing::TestWithParam<Phase> {
  protected:
    // Nobody who is missing ends the phase.
    void hold(World& world, bool is_held) const {
        mpc::testing::Client& client = *world.clients[0];
        if (GetParam() == Phase::kSubmitting) {
            client.submits = !is_held;
        } else if (GetParam() == Phase::kRanging) {
            client.proves = !is_held;
        } else {
            set_silent(world, is_held);
        }
    }
    [[nodiscard]] bool restarts() const {
        return schema::phase_order(GetParam()) < schema::phase_order(Phase::kCoinTest);
    }
};

// Section 10, set change: before h_rng the round begins anew with the new committee, from then on
// the old one finishes it first.
TEST_P(ChangeDuringARound, the_right_committee_ends_the_round_and_old_secrets_are_erased) {
    World world({.mode = Mode::kPairwise,
                 .rounds = 3,
                 .is_wide = true,
                 .adjust_task = [](schema::TaskSpec& task) {
                     task.windows.pledge = task.windows.submit =
                         task.windows.range = {.blocks = 400, .ms = 400};
                 }});
    const std::size_t fresh = world.add_validator("St Elsewhere");
    hold(world, GetParam() == Phase::kSubmitting || GetParam() == Phase::kRanging);
    ASSERT_TRUE(world.run_until([&] { return world.is_in(GetParam()); }));
    hold(world, true);
    auto list = membership(world).validators;
    list[0] = entry_of(world, fresh, "St Elsewhere");
    const schema::ChangeValidators change = announce(world, list);
    ASSERT_TRUE(world.run_until([&] { return world.height >= change.activation; }));
    EXPECT_EQ(membership(world).epoch, Epoch{restarts() ? 1U : 0U});
    for (int i = 0; i < 5; ++i) world.advance();
    if (!restarts()) {
        EXPECT_TRUE(world.is_in(GetParam()));
    }
    hold(world, false);
    ASSERT_TRUE(world.run_rounds(3, 600));
    EXPECT_EQ(membership(world).epoch, Epoch{1});
    const auto results = world.results();
    EXPECT_EQ(results[0].label.mpc_epoch, restarts() ? 2U : 1U);
    EXPECT_EQ(results[0].label.attempt, restarts() ? 1U : 0U);
    EXPECT_EQ(results[2].label.mpc_epoch, 2U);
    for (const schema::RoundResult& result : results) world.expect_result_is_plain_sum(result);
    // The newcomer has its part in the last round, nobody keeps anything of the first epoch.
    const auto member = world.epoch()->find_member(list[0].key).value();
    const auto round = world.find<schema::RoundRecord>(keys::round(results[2].label.round));
    EXPECT_NE(round->stat1_posters & schema::member_bit(member), 0);
    for (const auto& validator : world.validators) expect_no_secret_of(*validator, "epoch-1");
    EXPECT_TRUE(world.validators[0]->store.contents.empty());
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Phases, ChangeDuringARound,
                         ::testing::Values(Phase::kSubmitting, Phase::kCoinRange, Phase::kRanging,
                                           Phase::kCoinTest, Phase::kStat1, Phase::kStat2,
                                           Phase::kAggregate));

TEST(ChangeOfSize, a_seventh_validator_makes_the_committee_bear_two_liars) {
    World world({.validators = 6, .rounds = 6});
    const std::size_t fresh = world.add_validator("St Elsewhere");
    ASSERT_TRUE(world.run_rounds(1));
    auto list = membership(world).validators;
    list.push_back(entry_of(world, fresh, "St Elsewhere"));
    (void)announce(world, list);
    const auto lie = [](Outgoing& sent) {
        if (sent.action != schema::action::kStat1) return;
        auto share = decode<schema::StatShare>(sent.arguments).value();
        share.values.back() = smpc::Field61::add(share.values.back(), 3);
        sent.arguments = encode(share);
    };
    ASSERT_TRUE(world.run_until([&] { return membership(world).epoch == Epoch{1}; }));
    for (const std::size_t liar : {std::size_t{1}, fresh}) world.validators[liar]->lie = lie;
    const std::size_t done = world.results().size();
    ASSERT_TRUE(world.run_rounds(done + 1, 400));
    const schema::RoundResult result = world.results().back();
    EXPECT_EQ(result.label.mpc_epoch, 2U);
    EXPECT_EQ(world.epoch()->members.size(), 7U);
    world.expect_result_is_plain_sum(result);
    EXPECT_EQ(world.faults().size(), 2U);
}

TEST(ChangeAfterEvidence, an_excluded_validator_is_replaced_and_nobody_is_excluded_any_more) {
    World world({.rounds = 2});
    const std::size_t fresh = world.add_validator("St Elsewhere");
    world.validators[3]->lie = [](Outgoing& sent) {
        if (sent.action != schema::action::kPrepShare) return;
        auto share = decode<schema::PrepShare>(sent.arguments).value();
        share.values[0] = smpc::Field61::add(share.values[0], 1);
        sent.arguments = encode(share);
    };
    ASSERT_TRUE(world.run_until([&] { return world.epoch() && world.epoch()->excluded != 0; }));
    auto list = membership(world).validators;
    list[3] = entry_of(world, fresh, "St Elsewhere");
    (void)announce(world, list);
    ASSERT_TRUE(world.run_until([&] { return membership(world).epoch == Epoch{1}; }, 300));
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    EXPECT_EQ(world.epoch()->excluded, 0);
    EXPECT_EQ(world.epoch()->members[3], list[3].key);
    ASSERT_TRUE(world.run_rounds(2, 400));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_EQ(world.results()[1].label.mpc_epoch, 2U);
    expect_no_secret_of(*world.validators[3], "epoch-1");
}

}  // namespace
}  // namespace consilium::mpc::testing
