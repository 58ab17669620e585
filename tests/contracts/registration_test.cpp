// Accounts, roles, ballots, admission of transactions.
#include <gtest/gtest.h>

#include "tests/contracts/chain.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::Code;
using schema::RegistryRecord;
using schema::Role;
namespace action = schema::action;
namespace keys = schema::keys;

AccountStatus status_of(const Chain& chain, const PublicKey& key) {
    return chain.load<AccountRecord>(keys::account(key)).status;
}

// Codes of transactions that may not stand in a block are asked of the admission check.
Code admission_of(const Chain& chain, const Transaction& transaction, std::uint64_t gap = 0) {
    return check_admission(chain.state, transaction,
                           {.height = chain.height.next(), .nonce_gap = gap});
}
Code admission_of_register(Chain& chain, const std::string& key, const schema::Register& it) {
    return admission_of(chain, chain.make(key_of(key), kRegister, it));
}

TEST(RegistrationTest, genesis_accounts_are_approved_and_listed) {
    const Chain chain(4);
    const auto registry = chain.load<RegistryRecord>(keys::registry());
    EXPECT_EQ(registry.validators, chain.validators);
    EXPECT_EQ(registry.council, chain.council);
    EXPECT_EQ(registry.organisations, 4U);
    EXPECT_EQ(registry.accounts, 8U);
    EXPECT_EQ(status_of(chain, chain.validators[2]), AccountStatus::kApproved);
    EXPECT_EQ(chain.load<PublicKey>(keys::account_at(3)), chain.council[1]);
    EXPECT_EQ(chain.load<schema::ChainRecord>(keys::chain()).genesis_hash, chain.genesis.hash());
}

TEST(RegistrationTest, a_trainer_is_pending_until_two_thirds_of_the_council_approve) {
    Chain chain(4);
    const PublicKey key = key_of("trainer");
    EXPECT_EQ(chain.send(key, kRegister, schema::Register{Role::kTrainer, "Hospital 2"}),
              Code::kOk);
    EXPECT_EQ(status_of(chain, key), AccountStatus::kPending);
    EXPECT_EQ(chain.load<AccountRecord>(keys::account(key)).organisation, 1U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(chain.send(chain.council[i], kApprove, schema::AccountBallot{key}), Code::kOk);
        EXPECT_EQ(status_of(chain, key), AccountStatus::kPending);
    }
    EXPECT_EQ(chain.send(chain.council[1], kApprove, schema::AccountBallot{key}),
              Code::kAlreadyVoted);
    EXPECT_EQ(chain.send(chain.council[3], kApprove, schema::AccountBallot{key}), Code::kOk);
    EXPECT_EQ(status_of(chain, key), AccountStatus::kApproved);
    const auto registry = chain.load<RegistryRecord>(keys::registry());
    EXPECT_EQ(registry.trainers, std::vector<PublicKey>{key});
    EXPECT_TRUE(registry.pending.empty());
    EXPECT_FALSE(chain.state.get(keys::ballot(key, action::kApprove)).has_value());
    EXPECT_EQ(chain.send(chain.council[0], kApprove, schema::AccountBallot{key}),
              Code::kWrongStatus);
}

TEST(RegistrationTest, bad_registrations_are_refused_at_the_door_with_their_code) {
    Chain chain(4);
    EXPECT_EQ(admission_of_register(chain, "b", {Role::kTrainer, "a<b"}), Code::kNameInvalid);
    EXPECT_EQ(admission_of_register(chain, "c", {Role::kTrainer, "hospital 1"}), Code::kNameTaken);
    EXPECT_EQ(admission_of_register(chain, "d", {Role::kCouncil, "Hospital 1"}), Code::kRoleTaken);
    EXPECT_EQ(admission_of(chain, chain.make_raw(key_of("e"), kRegister, {1, 2})),
              Code::kBadArguments);
    EXPECT_EQ(admission_of(chain, chain.make(key_of("f"), kVote, schema::Vote{1, true})),
              Code::kUnknownAccount);
    Transaction late =
        chain.make(key_of("g"), kRegister, schema::Register{Role::kTrainer, "Hospital 1"});
    late.nonce = 1;
    EXPECT_EQ(admission_of(chain, late), Code::kNonceGap);
    EXPECT_EQ(
        chain.send(chain.council[0], kRegister, schema::Register{Role::kTrainer, "Hospital 1"}),
        Code::kAlreadyRegistered);
}

