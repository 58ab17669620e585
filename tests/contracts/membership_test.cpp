// Changes of the validators: what the council may vote for, and what happens at their height.
#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/schema/membership.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::ChangeValidators;
using schema::Code;
using schema::MembershipRecord;
using schema::Module;
using schema::Phase;
using schema::ProposalKind;
using schema::Role;
using schema::Validator;
namespace event = schema::event;
namespace keys = schema::keys;

MembershipRecord membership(const Chain& chain) {
    return chain.load<MembershipRecord>(keys::membership());
}
AccountStatus status_of(const Chain& chain, const PublicKey& key) {
    return chain.load<AccountRecord>(keys::account(key)).status;
}

// A key registered as the validator of an organisation, not yet in any list.
Validator newcomer(Chain& chain, const std::string& organisation) {
    const PublicKey key = key_of(organisation + " new validator");
    EXPECT_EQ(chain.send(key, kRegister, schema::Register{Role::kValidator, organisation}),
              Code::kOk);
    return {organisation, key, "node.example:27000"};
}

ChangeValidators change_to(const Chain& chain, std::vector<Validator> validators,
                           std::uint64_t lead = 20) {
    return {membership(chain).epoch, Height{chain.height.value + lead}, std::move(validators)};
}

Code propose(Chain& chain, const ChangeValidators& change) {
    return chain.send(chain.council[0], kPropose,
                      schema::Propose{ProposalKind::kChangeValidators, encode(change)});
}
Code decide(Chain& chain, const ChangeValidators& change) {
    return chain.decide(ProposalKind::kChangeValidators, encode(change));
}

std::vector<Validator> without(std::vector<Validator> list, std::size_t position) {
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(position));
    return list;
}

// Runs to the block in which the pending change has to happen.
void reach(Chain& chain, const ChangeValidators& change) {
    while (chain.height.next() < change.activation) {
        chain.pass(1);
        EXPECT_FALSE(chain.last().next_membership.has_value());
    }
    chain.pass(1);
}

TEST(MembershipTest, genesis_gives_the_first_membership_with_names) {
    const Chain chain(5);
    const MembershipRecord record = membership(chain);
    EXPECT_EQ(record.epoch, Epoch{0});
    EXPECT_EQ(schema::membership_of(record), chain.genesis.membership());
    EXPECT_FALSE(record.pending.has_value());
}

TEST(MembershipTest, a_fifth_validator_joins_at_the_named_height_and_not_before) {
    Chain chain(4);
    const Validator fifth = newcomer(chain, "St Elsewhere");
    EXPECT_EQ(status_of(chain, fifth.key), AccountStatus::kPending);
    auto list = membership(chain).validators;
    list.push_back(fifth);
    const ChangeValidators change = change_to(chain, list);
    EXPECT_EQ(decide(chain, change), Code::kOk);
    EXPECT_EQ(membership(chain).pending, change);
    EXPECT_EQ(chain.events<ChangeValidators>(Module::kGovernance, event::kMembershipAnnounced),
              std::vector{change});
    reach(chain, change);
    EXPECT_EQ(chain.height, change.activation);
    const auto announced = chain.last().next_membership;
    ASSERT_TRUE(announced.has_value());
    EXPECT_EQ(announced->epoch, Epoch{1});
    EXPECT_EQ(announced->members.back(), (Member{"St Elsewhere", fifth.key}));
    EXPECT_EQ(*announced, schema::membership_of(membership(chain)));
    EXPECT_EQ(status_of(chain, fifth.key), AccountStatus::kApproved);
    const auto registry = chain.load<schema::RegistryRecord>(keys::registry());
    EXPECT_EQ(registry.validators.size(), 5U);
    EXPECT_TRUE(registry.pending.empty());
    chain.pass(1);
    EXPECT_FALSE(chain.last().next_membership.has_value());
}

