// A quorum is restored to an older height while its secrets are not: nothing is used twice, the
// epoch is void, rounds go on in the next one.
#include <gtest/gtest.h>

#include <set>

#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

using schema::Phase;
namespace event = schema::event;
namespace keys = schema::keys;

std::set<std::string> returned_labels(const World& world) {
    std::set<std::string> labels;
    for (std::size_t i = 0; i < world.validators.size(); ++i) {
        for (const auto& [label, hash] : world.validators[i]->returned) {
            labels.insert(std::to_string(i) + " " + label);
        }
    }
    return labels;
}

void forget_returned(World& world) {
    for (const auto& validator : world.validators) {
        EXPECT_TRUE(validator->changed_labels.empty());
        validator->returned.clear();
    }
}

std::uint64_t newest_epoch(const World& world) {
    return world.find<schema::MpcRecord>(keys::mpc())->next_epoch - 1;
}

// What the workers return on the restored chain until its epoch is no more.
std::set<std::string> answers_in_the_old_epoch(World& world, std::size_t blocks) {
    const std::uint64_t old = newest_epoch(world);
    forget_returned(world);
    for (std::size_t i = 0; i < blocks && newest_epoch(world) == old; ++i) {
        world.advance();
    }
    EXPECT_TRUE(world.is_consistent());
    return returned_labels(world);
}

// A world whose chain has gone on for more than a round behind the copy.
struct Scene {
    explicit Scene(Phase phase, bool tells_position = true)
        : world({.clients = 4, .rounds = 8, .tells_position = tells_position}) {
        EXPECT_TRUE(world.run_rounds(1));
        EXPECT_TRUE(world.run_until([&] { return world.is_in(phase); }));
        copy = world.copy_chain();
        EXPECT_TRUE(world.run_rounds(3));
        EXPECT_TRUE(world.is_consistent());
        forgotten = world.copy_chain();
    }
    World world;
    ChainCopy copy;
    ChainCopy forgotten;
};

class SetBackIn : public ::testing::TestWithParam<Phase> {};

TEST_P(SetBackIn, nothing_of_the_old_epoch_is_answered_and_rounds_go_on_in_the_next) {
    Scene scene(GetParam());
    World& world = scene.world;
    const schema::RoundRecord interrupted = [&] {
        world.set_back(scene.copy);
        return world.round().value();
    }();
    world.events.clear();
    const std::set<std::string> answers = answers_in_the_old_epoch(world, 400);
    ASSERT_EQ(newest_epoch(world), 2U);
    for (const std::string& label : answers) {
        EXPECT_TRUE(label.ends_with("epoch-1/void")) << label;
    }
    EXPECT_EQ(answers.size(), 4U);
    EXPECT_EQ(world.events_of<schema::EpochChanged>(event::kEpochVoid).size(), 1U);
    EXPECT_GE(world.height, scene.forgotten.height);  // only then can anybody be sure
    const auto round = world.find<schema::RoundRecord>(keys::round(interrupted.label.round));
    EXPECT_EQ(round->phase, Phase::kCancelled);
    EXPECT_EQ(round->reason, schema::EndReason::kChainSetBack);

    forget_returned(world);
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
    for (const schema::RoundResult& result : world.results()) {
        EXPECT_EQ(result.label.mpc_epoch, 2U);
        EXPECT_GT(result.label.round, interrupted.label.round);
        world.expect_result_is_plain_sum(result);
    }
    for (const auto& validator : world.validators) {
        EXPECT_TRUE(validator->store.list("epoch-1/")->empty());
        EXPECT_FALSE(validator->worker->status().is_set_back);
    }
}

INSTANTIATE_TEST_SUITE_P(SetBack, SetBackIn,
                         ::testing::Values(Phase::kSubmitting, Phase::kRanging, Phase::kStat1,
                                           Phase::kAggregate));

// The control: workers that are not told where they are answer the forgotten questions again.
TEST(SetBack, without_positions_coins_of_the_forgotten_branch_are_opened_again) {
    Scene scene(Phase::kSubmitting, false);
    scene.world.set_back(scene.copy);
    const std::set<std::string> answers = answers_in_the_old_epoch(scene.world, 60);
    std::size_t secret = 0;
    for (const std::string& label : answers) secret += label.ends_with("/void") ? 0 : 1;
    EXPECT_GT(secret, 0U);
}

TEST(SetBack, epochs_that_only_the_forgotten_branch_had_are_void_as_well) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    world.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}));
    ASSERT_TRUE(world.run_until([&] { return newest_epoch(world) == 2 && world.is_active(); }));
    ASSERT_TRUE(world.run_rounds(4));
    world.set_back(scene.copy);
    world.events.clear();
    forget_returned(world);
    ASSERT_TRUE(world.run_until([&] { return newest_epoch(world) == 3; }, 600));
    for (const std::string& label : returned_labels(world)) {
        EXPECT_TRUE(label.ends_with("/void")) << label;
    }
    EXPECT_EQ(world.events_of<schema::EpochChanged>(event::kEpochVoid).size(), 2U);
    forget_returned(world);
    ASSERT_TRUE(world.run_rounds(1));
    EXPECT_EQ(world.results()[0].label.mpc_epoch, 3U);
    EXPECT_TRUE(world.is_consistent());
}