TEST(RegistrationTest, an_inadmissible_transaction_has_no_effect_and_is_pointed_out) {
    Chain chain(4);
    const auto bad = chain.make(key_of("x"), kVote, schema::Vote{1, true});
    const auto good = chain.make(chain.council[0], kVote, schema::Vote{1, true});
    const auto effects = chain.execute({bad, good}).value();
    EXPECT_EQ(effects.inadmissible, std::vector<std::size_t>{0});
    EXPECT_EQ(effects.receipts.receipts[0].code, static_cast<std::uint16_t>(Code::kUnknownAccount));
    EXPECT_EQ(effects.receipts.receipts[1].code,
              static_cast<std::uint16_t>(Code::kUnknownProposal));
    EXPECT_EQ(effects.writes, chain.execute({good}).value().writes);
}

TEST(RegistrationTest, pending_registrations_are_capped) {
    schema::Parameters parameters = test_parameters();
    parameters.pending_accounts_max = 2;
    Chain chain(4, parameters);
    for (const char* name : {"North", "South"}) {
        EXPECT_EQ(chain.send(key_of(name), kRegister, schema::Register{Role::kAuditor, name}),
                  Code::kOk);
    }
    EXPECT_EQ(admission_of_register(chain, "West", {Role::kAuditor, "West"}), Code::kPendingFull);
}

TEST(RegistrationTest, a_rejected_newcomer_gives_the_name_back_but_not_the_key) {
    Chain chain(4);
    const PublicKey key = key_of("squatter");
    chain.send(key, kRegister, schema::Register{Role::kOperator, "Clinic"});
    EXPECT_EQ(chain.ballot(action::kReject, key), Code::kOk);
    EXPECT_EQ(status_of(chain, key), AccountStatus::kRejected);
    EXPECT_EQ(admission_of_register(chain, "owner", {Role::kOperator, "CLINIC"}), Code::kOk);
    EXPECT_EQ(admission_of(chain,
                           chain.make(key, kRegister, schema::Register{Role::kOperator, "Clinic"})),
              Code::kAccountNotActive);
}

TEST(RegistrationTest, suspended_accounts_cannot_act_until_reinstated) {
    Chain chain(4);
    const PublicKey key = chain.add_trainer(0);
    EXPECT_EQ(chain.ballot(action::kReinstate, key), Code::kWrongStatus);
    EXPECT_EQ(chain.ballot(action::kSuspend, key), Code::kOk);
    EXPECT_TRUE(chain.load<RegistryRecord>(keys::registry()).trainers.empty());
    const Transaction report = chain.make(key, kReportMetrics, schema::ReportMetrics{});
    EXPECT_EQ(admission_of(chain, report), Code::kAccountNotActive);
    EXPECT_EQ(chain.ballot(action::kReinstate, key), Code::kOk);
    EXPECT_EQ(admission_of(chain, report), Code::kOk);
    EXPECT_EQ(chain.load<RegistryRecord>(keys::registry()).trainers.size(), 1U);
    EXPECT_EQ(chain.send(chain.council[0], kSuspend, schema::AccountBallot{chain.validators[0]}),
              Code::kValidatorFixed);
    EXPECT_EQ(chain.send(chain.council[0], kSuspend, schema::AccountBallot{key_of("nobody")}),
              Code::kUnknownTarget);
}

TEST(RegistrationTest, an_account_retires_itself_and_its_place_is_free) {
    Chain chain(4);
    const PublicKey key = chain.add_trainer(1);
    EXPECT_EQ(chain.send(key, kRetire, schema::AccountBallot{chain.council[0]}),
              Code::kRoleNotAllowed);
    EXPECT_EQ(chain.send(key, kRetire, schema::AccountBallot{key}), Code::kOk);
    EXPECT_EQ(status_of(chain, key), AccountStatus::kRetired);
    EXPECT_EQ(admission_of_register(chain, "successor", {Role::kTrainer, "Hospital 2"}), Code::kOk);
}

TEST(RegistrationTest, the_last_council_member_stays) {
    Chain chain(4);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(chain.send(chain.council[i], kRetire, schema::AccountBallot{chain.council[i]}),
                  Code::kOk);
    }
    EXPECT_EQ(chain.send(chain.council[3], kRetire, schema::AccountBallot{chain.council[3]}),
              Code::kCouncilTooSmall);
}

TEST(RegistrationTest, wrong_roles_and_unknown_actions_get_their_code) {
    Chain chain(4);
    const PublicKey trainer = chain.add_trainer(0);
    EXPECT_EQ(chain.send(trainer, kApprove, schema::AccountBallot{trainer}), Code::kRoleNotAllowed);
    EXPECT_EQ(chain.send(chain.validators[0], kPropose, schema::Propose{}), Code::kRoleNotAllowed);
    EXPECT_EQ(chain.send_raw(chain.council[0], {schema::Module::kModels, 99}, {}),
              Code::kUnknownAction);
    EXPECT_EQ(chain.send_raw(chain.council[0], {static_cast<schema::Module>(77), 1}, {}),
              Code::kUnknownAction);
    EXPECT_EQ(chain.send_raw(chain.council[0], kVote, {1}), Code::kBadArguments);
    EXPECT_EQ(chain.send_raw(chain.council[0], kApprove, Bytes(33, 0)), Code::kBadArguments);
}

