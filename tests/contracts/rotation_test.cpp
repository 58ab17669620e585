// rotate_key: who may replace which key, and what follows the account.
#include <gtest/gtest.h>

#include "contracts/schema/rotation.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::Code;
using schema::KeyRotation;
using schema::Module;
using schema::Phase;
using schema::ProposalKind;
using schema::RegistryRecord;
using schema::Role;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr SentAction kRotateKey{Module::kRegistration, schema::action::kRotateKey};

KeyPair pair_of(const std::string& name) {
    const Digest secret = sha256(as_bytes(name));
    return KeyPair::from_secret(std::span(secret.bytes)).value();
}

schema::RotateKey rotation(const Chain& chain, const PublicKey& from, const KeyPair& to) {
    const Digest statement =
        schema::rotation_digest(chain.genesis.identity(), from, to.public_key());
    return {to.public_key(), to.sign(statement)};
}

AccountRecord account(const Chain& chain, const PublicKey& key) {
    return chain.load<AccountRecord>(keys::account(key));
}

Code admission_of(const Chain& chain, const Transaction& transaction) {
    return check_admission(chain.state, transaction,
                           {.height = chain.height.next(), .nonce_gap = 0});
}

TEST(RotationTest, a_council_account_goes_over_with_its_votes_at_once) {
    Chain chain(4);
    const PublicKey old = chain.council[0];
    const KeyPair fresh = pair_of("fresh council");
    const Bytes payload = encode(test_parameters());
    ASSERT_EQ(chain.send(old, kPropose, schema::Propose{ProposalKind::kSetParameters, payload}),
              Code::kOk);
    ASSERT_EQ(chain.send(old, kRotateKey, rotation(chain, old, fresh)), Code::kOk);
    EXPECT_EQ(chain.events<KeyRotation>(Module::kRegistration, event::kKeyRotated),
              (std::vector{KeyRotation{old, fresh.public_key(), Role::kCouncil, 0}}));
    const PublicKey now = fresh.public_key();
    EXPECT_EQ(chain.load<RegistryRecord>(keys::registry()).council[0], now);
    EXPECT_EQ(chain.load<schema::OrganisationRecord>(keys::organisation(0)).council, now);
    EXPECT_EQ(account(chain, old).status, AccountStatus::kRotated);
    EXPECT_EQ(account(chain, now).status, AccountStatus::kApproved);
    EXPECT_EQ(chain.load<PublicKey>(keys::account_at(account(chain, now).index)), now);
    // The vote stands, once.
    EXPECT_EQ(chain.send(now, kVote, schema::Vote{1, true}), Code::kAlreadyVoted);
    EXPECT_EQ(chain.send(chain.council[1], kVote, schema::Vote{1, true}), Code::kOk);
    EXPECT_EQ(chain.load<schema::ProposalRecord>(keys::proposal(1)).status,
              schema::ProposalStatus::kOpen);
    EXPECT_EQ(chain.send(now, kWithdraw, schema::Withdraw{1}), Code::kOk);
}

TEST(RotationTest, the_old_key_does_nothing_any_more_and_is_never_registered_again) {
    Chain chain(4);
    const PublicKey old = chain.council[0];
    ASSERT_EQ(chain.send(old, kRotateKey, rotation(chain, old, pair_of("fresh"))), Code::kOk);
    EXPECT_EQ(admission_of(chain, chain.make(old, kVote, schema::Vote{1, true})),
              Code::kAccountNotActive);
    chain.forget_plans();
    const schema::Register again{Role::kAuditor, "Hospital 1"};
    EXPECT_EQ(admission_of(chain, chain.make(old, kRegister, again)), Code::kAccountNotActive);
    chain.forget_plans();
    EXPECT_EQ(chain.send(chain.council[1], kReinstate, schema::AccountBallot{old}),
              Code::kWrongStatus);
    // Nor is it anybody's successor.
    EXPECT_EQ(chain.send(chain.council[1], kRotateKey,
                         rotation(chain, chain.council[1], pair_of("Hospital 1 council"))),
              Code::kSuccessorKnown);
}

