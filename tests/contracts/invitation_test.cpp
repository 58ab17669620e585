// invite: places for those whom the council expects, beside the places that strangers may fill.
#include <gtest/gtest.h>

#include "contracts/schema/invitation.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/rotation.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::Code;
using schema::Invitation;
using schema::InvitationsRecord;
using schema::Invite;
using schema::Module;
using schema::Register;
using schema::Role;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr SentAction kInvite{Module::kRegistration, schema::action::kInvite};
constexpr std::size_t kPlaces = 2;

schema::Parameters few_places() {
    schema::Parameters parameters = test_parameters();
    parameters.pending_accounts_max = kPlaces;
    return parameters;
}

// Four organisations; strangers have filled every place.
struct Flooded {
    Flooded() : chain(4, few_places()) {
        for (std::size_t i = 0; i < kPlaces; ++i) {
            EXPECT_EQ(add("stranger " + std::to_string(i), "Nobody " + std::to_string(i)),
                      Code::kOk);
        }
    }
    Code add(const std::string& name, const std::string& organisation, Role role = Role::kTrainer) {
        const PublicKey key = key_of(name);
        const Transaction transaction = chain.make(key, kRegister, Register{role, organisation});
        const Code code = check_admission(chain.state, transaction,
                                          {.height = chain.height.next(), .nonce_gap = 0});
        chain.forget_plans();
        return code == Code::kOk ? chain.send(key, kRegister, Register{role, organisation}) : code;
    }
    Code invite(std::size_t member, const std::string& name, const std::string& organisation,
                Role role = Role::kTrainer) {
        return chain.send(chain.council[member], kInvite, Invite{key_of(name), role, organisation});
    }
    [[nodiscard]] std::vector<Invitation> invitations() const {
        return chain.load<InvitationsRecord>(keys::invitations()).entries;
    }
    [[nodiscard]] AccountStatus status_of(const std::string& name) const {
        return chain.load<AccountRecord>(keys::account(key_of(name))).status;
    }
    Chain chain;
};

TEST(InvitationTest, an_invited_account_registers_though_strangers_fill_every_place) {
    Flooded net;
    EXPECT_EQ(net.add("guest", "New Hospital"), Code::kPendingFull);
    ASSERT_EQ(net.invite(1, "guest", "New Hospital"), Code::kOk);
    EXPECT_EQ(net.chain.events<Invitation>(Module::kRegistration, event::kAccountInvited),
              (std::vector{Invitation{key_of("guest"), Role::kTrainer, "New Hospital", 1, false}}));
    // Only for what was said.
    EXPECT_EQ(net.add("guest", "Other Hospital"), Code::kPendingFull);
    EXPECT_EQ(net.add("guest", "New Hospital", Role::kAuditor), Code::kPendingFull);
    EXPECT_EQ(net.add("another guest", "New Hospital"), Code::kPendingFull);
    ASSERT_EQ(net.add("guest", "New Hospital"), Code::kOk);
    EXPECT_TRUE(net.invitations().at(0).is_used);
    // It takes no place of the strangers, and gives them none.
    EXPECT_EQ(net.add("one more", "Nobody 9"), Code::kPendingFull);
    ASSERT_EQ(net.chain.ballot(schema::action::kReject, key_of("stranger 0")), Code::kOk);
    EXPECT_EQ(net.add("one more", "Nobody 9"), Code::kOk);
    EXPECT_EQ(net.add("yet one more", "Nobody 8"), Code::kPendingFull);
    // Still the council decides.
    EXPECT_EQ(net.status_of("guest"), AccountStatus::kPending);
    ASSERT_EQ(net.chain.ballot(schema::action::kApprove, key_of("guest")), Code::kOk);
    EXPECT_EQ(net.status_of("guest"), AccountStatus::kApproved);
    EXPECT_TRUE(net.invitations().empty());
    EXPECT_EQ(net.add("yet one more", "Nobody 8"), Code::kPendingFull);
}

