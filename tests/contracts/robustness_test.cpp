// Whatever stands in a transaction, execution answers with a known code and never stops.
#include <gtest/gtest.h>

#include "contracts/schema/table.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using smpc::testing::TestRandom;
namespace keys = schema::keys;

constexpr int kMutationsPerAction = 40;

Bytes random_bytes(TestRandom& random, std::size_t size) {
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.word());
    return bytes;
}

// Arguments that decode in the present state, for actions where random bytes seldom do.
std::vector<Bytes> plausible_arguments(const Chain& chain) {
    const auto rounds = chain.load<schema::RoundsRecord>(keys::rounds());
    const schema::RoundLabel label{1, rounds.current.value_or(1), 0, 0};
    const schema::BlobName blob{sha256(as_bytes("x")), 328};
    return {encode(schema::AccountBallot{chain.trainers[0]}),
            encode(schema::Propose{schema::ProposalKind::kCreateTask, encode(test_task())}),
            encode(schema::Vote{1, true}),
            encode(schema::TaskReference{1}),
            encode(schema::Pledge{label, 1, blob}),
            encode(schema::EphemeralKey{1, {}}),
            encode(schema::KeyCommit{1, {{7, 0, blob.sha256}}, blob}),
            encode(schema::EpochReference{1}),
            encode(schema::KeyAck{1, {{7, blob.sha256}}}),
            encode(schema::ClientKeys{1, 1, blob}),
            encode(schema::PrepShare{{1, 0}, std::vector<std::uint64_t>(14, 1)}),
            encode(schema::StatShare{label, {1, 2, 3, 4}}),
            encode(schema::Aggregate{label, blob}),
            encode(schema::AggregateOk{label, blob.sha256}),
            encode(schema::ReportMetrics{1, 0, 1, 1, 1, 1})};
}

Bytes mutate(TestRandom& random, Bytes bytes) {
    if (bytes.empty()) return bytes;
    const auto position = static_cast<std::size_t>(random.word() % bytes.size());
    switch (random.word() % 4) {
        case 0:
            bytes[position] = static_cast<std::uint8_t>(random.word());
            break;
        case 1:
            bytes.resize(position);
            break;
        case 2:
            bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(position), 0xFF);
            break;
        default:
            break;
    }
    return bytes;
}

void expect_known_code(Chain& chain, Transaction transaction) {
    transaction.nonce = next_nonce(chain.state, transaction.sender).value_or(0);
    const auto effects = chain.execute({transaction});
    ASSERT_TRUE(effects.has_value());
    ASSERT_EQ(effects->receipts.receipts.size(), 1U);
    EXPECT_TRUE(schema::find_code(effects->receipts.receipts[0].code).has_value());
    (void)is_blob_expected(chain.state, transaction);
}

void attack_every_action(Chain& chain, TestRandom& random) {
    const std::vector<PublicKey> senders{chain.validators[0], chain.council[0], chain.trainers[0],
                                         key_of("stranger")};
    const std::vector<Bytes> samples = plausible_arguments(chain);
    for (const schema::ActionInfo& info : schema::action_table()) {
        for (int i = 0; i < kMutationsPerAction; ++i) {
            const PublicKey& sender = senders[random.word() % senders.size()];
            const Bytes arguments = i % 4 == 0
                                        ? random_bytes(random, random.word() % 80)
                                        : mutate(random, samples[random.word() % samples.size()]);
            expect_known_code(chain, chain.make_raw(sender, {info.module, info.action}, arguments));
        }
        for (const Bytes& sample : samples) {
            for (const PublicKey& sender : senders) {
                expect_known_code(chain,
                                  chain.make_raw(sender, {info.module, info.action}, sample));
            }
        }
    }
    chain.forget_plans();  // the attack only executed
}

TEST(RobustnessTest, mutated_arguments_get_a_known_code_in_every_phase) {
    constexpr std::uint64_t kSeed = 20;
    RecordProperty("seed", std::to_string(kSeed));
    TestRandom random(kSeed);
    Chain chain(4);
    for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
    schema::TaskSpec spec = test_task();
    spec.windows.pledge = spec.windows.submit = spec.windows.range = {.blocks = 1000, .ms = 1000};
    chain.decide(schema::ProposalKind::kCreateTask, encode(spec));
    ConsortiumDriver driver(chain);
    attack_every_action(chain, random);
    driver.set_up_epoch();
    attack_every_action(chain, random);
    driver.prepare_batches();
    attack_every_action(chain, random);
    driver.submit(driver.similar_updates(1, 0), {1, 2, 3, 4});
    attack_every_action(chain, random);
    driver.prove();
    attack_every_action(chain, random);
    driver.draw_coin();
    attack_every_action(chain, random);
    driver.post_stat1();
    attack_every_action(chain, random);
    driver.post_stat2();
    attack_every_action(chain, random);
    driver.post_aggregate();
    EXPECT_EQ(chain.load<schema::RoundRecord>(keys::round(1)).phase, schema::Phase::kResult);
}

TEST(RobustnessTest, the_same_block_yields_the_same_effects_and_leaves_the_state_alone) {
    Chain chain(4);
    std::vector<Transaction> transactions;
    for (std::size_t i = 0; i < 4; ++i) {
        const schema::Register arguments{schema::Role::kTrainer,
                                         chain.genesis.organisations[i].name};
        transactions.push_back(chain.make(key_of(arguments.organisation), kRegister, arguments));
    }
    const Digest before = chain.state.root();
    const auto first = chain.execute(transactions).value();
    const auto second = chain.execute(transactions).value();
    EXPECT_EQ(first.writes, second.writes);
    EXPECT_EQ(receipt_root(first.receipts), receipt_root(second.receipts));
    EXPECT_EQ(chain.state.root(), before);
}

}  // namespace
}  // namespace consilium::contracts::testing
