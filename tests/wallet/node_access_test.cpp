// The fate of transactions and the proofs of answers, against a chain in memory.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "p2p/client/bounded_json.hpp"
#include "p2p/client/node_pool.hpp"
#include "p2p/client/transaction_sender.hpp"
#include "p2p/client/verified_reader.hpp"
#include "tests/wallet/fake_chain.hpp"

#include <nlohmann/json.hpp>

namespace consilium::p2p {
namespace {

using wallet_tests::FakeChain;
using wallet_tests::FakeConsortium;

class NodeAccess : public testing::Test {
  protected:
    TransactionSender sender(SenderOptions options = {}) {
        return TransactionSender(chain, consortium.genesis.identity(), options);
    }
    VerifiedReader reader() { return VerifiedReader(chain, consortium.genesis); }

    FakeConsortium consortium = FakeConsortium::make();
    FakeChain chain{consortium.validators, consortium.genesis};
    const KeyPair& key = consortium.council[0];
    Instruction instruction{1, 2, Bytes{3, 4}};
};

TEST_F(NodeAccess, transaction_is_followed_into_its_block) {
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    ASSERT_TRUE(outcome) << outcome.error().context;
    EXPECT_EQ(outcome->state, SendState::kCommitted);
    EXPECT_EQ(outcome->receipt_code, 0);
    EXPECT_EQ(outcome->height, Height{2});
    ASSERT_EQ(chain.executed().size(), 1U);
    EXPECT_EQ(chain.executed()[0].arguments, instruction.arguments);
    EXPECT_EQ(chain.executed()[0].valid_until, Height{101});
}

TEST_F(NodeAccess, nonces_follow_one_another) {
    for (std::uint64_t i = 0; i < 3; ++i) {
        ASSERT_EQ(sender().execute(key, instruction, WaitFor::kCommitted)->state,
                  SendState::kCommitted);
        EXPECT_EQ(chain.executed().back().nonce, i);
    }
}

TEST_F(NodeAccess, receipt_with_a_refusal_code_is_committed_but_not_carried_out) {
    chain.faults.receipt_code = 24;
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    EXPECT_EQ(outcome->state, SendState::kCommitted);
    EXPECT_EQ(outcome->receipt_code, 24);
    EXPECT_EQ(outcome->code, "wrong_phase");
}

TEST_F(NodeAccess, waiting_for_acceptance_ends_before_the_block) {
    const auto outcome = sender().execute(key, instruction, WaitFor::kAccepted);
    EXPECT_EQ(outcome->state, SendState::kAccepted);
    EXPECT_TRUE(chain.executed().empty());
}

TEST_F(NodeAccess, refused_transaction_is_refused_with_the_nodes_reason) {
    chain.faults.refusal = "quota_exceeded";
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    EXPECT_EQ(outcome->state, SendState::kRefused);
    EXPECT_EQ(outcome->code, "quota_exceeded");
    EXPECT_EQ(outcome->detail, "because of quota_exceeded");
    EXPECT_EQ(chain.posted().size(), 1U);
}

TEST_F(NodeAccess, lost_transaction_is_resent_with_the_same_bytes) {
    chain.faults.hides_answers = true;
    chain.faults.loses_transactions = true;
    const auto transaction = sender().prepare(key, instruction).value();
    SenderOptions options;
    options.timeout_ms = 8'000;
    const auto lost = sender(options).send(transaction, WaitFor::kCommitted);
    EXPECT_EQ(lost->state, SendState::kUnknown);
    EXPECT_EQ(lost->code, "outcome_unknown");
    EXPECT_GE(chain.posted().size(), 3U);
    for (const Bytes& bytes : chain.posted()) EXPECT_EQ(bytes, encode(transaction));
}

TEST_F(NodeAccess, transaction_whose_answer_is_lost_is_found_in_its_block) {
    chain.faults.hides_answers = true;
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    EXPECT_EQ(outcome->state, SendState::kCommitted);
    EXPECT_EQ(chain.executed().size(), 1U);
}

TEST_F(NodeAccess, forgotten_transaction_expires_and_is_told_apart_from_unknown) {
    chain.faults.loses_transactions = true;
    SenderOptions options;
    options.expiry_blocks = 5;
    const auto outcome = sender(options).execute(key, instruction, WaitFor::kCommitted);
    EXPECT_EQ(outcome->state, SendState::kExpired);
    EXPECT_EQ(outcome->code, "expired");
    EXPECT_TRUE(chain.executed().empty());
}

TEST_F(NodeAccess, resending_a_transaction_that_was_executed_tells_its_receipt) {
    const auto transaction = sender().prepare(key, instruction).value();
    ASSERT_EQ(sender().send(transaction, WaitFor::kCommitted)->state, SendState::kCommitted);
    const auto again = sender().send(transaction, WaitFor::kCommitted);
    EXPECT_EQ(again->state, SendState::kCommitted);
    EXPECT_EQ(chain.executed().size(), 1U);
}

TEST_F(NodeAccess, busy_node_is_asked_again) {
    chain.faults.busy_answers = 2;
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    EXPECT_EQ(outcome->state, SendState::kCommitted);
}

TEST_F(NodeAccess, node_that_stays_busy_is_a_refusal_because_nothing_was_taken) {
    chain.faults.busy_answers = 1'000;
    SenderOptions options;
    options.timeout_ms = 5'000;
    const auto outcome = sender(options).execute(key, instruction, WaitFor::kCommitted);
    EXPECT_EQ(outcome->state, SendState::kRefused);
    EXPECT_EQ(outcome->code, "node_busy");
}

TEST_F(NodeAccess, stolen_nonce_leads_to_a_new_transaction_and_one_execution) {
    chain.faults.nonce_thefts = 2;
    SenderOptions options;
    options.resend_ms = 500;
    const auto outcome = sender(options).execute(key, instruction, WaitFor::kCommitted);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->state, SendState::kCommitted);
    EXPECT_EQ(chain.executed().size(), 1U);
    EXPECT_EQ(chain.executed()[0].nonce, 2U);
}

TEST_F(NodeAccess, a_nonce_that_another_transaction_waits_with_leads_to_a_new_one) {
    chain.faults.waiting_nonces = 2;
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->state, SendState::kCommitted);
    EXPECT_EQ(chain.executed().size(), 1U);
}