TEST(InvitationTest, one_member_holds_few_places_until_the_council_has_decided) {
    Flooded net;
    const auto guest = [](std::size_t i) { return "guest " + std::to_string(i); };
    for (std::size_t i = 0; i < schema::kMaxInvitationsOfOne; ++i) {
        ASSERT_EQ(net.invite(0, guest(i), "New " + std::to_string(i)), Code::kOk);
    }
    // The oldest unused one of its own yields.
    ASSERT_EQ(net.invite(0, "late guest", "New 9"), Code::kOk);
    EXPECT_EQ(net.invitations().size(), schema::kMaxInvitationsOfOne);
    EXPECT_EQ(net.add(guest(0), "New 0"), Code::kPendingFull);
    for (std::size_t i = 1; i < schema::kMaxInvitationsOfOne; ++i) {
        ASSERT_EQ(net.add(guest(i), "New " + std::to_string(i)), Code::kOk);
    }
    ASSERT_EQ(net.add("late guest", "New 9"), Code::kOk);
    EXPECT_EQ(net.invite(0, guest(0), "New 0"), Code::kInvitationsFull);
    EXPECT_EQ(net.invite(1, guest(0), "New 0"), Code::kOk);
    ASSERT_EQ(net.chain.ballot(schema::action::kReject, key_of(guest(1))), Code::kOk);
    EXPECT_EQ(net.invite(0, "fifth guest", "New 5"), Code::kOk);
}

TEST(InvitationTest, wrong_invitations_are_refused_each_with_its_code) {
    Flooded net;
    EXPECT_EQ(net.invite(0, "guest", " no name "), Code::kNameInvalid);
    EXPECT_EQ(net.invite(0, "stranger 0", "Nobody 0"), Code::kAlreadyRegistered);
    ASSERT_EQ(net.invite(0, "guest", "New"), Code::kOk);
    ASSERT_EQ(net.invite(0, "guest", "Newer"), Code::kOk);  // instead
    ASSERT_EQ(net.invitations().size(), 1U);
    EXPECT_EQ(net.invitations()[0].organisation, "Newer");
    ASSERT_EQ(net.invite(1, "op", "Hospital 2", Role::kOperator), Code::kOk);
    ASSERT_EQ(net.add("op", "Hospital 2", Role::kOperator), Code::kOk);
    ASSERT_EQ(net.chain.ballot(schema::action::kApprove, key_of("op")), Code::kOk);
    EXPECT_EQ(net.chain.send(key_of("op"), kInvite, Invite{key_of("x"), Role::kTrainer, "New"}),
              Code::kRoleNotAllowed);
    EXPECT_EQ(net.chain.send_raw(net.chain.council[0], kInvite, Bytes{1}), Code::kBadArguments);
}

TEST(InvitationTest, a_member_does_not_spoil_what_another_one_has_said_of_a_key) {
    Flooded net;
    ASSERT_EQ(net.invite(3, "guest", "Wrong", Role::kAuditor), Code::kOk);
    ASSERT_EQ(net.invite(1, "guest", "Hospital 2"), Code::kOk);
    ASSERT_EQ(net.invite(2, "guest", "Hospital 2"), Code::kOk);
    ASSERT_EQ(net.invite(3, "guest", "Wrong again", Role::kAuditor), Code::kOk);
    ASSERT_EQ(net.add("guest", "Hospital 2"), Code::kOk);
    for (const Invitation& entry : net.invitations()) {
        EXPECT_EQ(entry.is_used, entry.inviter == 1) << entry.inviter;
    }
    ASSERT_EQ(net.chain.ballot(schema::action::kApprove, key_of("guest")), Code::kOk);
    EXPECT_TRUE(net.invitations().empty());
}

