// void_epoch: how many members it takes, and what it ends.
#include <gtest/gtest.h>

#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::Code;
using schema::Phase;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr SentAction kVoidEpoch{schema::Module::kVerification, schema::action::kVoidEpoch};

struct Scene {
    explicit Scene(std::size_t organisations = 4) : chain(organisations) {
        for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(test_task())), Code::kOk);
    }
    Code tell(std::size_t validator, std::uint64_t mpc_epoch = 1) {
        return chain.send(chain.validators.at(validator), kVoidEpoch,
                          schema::EpochReference{mpc_epoch});
    }
    [[nodiscard]] std::size_t voids() const {
        return chain.events<schema::EpochChanged>(schema::Module::kVerification, event::kEpochVoid)
            .size();
    }
    Chain chain;
    ConsortiumDriver driver{chain};
};

TEST(VoidEpoch, t_members_end_nothing_and_one_more_opens_the_next_epoch) {
    for (const std::size_t organisations : {4U, 7U}) {
        Scene scene(organisations);
        scene.driver.set_up_epoch();
        scene.driver.prepare_batches();
        const std::uint64_t round = scene.driver.round().label.round;
        const std::size_t t = (organisations - 1) / 3;
        for (std::size_t i = 0; i < t; ++i) {
            EXPECT_EQ(scene.tell(i), Code::kOk);
            EXPECT_EQ(scene.tell(i), Code::kDuplicate);
        }
        EXPECT_EQ(scene.driver.epoch().mpc_epoch, 1U);
        EXPECT_EQ(scene.driver.round().phase, Phase::kSubmitting);
        EXPECT_EQ(scene.tell(t), Code::kOk);
        EXPECT_EQ(scene.voids(), 1U);
        EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
        const auto ended = scene.chain.load<schema::RoundRecord>(keys::round(round));
        EXPECT_EQ(ended.phase, Phase::kCancelled);
        EXPECT_EQ(ended.reason, schema::EndReason::kChainSetBack);
        const auto old = scene.chain.load<schema::EpochRecord>(keys::epoch(1));
        EXPECT_EQ(old.phase, schema::EpochPhase::kEnded);
        EXPECT_TRUE(old.live_batches.empty());
        EXPECT_EQ(scene.tell(t + 1), Code::kWrongLabel);
        // No round before the next epoch is ready.
        EXPECT_FALSE(scene.chain.load<schema::RoundsRecord>(keys::rounds()).current.has_value());
    }
}

TEST(VoidEpoch, more_members_in_the_same_block_tell_it_once) {
    Scene scene;
    scene.driver.set_up_epoch();
    std::vector<Transaction> all;
    for (const PublicKey& validator : scene.chain.validators) {
        all.push_back(scene.chain.make(validator, kVoidEpoch, schema::EpochReference{1}));
    }
    scene.chain.run(all);
    EXPECT_EQ(scene.voids(), 1U);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
}

TEST(VoidEpoch, a_round_that_waits_for_its_next_attempt_is_cancelled_as_well) {
    Scene scene;
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches();
    scene.driver.submit(scene.driver.similar_updates(1, 0), {1});  // too few
    scene.chain.pass(12);
    const std::uint64_t round = scene.driver.round().label.round;
    EXPECT_EQ(scene.tell(0), Code::kOk);
    EXPECT_EQ(scene.tell(1), Code::kOk);
    EXPECT_EQ(scene.chain.load<schema::RoundRecord>(keys::round(round)).phase, Phase::kCancelled);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
}

TEST(VoidEpoch, a_renewal_that_waits_for_a_silent_round_is_freed) {
    Scene scene;
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches();
    EXPECT_EQ(
        scene.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
        Code::kOk);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 1U);
    EXPECT_EQ(scene.tell(2), Code::kOk);
    EXPECT_EQ(scene.tell(3), Code::kOk);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
}

TEST(VoidEpoch, strangers_and_other_epochs_are_refused) {
    Scene scene;
    EXPECT_EQ(scene.tell(0, 7), Code::kWrongLabel);
    EXPECT_EQ(scene.chain.send(scene.chain.trainers[0], kVoidEpoch, schema::EpochReference{1}),
              Code::kRoleNotAllowed);
}

// A proven liar's word does not count.
TEST(VoidEpoch, an_excluded_member_is_refused) {
    Scene scene;
    scene.driver.set_up_epoch();
    auto epoch = scene.driver.epoch();
    EXPECT_EQ(scene.tell(0), Code::kOk);
    epoch.excluded = schema::member_bit(1);
    scene.chain.state = scene.chain.state.apply({{keys::epoch(1), encode(epoch)}});
    EXPECT_EQ(scene.tell(1), Code::kOk);  // with the liar's there would be two
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 1U);
    EXPECT_EQ(scene.tell(2), Code::kOk);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
}

}  // namespace
}  // namespace consilium::contracts::testing