TEST(MembershipTest, a_validator_that_leaves_is_retired_for_ever) {
    Chain chain(5);
    const PublicKey leaver = chain.validators[1];
    const ChangeValidators change = change_to(chain, without(membership(chain).validators, 1));
    ASSERT_EQ(decide(chain, change), Code::kOk);
    reach(chain, change);
    EXPECT_EQ(status_of(chain, leaver), AccountStatus::kRetired);
    const auto changed =
        chain.events<schema::MembershipChanged>(Module::kGovernance, event::kMembershipChanged);
    ASSERT_EQ(changed.size(), 1U);
    EXPECT_EQ(changed[0].left, std::vector{leaver});
    const auto organisation = chain.load<schema::OrganisationRecord>(keys::organisation(1));
    EXPECT_FALSE(organisation.validator.has_value());
    EXPECT_EQ(organisation.accounts, 1U);
    const Transaction late = chain.make(leaver, kEphemeralKey, schema::EphemeralKey{});
    EXPECT_EQ(check_admission(chain.state, late, {.height = chain.height.next(), .nonce_gap = 0}),
              Code::kAccountNotActive);
    // Neither registered anew nor listed again.
    EXPECT_EQ(chain.send(chain.council[0], kReinstate, schema::AccountBallot{leaver}),
              Code::kValidatorFixed);
    auto back = membership(chain).validators;
    back.push_back({"Hospital 2", leaver, ""});
    EXPECT_EQ(propose(chain, change_to(chain, back)), Code::kNotAValidatorKey);
}

TEST(MembershipTest, an_organisation_rotates_its_validator_key_in_one_change) {
    Chain chain(4);
    const Validator fresh = newcomer(chain, "Hospital 3");
    auto list = membership(chain).validators;
    list[2] = fresh;
    const ChangeValidators change = change_to(chain, list);
    ASSERT_EQ(decide(chain, change), Code::kOk);
    reach(chain, change);
    EXPECT_EQ(chain.last().next_membership->members[2], (Member{"Hospital 3", fresh.key}));
    EXPECT_EQ(status_of(chain, chain.validators[2]), AccountStatus::kRetired);
    const auto organisation = chain.load<schema::OrganisationRecord>(keys::organisation(2));
    EXPECT_EQ(organisation.validator, fresh.key);
    EXPECT_EQ(organisation.accounts, 2U);
}

TEST(MembershipTest, wrong_lists_are_refused_when_proposed_each_with_its_code) {
    Chain chain(7);
    const PublicKey trainer = chain.add_trainer(0);
    const Validator fresh = newcomer(chain, "St Elsewhere");
    const auto now = membership(chain).validators;
    const auto with = [&](const Validator& entry) {
        auto list = now;
        list.push_back(entry);
        return change_to(chain, list);
    };
    EXPECT_EQ(propose(chain, change_to(chain, now)), Code::kMembershipUnchanged);
    EXPECT_EQ(propose(chain, change_to(chain, {now[0], now[1], now[2]})), Code::kTooFewValidators);
    EXPECT_EQ(propose(chain, with(now[0])), Code::kValidatorTwice);
    EXPECT_EQ(propose(chain, with({"Hospital 1", fresh.key, ""})), Code::kValidatorTwice);
    EXPECT_EQ(propose(chain, with({"Hospital 9", fresh.key, ""})), Code::kWrongOrganisation);
    EXPECT_EQ(propose(chain, with({"St Elsewhere", key_of("nobody"), ""})),
              Code::kNotAValidatorKey);
    EXPECT_EQ(propose(chain, with({"St Elsewhere", trainer, ""})), Code::kNotAValidatorKey);
    EXPECT_EQ(propose(chain, with({"St Elsewhere", chain.council[0], ""})),
              Code::kNotAValidatorKey);
    EXPECT_EQ(propose(chain, with({"St Elsewhere", fresh.key, "nowhere"})), Code::kAddressInvalid);
    ChangeValidators other = with(fresh);
    other.epoch = Epoch{1};
    EXPECT_EQ(propose(chain, other), Code::kMembershipOutdated);
    other = with(fresh);
    other.activation = Height{1};
    EXPECT_EQ(propose(chain, other), Code::kActivationTooSoon);
    other.activation = Height{chain.height.value + schema::kMaxActivationLead + 2};
    EXPECT_EQ(propose(chain, other), Code::kActivationTooLate);
    EXPECT_EQ(chain.send(chain.council[0], kPropose,
                         schema::Propose{ProposalKind::kChangeValidators, Bytes{1}}),
              Code::kBadPayload);
    EXPECT_EQ(propose(chain, with(fresh)), Code::kOk);
}