TEST(InvitationTest, invitations_of_a_member_that_has_left_are_void) {
    Flooded net;
    ASSERT_EQ(net.invite(3, "guest", "New"), Code::kOk);
    ASSERT_EQ(net.chain.ballot(schema::action::kSuspend, net.chain.council[3]), Code::kOk);
    EXPECT_EQ(net.add("guest", "New"), Code::kPendingFull);
    EXPECT_EQ(net.invite(0, "guest", "New"), Code::kOk);
    EXPECT_EQ(net.add("guest", "New"), Code::kOk);
}

TEST(InvitationTest, an_invitation_outlives_the_inviters_key) {
    Flooded net;
    ASSERT_EQ(net.invite(1, "guest", "New"), Code::kOk);
    const PublicKey old = net.chain.council[1];
    const Digest secret = sha256(as_bytes("fresh"));
    const KeyPair fresh = KeyPair::from_secret(std::span(secret.bytes)).value();
    const Digest statement =
        schema::rotation_digest(net.chain.genesis.identity(), old, fresh.public_key());
    ASSERT_EQ(net.chain.send(old, {Module::kRegistration, schema::action::kRotateKey},
                             schema::RotateKey{fresh.public_key(), fresh.sign(statement)}),
              Code::kOk);
    EXPECT_EQ(net.add("guest", "New"), Code::kOk);
}

TEST(InvitationTest, a_stranger_in_an_organisations_place_yields_to_whom_it_invites) {
    Flooded net;
    ASSERT_EQ(net.chain.ballot(schema::action::kReject, key_of("stranger 0")), Code::kOk);
    ASSERT_EQ(net.add("squatter", "Hospital 2"), Code::kOk);
    // Another organisation's member does not clear the place.
    ASSERT_EQ(net.invite(0, "guest", "Hospital 2"), Code::kOk);
    EXPECT_EQ(net.add("guest", "Hospital 2"), Code::kRoleTaken);
    ASSERT_EQ(net.invite(1, "own trainer", "Hospital 2"), Code::kOk);
    ASSERT_EQ(net.add("own trainer", "Hospital 2"), Code::kOk);
    EXPECT_EQ(net.status_of("squatter"), AccountStatus::kRejected);
    EXPECT_EQ(net.status_of("own trainer"), AccountStatus::kPending);
    const auto organisation = net.chain.load<schema::OrganisationRecord>(keys::organisation(1));
    EXPECT_EQ(organisation.trainer, key_of("own trainer"));
    EXPECT_EQ(organisation.accounts, 3U);
    // Neither does one that was invited, nor one that is approved, yield.
    ASSERT_EQ(net.invite(1, "second", "Hospital 2"), Code::kOk);
    EXPECT_EQ(net.add("second", "Hospital 2"), Code::kRoleTaken);
    ASSERT_EQ(net.chain.ballot(schema::action::kApprove, key_of("own trainer")), Code::kOk);
    EXPECT_EQ(net.add("second", "Hospital 2"), Code::kRoleTaken);
}

TEST(InvitationTest, a_validator_that_is_voted_in_gives_the_invitation_back) {
    Flooded net;
    ASSERT_EQ(net.invite(0, "node", "Fifth", Role::kValidator), Code::kOk);
    ASSERT_EQ(net.add("node", "Fifth", Role::kValidator), Code::kOk);
    auto list = net.chain.load<schema::MembershipRecord>(keys::membership()).validators;
    list.push_back({"Fifth", key_of("node"), ""});
    const schema::ChangeValidators change{Epoch{0}, Height{net.chain.height.value + 20}, list};
    ASSERT_EQ(net.chain.decide(schema::ProposalKind::kChangeValidators, encode(change)), Code::kOk);
    EXPECT_EQ(net.invitations().size(), 1U);
    net.chain.pass(20);
    EXPECT_EQ(net.status_of("node"), AccountStatus::kApproved);
    EXPECT_TRUE(net.invitations().empty());
}

}  // namespace
}  // namespace consilium::contracts::testing