TEST(SetBack, the_council_opens_an_epoch_without_waiting_for_the_forgotten_height) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    world.set_back(scene.copy);
    world.events.clear();
    forget_returned(world);
    const auto round = world.round().value();
    // In this order: the epoch changes in the block in which the round ends.
    world.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}));
    world.decide(schema::ProposalKind::kCancelRound,
                 encode(schema::RoundReference{round.label.round, round.label.attempt}));
    ASSERT_EQ(newest_epoch(world), 2U);
    ASSERT_LT(world.height, scene.forgotten.height);
    ASSERT_TRUE(world.run_rounds(1));
    EXPECT_EQ(world.results()[0].label.mpc_epoch, 2U);
    for (const std::string& label : returned_labels(world)) {
        EXPECT_EQ(label.find("epoch-1/"), std::string::npos) << label;
    }
    EXPECT_TRUE(world.is_consistent());
}

TEST(SetBack, a_ledger_that_is_fetched_again_is_waited_for_and_voids_nothing) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    world.restart(0);
    Validator& validator = *world.validators[0];
    const auto held = validator.store.contents;
    const auto owed = validator.worker->step(
        scene.copy.state, ChainPosition{scene.copy.height, scene.copy.block_digests.back()});
    ASSERT_TRUE(owed.has_value());
    EXPECT_TRUE(owed->empty());
    EXPECT_TRUE(validator.worker->status().is_behind);
    EXPECT_EQ(validator.store.contents, held);
    ASSERT_TRUE(world.run_rounds(5));
    EXPECT_FALSE(validator.worker->status().is_behind);
    EXPECT_EQ(newest_epoch(world), 1U);
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
}

TEST(SetBack, one_member_that_says_so_ends_nothing) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    world.send(world.validators[1]->key, schema::Module::kVerification, schema::action::kVoidEpoch,
               encode(schema::EpochReference{1}));
    ASSERT_TRUE(world.run_rounds(5));
    EXPECT_EQ(newest_epoch(world), 1U);
    EXPECT_TRUE(world.events_of<schema::EpochChanged>(event::kEpochVoid).empty());
}

TEST(SetBack, a_mark_that_cannot_be_stored_lets_nothing_out) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    Validator& validator = *world.validators[0];
    world.advance();
    validator.store.failing_put = validator.store.puts + 1;
    EXPECT_FALSE(validator.worker->step(world.state, world.position()).has_value());
    ASSERT_TRUE(world.run_rounds(4));
    EXPECT_TRUE(world.is_consistent());
}

TEST(SetBack, a_block_that_cannot_be_read_proves_nothing_and_erases_nothing) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    Validator& validator = *world.validators[0];
    world.advance();
    const auto held = validator.store.contents;
    Worker worker({.identity = world.genesis.identity(),
                   .own_key = validator.key.public_key(),
                   .random = validator.random,
                   .block_at = [](Height) { return std::nullopt; }},
                  validator.store, validator.blobs);
    const auto owed = worker.step(world.state, world.position());
    ASSERT_TRUE(owed.has_value());
    EXPECT_TRUE(owed->empty());
    EXPECT_TRUE(worker.status().is_behind);
    EXPECT_FALSE(worker.status().is_set_back);
    EXPECT_EQ(validator.store.contents, held);
    ASSERT_TRUE(world.run_rounds(4));
}

// The crash is between the void mark and the erasure: the next step erases.
TEST(SetBack, a_crash_before_the_keys_are_erased_leaves_them_unused) {
    Scene scene(Phase::kRanging);
    World& world = scene.world;
    world.set_back(scene.copy);
    // The last state that was looked at.
    const Height mark = scene.forgotten.height.previous();
    ASSERT_TRUE(world.run_until([&] { return world.height == mark; }, 400));
    Validator& validator = *world.validators[0];
    ASSERT_FALSE(validator.store.list("epoch-1/")->empty());
    validator.store.failing_erase = validator.store.erases + 1;
    EXPECT_FALSE(validator.worker->step(world.state, world.position()).has_value());
    world.restart(0);
    const auto owed = validator.worker->step(world.state, world.position());
    ASSERT_TRUE(owed.has_value());
    ASSERT_EQ(owed->size(), 1U);
    EXPECT_EQ(owed->front().action, schema::action::kVoidEpoch);
    EXPECT_TRUE(validator.store.list("epoch-")->empty());
}

}  // namespace
}  // namespace consilium::mpc::testing