TEST(AdmissionTest, chain_expiry_and_nonce_have_codes_of_their_own) {
    Chain chain(4);
    const Transaction good = chain.make(chain.council[0], kVote, schema::Vote{1, true});
    const auto changed = [&](auto change) {
        Transaction copy = good;
        change(copy);
        return admission_of(chain, copy, 3);
    };
    EXPECT_EQ(admission_of(chain, good), Code::kOk);
    EXPECT_EQ(changed([](Transaction& t) { t.chain_id = "other"; }), Code::kWrongChain);
    EXPECT_EQ(changed([](Transaction& t) { t.genesis_hash = {}; }), Code::kWrongGenesis);
    EXPECT_EQ(changed([](Transaction& t) { t.valid_until = Height{1}; }), Code::kOk);
    EXPECT_EQ(changed([](Transaction& t) { t.valid_until = Height{0}; }), Code::kExpired);
    EXPECT_EQ(changed([](Transaction& t) { t.valid_until = Height{10'001}; }), Code::kOk);
    EXPECT_EQ(changed([](Transaction& t) { t.valid_until = Height{10'002}; }), Code::kExpiryTooFar);
    EXPECT_EQ(changed([](Transaction& t) { t.nonce = 3; }), Code::kOk);
    EXPECT_EQ(changed([](Transaction& t) { t.nonce = 4; }), Code::kNonceGap);
    chain.run({good});
    EXPECT_EQ(admission_of(chain, good), Code::kNonceUsed);
    EXPECT_EQ(next_nonce(chain.state, chain.council[0]), 1U);
    EXPECT_EQ(next_nonce(chain.state, chain.council[1]), 0U);
    EXPECT_EQ(next_nonce(chain.state, key_of("nobody")), std::nullopt);
}

TEST(AdmissionTest, the_quota_of_an_account_refills_in_the_next_window) {
    schema::Parameters parameters = test_parameters();
    parameters.quota_transactions = 200;
    parameters.quota_window_blocks = 10;
    Chain chain(4, parameters);
    std::vector<Transaction> burst;
    for (int i = 0; i < 200; ++i) {
        burst.push_back(chain.make(chain.council[0], kVote, schema::Vote{1, true}));
    }
    chain.run(burst);
    const Transaction next = chain.make(chain.council[0], kVote, schema::Vote{1, true});
    EXPECT_EQ(admission_of(chain, next), Code::kQuotaExceeded);
    EXPECT_EQ(admission_of(chain, chain.make(chain.council[1], kVote, schema::Vote{1, true})),
              Code::kOk);
    chain.pass(8);
    EXPECT_EQ(admission_of(chain, next), Code::kOk);
}

TEST(AdmissionTest, a_block_over_its_cost_names_the_transactions_that_do_not_fit) {
    schema::Parameters parameters = test_parameters();
    parameters.block_cost_max = 10'000;
    Chain chain(4, parameters);
    std::vector<Transaction> transactions;
    for (int i = 0; i < 6; ++i) {
        transactions.push_back(chain.make(chain.council[0], kVote, schema::Vote{1, true}));
    }
    const auto effects = chain.execute(transactions).value();
    EXPECT_EQ(effects.cost, 10'000U);
    EXPECT_EQ(effects.inadmissible, std::vector<std::size_t>{5});
    EXPECT_EQ(effects.receipts.receipts[5].code, static_cast<std::uint16_t>(Code::kBlockFull));
    EXPECT_EQ(block_cost_limit(chain.state), 10'000U);
}

TEST(GenesisTest, invalid_genesis_is_refused_by_name) {
    Chain chain(4);
    Genesis genesis = chain.genesis;
    genesis.organisations[1].name = "HOSPITAL 1";
    EXPECT_FALSE(genesis_state(genesis).has_value());
    genesis = chain.genesis;
    genesis.parameters = {1, 2, 3};
    EXPECT_FALSE(genesis_state(genesis).has_value());
    schema::Parameters parameters;
    for (const std::uint32_t stock : {0U, 1U}) {
        parameters.batch_stock = stock;
        genesis.parameters = encode(parameters);
        const auto state = genesis_state(genesis);
        ASSERT_FALSE(state.has_value());
        EXPECT_NE(state.error().context.find("batch_stock"), std::string::npos);
    }
}

}  // namespace
}  // namespace consilium::contracts::testing