TEST(RotationTest, a_successor_that_has_not_signed_for_this_account_and_chain_is_refused) {
    Chain chain(4);
    const PublicKey old = chain.council[0];
    const KeyPair fresh = pair_of("fresh");
    const schema::RotateKey good = rotation(chain, old, fresh);
    schema::RotateKey bad = good;
    bad.possession.bytes[5] ^= 1U;
    EXPECT_EQ(chain.send(old, kRotateKey, bad), Code::kSuccessorUnproven);
    EXPECT_EQ(chain.send(chain.council[1], kRotateKey, good), Code::kSuccessorUnproven);
    ChainIdentity other = chain.genesis.identity();
    other.chain_id = "other-chain";
    bad = {fresh.public_key(), fresh.sign(schema::rotation_digest(other, old, fresh.public_key()))};
    EXPECT_EQ(chain.send(old, kRotateKey, bad), Code::kSuccessorUnproven);
    bad = {key_of("nobody's"), good.possession};
    EXPECT_EQ(chain.send(old, kRotateKey, bad), Code::kSuccessorUnproven);
    bad = rotation(chain, old, pair_of("Hospital 2 council"));
    EXPECT_EQ(chain.send(old, kRotateKey, bad), Code::kSuccessorKnown);
    EXPECT_EQ(chain.send_raw(old, kRotateKey, Bytes{1}), Code::kBadArguments);
    EXPECT_EQ(
        chain.send(chain.validators[0], kRotateKey, rotation(chain, chain.validators[0], fresh)),
        Code::kRoleNotAllowed);
    EXPECT_EQ(chain.send(old, kRotateKey, good), Code::kOk);
}

TEST(RotationTest, a_ballot_about_the_account_is_not_escaped) {
    Chain chain(4);
    const PublicKey old = chain.add_trainer(1);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(chain.send(chain.council[i], kSuspend, schema::AccountBallot{old}), Code::kOk);
    }
    const KeyPair fresh = pair_of("fresh trainer");
    ASSERT_EQ(chain.send(old, kRotateKey, rotation(chain, old, fresh)), Code::kOk);
    const PublicKey now = fresh.public_key();
    EXPECT_EQ(chain.send(chain.council[0], kSuspend, schema::AccountBallot{now}),
              Code::kAlreadyVoted);
    EXPECT_EQ(chain.send(chain.council[2], kSuspend, schema::AccountBallot{now}), Code::kOk);
    EXPECT_EQ(account(chain, now).status, AccountStatus::kSuspended);
}

TEST(RotationTest, a_new_key_brings_no_new_quota) {
    schema::Parameters parameters = test_parameters();
    parameters.quota_transactions = 200;
    parameters.quota_window_blocks = 10;
    Chain chain(4, parameters);
    PublicKey key = chain.council[0];
    std::vector<Transaction> burst;
    for (int i = 0; i < 198; ++i) burst.push_back(chain.make(key, kVote, schema::Vote{1, true}));
    chain.run(burst);
    for (const char* name : {"first", "second"}) {
        const KeyPair fresh = pair_of(name);
        ASSERT_EQ(chain.send(key, kRotateKey, rotation(chain, key, fresh)), Code::kOk);
        key = fresh.public_key();
    }
    const Transaction next = chain.make(key, kVote, schema::Vote{1, true});
    EXPECT_EQ(next.nonce, 0U);
    EXPECT_EQ(admission_of(chain, next), Code::kQuotaExceeded);
    chain.pass(8);
    EXPECT_EQ(admission_of(chain, next), Code::kOk);
}

TEST(RotationTest, a_new_key_reports_no_metrics_again) {
    Chain chain(4);
    const PublicKey old = chain.add_trainer(1);
    ASSERT_EQ(chain.decide(ProposalKind::kCreateTask, encode(test_task())), Code::kOk);
    schema::ReportMetrics report;
    report.task = 1;
    ASSERT_EQ(chain.send(old, kReportMetrics, report), Code::kOk);
    const KeyPair fresh = pair_of("fresh trainer");
    ASSERT_EQ(chain.send(old, kRotateKey, rotation(chain, old, fresh)), Code::kOk);
    ASSERT_EQ(account(chain, old).status, AccountStatus::kRotated);
    EXPECT_EQ(chain.send(fresh.public_key(), kReportMetrics, report), Code::kDuplicate);
    EXPECT_EQ(chain.send(chain.add_trainer(2), kReportMetrics, report), Code::kOk);
}