TEST(MembershipTest, no_key_of_a_rejected_account_is_listed) {
    Chain chain(4);
    const Validator fresh = newcomer(chain, "St Elsewhere");
    EXPECT_EQ(chain.send(chain.council[0], kApprove, schema::AccountBallot{fresh.key}),
              Code::kValidatorFixed);
    EXPECT_EQ(chain.ballot(schema::action::kReject, fresh.key), Code::kOk);
    auto list = membership(chain).validators;
    list.push_back(fresh);
    EXPECT_EQ(propose(chain, change_to(chain, list)), Code::kNotAValidatorKey);
}

// Limits worked out by hand from q and f.
struct Step {
    std::size_t n;
    std::size_t leave;    // most that leave, nobody joining
    std::size_t join;     // most that join, nobody leaving
    std::size_t replace;  // most that are replaced
};
class MembershipStep : public ::testing::TestWithParam<Step> {
  protected:
    // The code of a proposal in which `leave` leave and `join` join.
    static Code code_of(Chain& chain, std::size_t leave, std::size_t join) {
        auto list = membership(chain).validators;
        list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(leave));
        for (std::size_t i = 0; i < join; ++i) {
            const std::string name = "Newcomer " + std::to_string(i);
            list.push_back({name, key_of(name + " new validator"), ""});
        }
        return propose(chain, change_to(chain, list));
    }
};

TEST_P(MembershipStep, a_holder_of_the_last_block_and_a_quorum_of_the_new_list_stay) {
    const Step step = GetParam();
    Chain chain(step.n);
    for (std::size_t i = 0; i <= step.join; ++i) {
        (void)newcomer(chain, "Newcomer " + std::to_string(i));
    }
    EXPECT_EQ(code_of(chain, 0, step.join), Code::kOk);
    EXPECT_EQ(code_of(chain, 0, step.join + 1), Code::kTooManyJoin);
    EXPECT_EQ(code_of(chain, step.replace, step.replace), Code::kOk);
    EXPECT_NE(code_of(chain, step.replace + 1, step.replace + 1), Code::kOk);
    if (step.leave > 0) {
        EXPECT_EQ(code_of(chain, step.leave, 0), Code::kOk);
    }
    const bool is_small = step.n - step.leave <= schema::kMinValidators;
    EXPECT_EQ(code_of(chain, step.leave + 1, 0),
              is_small ? Code::kTooFewValidators : Code::kTooManyLeave);
}
INSTANTIATE_TEST_SUITE_P(Sizes, MembershipStep,
                         ::testing::Values(Step{4, 0, 2, 1}, Step{5, 1, 2, 1}, Step{6, 2, 3, 2},
                                           Step{7, 2, 3, 2}, Step{8, 3, 4, 2}, Step{10, 3, 5, 3},
                                           Step{13, 4, 6, 4}));

TEST(MembershipTest, a_second_change_is_refused_while_one_is_pending_until_it_is_cancelled) {
    Chain chain(4);
    auto list = membership(chain).validators;
    list.push_back(newcomer(chain, "St Elsewhere"));
    const ChangeValidators first = change_to(chain, list);
    ASSERT_EQ(decide(chain, first), Code::kOk);
    list.back() = newcomer(chain, "County General");
    const ChangeValidators second = change_to(chain, list);
    EXPECT_EQ(decide(chain, second), Code::kMembershipPending);
    EXPECT_EQ(membership(chain).pending, first);
    // Who is awaited cannot be rejected from under the change.
    EXPECT_EQ(
        chain.send(chain.council[0], kReject, schema::AccountBallot{first.validators.back().key}),
        Code::kMembershipPending);
    const auto cancel = [&](Epoch epoch) {
        return chain.decide(ProposalKind::kCancelValidatorChange,
                            encode(schema::MembershipReference{epoch}));
    };
    EXPECT_EQ(cancel(Epoch{3}), Code::kMembershipOutdated);
    EXPECT_EQ(cancel(Epoch{0}), Code::kOk);
    EXPECT_EQ(cancel(Epoch{0}), Code::kNoMembershipPending);
    EXPECT_EQ(decide(chain, second), Code::kOk);
    reach(chain, second);
    EXPECT_EQ(membership(chain).validators, list);
    EXPECT_EQ(status_of(chain, first.validators.back().key), AccountStatus::kPending);
}