TEST_F(NodeAccess, a_copy_on_the_way_is_never_signed_anew_because_its_nonce_waits) {
    // The first attempt breaks off: its bytes may wait somewhere. Then the node says that another
    // transaction holds the nonce. Signing a second one could carry the instruction out twice.
    chain.faults.hides_answers = true;
    chain.faults.loses_transactions = true;
    SenderOptions options;
    options.resend_ms = 500;
    options.timeout_ms = 3'000;
    auto transaction = sender().prepare(key, instruction).value();
    std::size_t asked = 0;
    const auto outcome = sender(options).send(transaction, WaitFor::kCommitted, [&] {
        chain.faults.hides_answers = false;
        chain.faults.waiting_nonces = 1'000;
        ++asked;
        return false;
    });
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->state, SendState::kUnknown);
    EXPECT_GT(asked, 1U);
    for (const Bytes& posted : chain.posted()) EXPECT_EQ(posted, encode(transaction));
}

TEST_F(NodeAccess, waiting_ends_when_the_outcome_no_longer_matters) {
    chain.faults.loses_transactions = true;
    const std::uint64_t begun = chain.now_ms();
    const auto outcome =
        sender().execute(key, instruction, WaitFor::kCommitted, [] { return true; });
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->state, SendState::kUnknown);
    EXPECT_LT(chain.now_ms() - begun, 5'000U);
}

TEST_F(NodeAccess, node_that_is_down_is_an_error_before_anything_is_signed) {
    chain.faults.is_down = true;
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
}