TEST(RotationTest, an_auditor_and_an_operator_rotate_at_once) {
    Chain chain(4);
    for (const Role role : {Role::kAuditor, Role::kOperator}) {
        const auto name = std::string(schema::to_string(role));
        const PublicKey key = key_of(name);
        ASSERT_EQ(chain.send(key, kRegister, schema::Register{role, "Hospital 1"}), Code::kOk);
        ASSERT_EQ(chain.ballot(schema::action::kApprove, key), Code::kOk);
        const KeyPair fresh = pair_of("fresh " + name);
        ASSERT_EQ(chain.send(key, kRotateKey, rotation(chain, key, fresh)), Code::kOk);
        EXPECT_EQ(account(chain, fresh.public_key()).role, role);
        EXPECT_EQ(account(chain, key).status, AccountStatus::kRotated);
    }
}

// A trainer whose key stands in the running MPC epoch.
struct Network {
    Network() : chain(4), driver(chain) {
        for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
        schema::TaskSpec spec = test_task();
        spec.data_weights = {{chain.trainers[1], 3}};
        EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(spec)), Code::kOk);
        open();
    }
    void open() {
        driver.set_up_epoch();
        driver.prepare_batches();
    }
    void run_round() {
        driver.submit(driver.similar_updates(1, 0), {1, 2, 3, 4});
        driver.verify();
    }
    Chain chain;
    ConsortiumDriver driver;
};

TEST(RotationTest, a_trainers_key_changes_with_the_next_epoch_and_brings_nobody_one_earlier) {
    Network net;
    const PublicKey old = net.chain.trainers[1];
    const KeyPair fresh = pair_of("fresh trainer");
    ASSERT_EQ(net.driver.round().phase, Phase::kSubmitting);
    ASSERT_EQ(net.chain.send(old, kRotateKey, rotation(net.chain, old, fresh)), Code::kOk);
    EXPECT_EQ(
        net.chain.events<KeyRotation>(Module::kRegistration, event::kRotationAnnounced).size(), 1U);
    EXPECT_EQ(account(net.chain, old).status, AccountStatus::kApproved);
    net.run_round();  // with the old key, to its end
    EXPECT_EQ(net.driver.epoch().mpc_epoch, 1U);
    EXPECT_EQ(net.driver.round().label.round, 2U);
    ASSERT_EQ(net.chain.decide(ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
              Code::kOk);
    net.run_round();
    const PublicKey now = fresh.public_key();
    EXPECT_EQ(account(net.chain, old).status, AccountStatus::kRotated);
    ASSERT_EQ(net.driver.epoch().mpc_epoch, 2U);
    EXPECT_EQ(net.driver.epoch().find_slot(now), 2);
    EXPECT_EQ(net.driver.epoch().find_slot(old), std::nullopt);
    net.open();
    EXPECT_EQ(net.driver.round().terms.data_weights[1], 3);
    net.run_round();
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(3)).phase, Phase::kResult);
}

TEST(RotationTest, a_waiting_rotation_may_name_another_successor_and_lapses_if_that_one_registers) {
    Network net;
    const PublicKey old = net.chain.trainers[1];
    const KeyPair first = pair_of("first");
    const KeyPair second = pair_of("second");
    ASSERT_EQ(net.chain.send(old, kRotateKey, rotation(net.chain, old, first)), Code::kOk);
    ASSERT_EQ(net.chain.send(old, kRotateKey, rotation(net.chain, old, second)), Code::kOk);
    ASSERT_EQ(net.chain.send(second.public_key(), kRegister,
                             schema::Register{Role::kAuditor, "Somebody"}),
              Code::kOk);
    ASSERT_EQ(net.chain.decide(ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
              Code::kOk);
    net.run_round();
    ASSERT_EQ(net.driver.epoch().mpc_epoch, 2U);
    EXPECT_EQ(net.driver.epoch().find_slot(old), 2);
    EXPECT_FALSE(net.chain.state.get(keys::rotation(old)).has_value());
    EXPECT_EQ(account(net.chain, old).status, AccountStatus::kApproved);
}

}  // namespace
}  // namespace consilium::contracts::testing