TEST(MembershipTest, a_proposal_for_an_epoch_that_is_over_fails_when_it_passes) {
    Chain chain(4);
    auto list = membership(chain).validators;
    list.push_back(newcomer(chain, "St Elsewhere"));
    const ChangeValidators change = change_to(chain, list, 12);
    ChangeValidators rival = change;
    rival.validators.back().address = "other.example:1";
    rival.activation = Height{chain.height.value + 60};
    ASSERT_EQ(propose(chain, rival), Code::kOk);  // proposal 1
    ASSERT_EQ(decide(chain, change), Code::kOk);
    reach(chain, change);
    EXPECT_EQ(chain.send(chain.council[1], kVote, schema::Vote{1, true}), Code::kOk);
    EXPECT_EQ(chain.send(chain.council[2], kVote, schema::Vote{1, true}), Code::kOk);
    const auto proposal = chain.load<schema::ProposalRecord>(keys::proposal(1));
    EXPECT_EQ(proposal.status, schema::ProposalStatus::kFailed);
    EXPECT_EQ(proposal.code, static_cast<std::uint16_t>(Code::kMembershipOutdated));
}

TEST(MembershipTest, votes_that_take_too_long_for_the_named_height_change_nothing) {
    Chain chain(4);
    auto list = membership(chain).validators;
    list.push_back(newcomer(chain, "St Elsewhere"));
    ASSERT_EQ(propose(chain, change_to(chain, list, schema::kMinActivationLead + 1)), Code::kOk);
    chain.pass(1);
    EXPECT_EQ(chain.send(chain.council[1], kVote, schema::Vote{1, true}), Code::kOk);
    EXPECT_EQ(chain.send(chain.council[2], kVote, schema::Vote{1, true}), Code::kOk);
    EXPECT_EQ(chain.load<schema::ProposalRecord>(keys::proposal(1)).code,
              static_cast<std::uint16_t>(Code::kActivationTooSoon));
    EXPECT_FALSE(membership(chain).pending.has_value());
}

TEST(MembershipTest, blocks_are_made_for_the_last_heights_before_a_change) {
    Chain chain(4);
    auto list = membership(chain).validators;
    list.push_back(newcomer(chain, "St Elsewhere"));
    const auto has_window = [&] {
        return has_open_window(chain.state, {chain.height, chain.time});
    };
    const ChangeValidators change = change_to(chain, list, schema::kActivationCountdown + 4);
    ASSERT_EQ(decide(chain, change), Code::kOk);
    while (change.activation.value - chain.height.value > schema::kActivationCountdown) {
        EXPECT_FALSE(has_window());
        chain.pass(1);
    }
    EXPECT_TRUE(has_window());
    reach(chain, change);
    EXPECT_FALSE(has_window());
}

// Rounds and the secure computation.

struct Network {
    explicit Network(std::size_t organisations) : chain(organisations), driver(chain) {
        for (std::size_t i = 0; i < organisations; ++i) chain.add_trainer(i);
        schema::TaskSpec spec = test_task();
        // Windows that no test outlasts: phases end because everybody has answered.
        spec.windows.pledge = spec.windows.submit =
            spec.windows.range = {.blocks = 1000, .ms = 1000};
        EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(spec)), Code::kOk);
        fifth = newcomer(chain, "St Elsewhere");
        open();
    }
    void open() {
        driver.set_up_epoch();
        driver.prepare_batches();
        ASSERT_EQ(driver.round().phase, Phase::kSubmitting);
    }
    // The vote for a list in which a newcomer takes the place of validator `position`.
    ChangeValidators decide_replacement(std::size_t position) {
        auto list = membership(chain).validators;
        list[position] = fifth;
        const ChangeValidators change = change_to(chain, list, 12);
        EXPECT_EQ(decide(chain, change), Code::kOk);
        return change;
    }
    void submit() {
        std::set<std::uint16_t> slots;
        for (std::uint16_t i = 1; i <= driver.epoch().clients.size(); ++i) slots.insert(i);
        driver.submit(driver.similar_updates(1, 0), slots);
    }
    Chain chain;
    ConsortiumDriver driver;
    Validator fifth;
};