TEST_F(NodeAccess, node_of_another_chain_is_refused) {
    Genesis other = consortium.genesis;
    other.time = TimeMs{1};
    TransactionSender stranger(chain, other.identity(), {});
    const auto outcome = stranger.execute(key, instruction, WaitFor::kCommitted);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kMismatch);
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(NodeAccess, altered_transaction_is_not_sent) {
    auto transaction = sender().prepare(key, instruction).value();
    transaction.arguments.push_back(0);
    EXPECT_EQ(sender().send(transaction, WaitFor::kCommitted).error().code,
              ErrorCode::kInvalidSignature);
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(NodeAccess, state_value_and_absence_are_proven) {
    const Bytes name = to_bytes(as_bytes("round/1"));
    chain.write(name, Bytes{1, 2, 3});
    chain.make_block();
    const auto present = reader().read(name);
    ASSERT_TRUE(present) << present.error().context;
    EXPECT_EQ(present->value, (Bytes{1, 2, 3}));
    EXPECT_EQ(present->header.height, chain.height());
    const auto absent = reader().read(as_bytes("round/2"));
    ASSERT_TRUE(absent) << absent.error().context;
    EXPECT_EQ(absent->value, std::nullopt);
}

TEST_F(NodeAccess, forged_value_is_refused) {
    const Bytes name = to_bytes(as_bytes("round/1"));
    chain.write(name, Bytes{1, 2, 3});
    chain.make_block();
    chain.faults.forges_value = true;
    EXPECT_EQ(reader().read(name).error().code, ErrorCode::kMismatch);
}

TEST_F(NodeAccess, certificate_below_a_quorum_is_refused) {
    chain.faults.forges_certificate = true;
    chain.make_block();
    EXPECT_EQ(reader().read(as_bytes("x")).error().code, ErrorCode::kMismatch);
    EXPECT_FALSE(reader().block(chain.height()));
}

TEST_F(NodeAccess, certificate_of_another_genesis_is_refused) {
    Genesis other = consortium.genesis;
    other.chain_id = "other";
    EXPECT_EQ(VerifiedReader(chain, other).read(as_bytes("x")).error().code,
              ErrorCode::kInvalidSignature);
}

TEST_F(NodeAccess, receipt_is_proven_and_a_forged_one_refused) {
    chain.faults.receipt_code = 24;
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted).value();
    const auto proven = reader().receipt(outcome.id);
    ASSERT_TRUE(proven) << proven.error().context;
    EXPECT_EQ(proven->receipt.code, 24);
    EXPECT_EQ(proven->header.height, outcome.height);
    chain.faults.forges_receipt = true;
    EXPECT_EQ(reader().receipt(outcome.id).error().code, ErrorCode::kMismatch);
    EXPECT_EQ(reader().receipt(Digest{}).error().code, ErrorCode::kNotFound);
}

TEST_F(NodeAccess, block_is_proven_with_its_transactions) {
    const auto outcome = sender().execute(key, instruction, WaitFor::kCommitted).value();
    const auto block = reader().block(outcome.height);
    ASSERT_TRUE(block) << block.error().context;
    ASSERT_EQ(block->block.transactions.size(), 1U);
    EXPECT_EQ(transaction_id(block->block.transactions[0]), outcome.id);
    EXPECT_EQ(reader().block(Height{999}).error().code, ErrorCode::kNotFound);
}

TEST(BoundedJson, deep_nesting_is_refused_and_brackets_in_strings_do_not_count) {
    EXPECT_TRUE(parse_bounded_json(std::string(32, '[') + std::string(32, ']')));
    EXPECT_EQ(parse_bounded_json(std::string(33, '[') + std::string(33, ']')).error().code,
              ErrorCode::kLimitExceeded);
    EXPECT_TRUE(parse_bounded_json("\"" + std::string(100, '[') + "\\\"" + "\""));
    EXPECT_EQ(parse_bounded_json("{").error().code, ErrorCode::kMalformed);
    EXPECT_EQ(parse_bounded_json("").error().code, ErrorCode::kMalformed);
}

