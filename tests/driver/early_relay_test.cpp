// A blob transaction that a peer relays before our state names its blob: the peer has committed a
// block that is still on its way to us.
#include <gtest/gtest.h>

#include "node/driver/chain.hpp"
#include "node/driver/driver.hpp"
#include "tests/driver/fixture.hpp"

namespace consilium::driver {
namespace {

using testing::certify;
using testing::kCouncilKeys;
using testing::key_of;
using testing::make_transaction;
using testing::RecordingEnv;
using testing::simulation_key;
using testing::simulation_sign;

constexpr std::size_t kObserver = 60;

Now at(std::uint64_t ms) {
    return {ms, TimeMs{10'000 + ms}};
}

// One proposal may be open at a time, so that a second one is expected only behind its end.
Genesis narrow_genesis() {
    Genesis genesis = testing::make_genesis();
    schema::Parameters parameters;
    parameters.open_proposals_max = 1;
    genesis.parameters = encode(parameters);
    return genesis;
}

Transaction signed_by(std::size_t council, std::uint64_t nonce, std::uint16_t action,
                      Bytes arguments) {
    Transaction transaction = make_transaction(council, nonce);
    transaction.genesis_hash = narrow_genesis().hash();
    transaction.module = static_cast<std::uint16_t>(schema::Module::kGovernance);
    transaction.action = action;
    transaction.arguments = std::move(arguments);
    transaction.signature =
        simulation_sign(simulation_key(kCouncilKeys + council), signing_digest(transaction));
    return transaction;
}

// Names a blob, by `variant` another one.
Transaction reference_proposal(std::size_t council, std::uint64_t variant = 0) {
    const schema::ReferenceSetApproval approval{
        {sha256(encode(variant)), 1'000}, std::nullopt, false};
    return signed_by(
        council, 0, schema::action::kPropose,
        encode(schema::Propose{schema::ProposalKind::kApproveReferenceSet, encode(approval)}));
}

class EarlyRelay : public ::testing::Test {
  protected:
    EarlyRelay() {
        DriverOptions options;
        options.genesis = narrow_genesis();
        options.own_key = key_of(kObserver);
        options.first_start = true;
        driver = std::move(*Driver::open(options, env, at(0)));
        driver->start(at(0));
        others = std::make_unique<Chain>(std::move(*Chain::open(narrow_genesis(), others_env)));
        commit(signed_by(0, 0, schema::action::kPropose,
                         encode(schema::Propose{schema::ProposalKind::kSetParameters,
                                                narrow_genesis().parameters})));
    }
    // A block with this transaction, made by the others and synced here.
    void commit(const Transaction& transaction) {
        auto executed = others->assemble({ReplicaId{0}, TimeMs{++time_}},
                                         std::vector<Transaction>{transaction});
        ASSERT_TRUE(executed.has_value());
        ASSERT_EQ(executed->receipts.receipts.at(0).code, 0);
        const CertifiedBlock block{executed->block,
                                   certify(others->identity(), executed->block.header, 3)};
        ASSERT_TRUE(others->commit(std::move(*executed), block.certificate, true).has_value());
        deliver(1, StatusMessage{others->height(), false});
        deliver(1, BlockResponse{others->height(), {block}});
        ASSERT_EQ(driver->head().header.height, others->height());
    }
    void commit_the_end() {
        commit(signed_by(0, 1, schema::action::kWithdraw, encode(schema::Withdraw{1})));
    }
    void deliver(std::size_t from, const PeerMessage& message) {
        const Frame frame = encode_frame(message);
        driver->handle(PeerFrame{key_of(from), frame.kind, *frame.payload}, at(1));
    }
    // How many signatures were checked for it.
    std::size_t relay(std::size_t from, const std::vector<Transaction>& transactions) {
        deliver(from, TransactionRelay{transactions});
        std::size_t checks = 0;
        while (!env.open_checks.empty()) {
            checks += env.open_checks.front().second.size();
            driver->handle(env.take_answer(), at(2));
        }
        return checks;
    }
    [[nodiscard]] bool is_waiting(const Transaction& transaction) const {
        return driver->is_waiting(transaction_id(transaction));
    }

    RecordingEnv env{kObserver};
    RecordingEnv others_env{1};
    std::unique_ptr<Driver> driver;
    std::unique_ptr<Chain> others;
    std::uint64_t time_ = 2'000;
};

TEST_F(EarlyRelay, blob_transaction_waits_for_the_block_that_lets_its_blob_be_pulled) {
    const Transaction early = reference_proposal(1);
    EXPECT_EQ(relay(2, {early}), 1U);
    EXPECT_FALSE(is_waiting(early));
    EXPECT_EQ(relay(3, {early}), 0U);  // known: not checked again
    commit_the_end();
    EXPECT_TRUE(is_waiting(early));
    EXPECT_EQ(driver->status().pulled_blobs, 1U);
}

TEST_F(EarlyRelay, one_that_the_next_block_does_not_expect_either_is_dropped) {
    const Transaction early = reference_proposal(1);
    EXPECT_EQ(relay(2, {early}), 1U);
    commit(signed_by(2, 0, schema::action::kVote, encode(schema::Vote{1, false})));
    EXPECT_FALSE(is_waiting(early));
    commit_the_end();
    EXPECT_FALSE(is_waiting(early));
    EXPECT_EQ(relay(2, {early}), 1U);
    EXPECT_TRUE(is_waiting(early));
}

TEST_F(EarlyRelay, flood_of_one_sender_leaves_room_for_the_others) {
    std::vector<Transaction> flood;
    for (std::uint64_t variant = 0; variant < limits::kEarlyRelays + 100; ++variant) {
        flood.push_back(reference_proposal(2, variant));
    }
    for (std::size_t done = 0; done < flood.size(); done += 100) {
        const auto first = flood.begin() + static_cast<std::ptrdiff_t>(done);
        const auto count = std::min<std::size_t>(100, flood.size() - done);
        relay(2, {first, first + static_cast<std::ptrdiff_t>(count)});
    }
    const Transaction early = reference_proposal(1);
    EXPECT_EQ(relay(3, {early}), 1U);
    commit_the_end();
    EXPECT_TRUE(is_waiting(early));
    EXPECT_EQ(driver->status().waiting_transactions, 2U);  // of the flood one, by its nonce
}

}  // namespace
}  // namespace consilium::driver