TEST(MembershipRounds, a_round_before_the_tests_coin_begins_anew_with_the_new_committee) {
    Network net(4);
    const ChangeValidators change = net.decide_replacement(0);
    net.submit();
    ASSERT_EQ(net.driver.round().phase, Phase::kRanging);
    reach(net.chain, change);
    ASSERT_TRUE(net.chain.last().next_membership.has_value());
    const auto ended = net.chain.events<schema::RoundEnded>(Module::kRounds, event::kRoundAborted);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].reason, schema::EndReason::kMembershipChanged);
    EXPECT_EQ(net.chain.load<schema::BatchRecord>(keys::batch({1, 0})).state,
              schema::BatchState::kConsumed);
    EXPECT_EQ(net.chain.load<schema::BatchRecord>(keys::batch({1, 1})).state,
              schema::BatchState::kVoid);
    EXPECT_EQ(net.chain.load<schema::EpochRecord>(keys::epoch(1)).phase,
              schema::EpochPhase::kEnded);
    ASSERT_EQ(net.driver.epoch().mpc_epoch, 2U);
    EXPECT_EQ(net.driver.epoch().members[0], net.fifth.key);
    net.open();
    EXPECT_EQ(net.driver.round().label.round, 1U);
    EXPECT_EQ(net.driver.round().label.attempt, 1U);
    net.submit();
    net.driver.verify();
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
}

TEST(MembershipRounds, a_round_behind_the_tests_coin_is_finished_by_the_old_committee_first) {
    Network net(4);
    net.submit();
    net.driver.prove();
    ASSERT_EQ(net.driver.round().phase, Phase::kCoinTest);
    const ChangeValidators change = net.decide_replacement(0);
    while (net.chain.height < Height{change.activation.value + 5}) {
        net.chain.pass(1);
        ASSERT_FALSE(net.chain.last().next_membership.has_value());
    }
    EXPECT_EQ(net.driver.round().phase, Phase::kCoinTest);
    EXPECT_EQ(membership(net.chain).epoch, Epoch{0});
    net.driver.verify();
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
    // In the very block of the result: no further round opens in between.
    EXPECT_EQ(membership(net.chain).epoch, Epoch{1});
    EXPECT_EQ(net.chain.load<schema::RoundsRecord>(keys::rounds()).current, std::nullopt);
    EXPECT_EQ(net.driver.epoch().mpc_epoch, 2U);
}

TEST(MembershipRounds, cancelling_a_round_that_waits_for_ever_lets_the_change_happen) {
    Network net(4);
    net.submit();
    net.driver.prove();
    const ChangeValidators change = net.decide_replacement(2);
    while (net.chain.height <= change.activation) net.chain.pass(1);
    EXPECT_EQ(membership(net.chain).epoch, Epoch{0});
    EXPECT_EQ(net.chain.decide(ProposalKind::kCancelRound, encode(schema::RoundReference{1, 0})),
              Code::kOk);
    EXPECT_EQ(membership(net.chain).epoch, Epoch{1});
    EXPECT_TRUE(net.chain.last().next_membership.has_value());
}

TEST(MembershipRounds, a_larger_committee_bears_more_faults_and_a_smaller_one_fewer) {
    Network net(6);
    auto list = membership(net.chain).validators;
    list.push_back(net.fifth);
    const ChangeValidators grown = change_to(net.chain, list, 12);
    ASSERT_EQ(decide(net.chain, grown), Code::kOk);
    reach(net.chain, grown);
    EXPECT_EQ(net.driver.epoch().members.size(), 7U);
    net.open();
    const ChangeValidators shrunk =
        change_to(net.chain, {list[0], list[1], list[2], list[3], list[4]}, 12);
    ASSERT_EQ(decide(net.chain, shrunk), Code::kOk);
    reach(net.chain, shrunk);
    EXPECT_EQ(net.driver.epoch().members.size(), 5U);
    net.open();
    net.submit();
    net.driver.verify();
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
}

}  // namespace
}  // namespace consilium::contracts::testing