TEST(NodeEndpoint, host_and_port_are_parsed_and_everything_else_refused) {
    EXPECT_EQ(parse_endpoint("127.0.0.1:27100")->port, 27100);
    EXPECT_EQ(parse_endpoint("node.example.org:1")->host, "node.example.org");
    EXPECT_EQ(parse_endpoint("[::1]:443")->host, "::1");
    EXPECT_TRUE(parse_endpoint("[::1]:443")->allowed_keys.empty());
    for (const char* text : {"", ":", "host", "host:", ":1", "host:0", "host:65536", "host:1x",
                             "::1:443", "[]:1", "host:-1"}) {
        EXPECT_FALSE(parse_endpoint(text)) << text;
    }
}

TEST(NodeEndpoint, key_of_the_server_may_follow_the_address) {
    const std::string key(KeyPair::generate().public_key().hex());
    const auto endpoint = parse_endpoint("[::1]:443=" + key);
    ASSERT_TRUE(endpoint);
    EXPECT_EQ(endpoint->host, "::1");
    ASSERT_EQ(endpoint->allowed_keys.size(), 1U);
    EXPECT_EQ(endpoint->allowed_keys[0].hex(), key);
    for (const std::string& wrong :
         {std::string(), std::string("zz"), key + "0", key + "=" + key}) {
        EXPECT_FALSE(parse_endpoint("host:1=" + wrong)) << wrong;
    }
    EXPECT_FALSE(parse_endpoint("host=" + key));
}

std::vector<KeyPair> fresh_keys() {
    std::vector<KeyPair> keys;
    for (int i = 0; i < 4; ++i) keys.push_back(KeyPair::generate());
    return keys;
}

TEST_F(NodeAccess, changes_of_the_validators_are_followed_from_genesis) {
    const auto transaction = sender().prepare(key, instruction).value();
    ASSERT_EQ(sender().send(transaction, WaitFor::kCommitted)->state, SendState::kCommitted);
    chain.write(Bytes{1}, Bytes{2});
    for (int i = 0; i < 3; ++i) chain.change_validators(fresh_keys());
    chain.make_block();
    VerifiedReader reading = reader();
    const auto read = reading.read(Bytes{1});
    ASSERT_TRUE(read) << read.error().context;
    EXPECT_EQ(read->value, Bytes{2});
    EXPECT_EQ(read->header.epoch, Epoch{3});
    EXPECT_EQ(reading.membership().epoch, Epoch{3});
    // What stands in a block of an earlier epoch is still proven by its members.
    const auto receipt = reading.receipt(transaction_id(transaction));
    ASSERT_TRUE(receipt) << receipt.error().context;
    EXPECT_EQ(receipt->header.epoch, Epoch{0});
    EXPECT_TRUE(reading.block(receipt->header.height));
}

TEST_F(NodeAccess, a_membership_that_was_not_announced_is_refused) {
    chain.change_validators(fresh_keys());
    chain.make_block();
    chain.faults.forges_membership = true;
    EXPECT_EQ(reader().read(Bytes{1}).error().code, ErrorCode::kMismatch);
    chain.faults.forges_membership = false;
    EXPECT_TRUE(reader().read(Bytes{1}));
}

TEST_F(NodeAccess, a_state_of_an_epoch_known_to_be_over_is_not_taken) {
    chain.change_validators(fresh_keys());
    chain.make_block();
    VerifiedReader reading = reader();
    ASSERT_TRUE(reading.read(Bytes{1}));
    chain.faults.stale_height = 1;
    EXPECT_EQ(reading.read(Bytes{1}).error().code, ErrorCode::kUnavailable);
    EXPECT_TRUE(reader().read(Bytes{1}));  // who has not heard of the change cannot know
}

TEST_F(NodeAccess, a_change_that_too_few_certify_ends_the_reading) {
    chain.change_validators(fresh_keys());
    chain.change_validators(fresh_keys());
    chain.faults.forges_certificate = true;  // of the blocks to come
    chain.change_validators(fresh_keys());
    chain.make_block();
    VerifiedReader reading = reader();
    EXPECT_EQ(reading.read(Bytes{1}).error().code, ErrorCode::kMismatch);  // two of three signed
    EXPECT_EQ(reading.membership().epoch, Epoch{2});
}

}  // namespace
}  // namespace consilium::p2p
