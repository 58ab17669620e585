// Coins on chain: collecting, opening, late and wrong shares, for the keys of a small consortium.
#include <gtest/gtest.h>

#include "contracts/execution.hpp"
#include "contracts/verification/coins.hpp"
#include "contracts/verification/epochs.hpp"
#include "fl_engine/smpc/coin.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::verification {
namespace {

using contracts::testing::Chain;
using contracts::testing::ConsortiumDriver;
using schema::Code;
using schema::CoinKind;
namespace event = schema::event;
namespace keys = schema::keys;

// An active epoch of n members, and the coin functions as a phase of the chain would call them.
struct Scene {
    explicit Scene(std::uint32_t n)
        : chain(n), driver(start(chain)), execution(chain.state, chain.blobs, {}) {
        epoch = *current_epoch(execution.state);
        label = {epoch.mpc_epoch, 5, 1, 2};
    }
    static ConsortiumDriver start(Chain& chain) {
        for (std::size_t i = 0; i < 3; ++i) chain.add_trainer(i);
        chain.decide(schema::ProposalKind::kCreateTask, encode(contracts::testing::test_task()));
        ConsortiumDriver driver(chain);
        driver.set_up_epoch();
        return driver;
    }
    std::vector<std::uint64_t> share(CoinKind kind, smpc::MemberIndex member) const {
        const auto committee =
            *smpc::Committee::make(static_cast<std::uint32_t>(epoch.members.size()));
        const smpc::Kdf kdf("coins");
        std::vector<smpc::CoinRoundKey> ring;
        for (const smpc::SubsetRank rank : committee.subsets_of(member)) {
            ring.emplace_back(smpc::testing::secret_from("coin" + std::to_string(rank)));
        }
        const auto coin =
            kind == CoinKind::kTest ? smpc::RoundCoin::kTest : smpc::RoundCoin::kRange;
        return smpc::round_coin_shares(kdf, committee, member, ring,
                                       {coin, label.mpc_epoch, label.round, label.attempt});
    }
    Code post(std::uint16_t member, CoinKind kind, std::vector<std::uint64_t> values,
              bool is_open = true) {
        const Sender sender{epoch.members.at(member - 1U), {}};
        return post_coin_share(execution, sender, epoch, {kind, label, std::move(values)}, is_open);
    }
    Code post(std::uint16_t member) {
        return post(member, CoinKind::kRange, share(CoinKind::kRange, member));
    }
    std::optional<Digest> open() {
        return try_open_coin(execution, epoch, round_coin(CoinKind::kRange, label));
    }
    template <typename T>
    std::vector<T> events(std::uint16_t kind) const {
        std::vector<T> found;
        for (const Event& event : execution.events) {
            if (event.kind == kind) found.push_back(decode<T>(event.payload).value());
        }
        return found;
    }

    Chain chain;
    ConsortiumDriver driver;
    Execution execution;
    schema::EpochRecord epoch;
    schema::RoundLabel label;
};

Digest honest_seed(std::uint32_t n) {
    Scene scene(n);
    for (std::uint16_t member = 1; member <= n; ++member) {
        EXPECT_EQ(scene.post(member), Code::kOk);
    }
    return scene.open().value();
}

TEST(CoinContract, opens_with_all_shares_to_the_hash_of_label_and_values) {
    Scene scene(4);
    EXPECT_FALSE(scene.open().has_value());
    for (std::uint16_t member = 1; member <= 2; ++member) {
        EXPECT_EQ(scene.post(member), Code::kOk);
        EXPECT_FALSE(scene.open().has_value());
    }
    EXPECT_EQ(scene.post(3), Code::kOk);
    const auto seed = scene.open();
    ASSERT_TRUE(seed.has_value());
    const auto seeds = scene.events<schema::SeedOpened>(event::kSeed);
    ASSERT_EQ(seeds.size(), 1U);
    EXPECT_EQ(seeds[0].seed, *seed);
    EXPECT_EQ(seeds[0].kind, CoinKind::kRange);
    EXPECT_EQ(seeds[0].label, scene.label);
    EXPECT_EQ(scene.open(), seed);  // asking again opens nothing again
    EXPECT_EQ(scene.events<schema::SeedOpened>(event::kSeed).size(), 1U);
    EXPECT_EQ(*seed, honest_seed(4));
}

TEST(CoinContract, wrong_share_is_corrected_and_named) {
    for (const std::uint32_t n : {4U, 7U}) {
        Scene scene(n);
        const std::uint16_t liar = 1;  // among the first t+1
        for (std::uint16_t member = 1; member <= n; ++member) {
            auto values = scene.share(CoinKind::kRange, member);
            if (member == liar) values[1] = smpc::Field61::add(values[1], 3);
            EXPECT_EQ(scene.post(member, CoinKind::kRange, values), Code::kOk);
        }
        EXPECT_EQ(scene.open(), honest_seed(n));
        const auto faults = scene.events<schema::FaultProved>(event::kFault);
        ASSERT_EQ(faults.size(), 1U);
        EXPECT_EQ(faults[0].action, schema::action::kCoinShare);
        EXPECT_EQ(faults[0].member, liar);
        EXPECT_EQ(faults[0].coordinate, 1U);
        EXPECT_EQ(faults[0].label, scene.label);
    }
}

TEST(CoinContract, waits_while_a_lie_and_a_gap_leave_no_majority) {
    Scene scene(4);
    auto values = scene.share(CoinKind::kRange, 1);
    values[0] = smpc::Field61::add(values[0], 1);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, values), Code::kOk);
    EXPECT_EQ(scene.post(2), Code::kOk);
    EXPECT_EQ(scene.post(3), Code::kOk);
    EXPECT_FALSE(scene.open().has_value());
    EXPECT_EQ(scene.post(4), Code::kOk);
    EXPECT_EQ(scene.open(), honest_seed(4));
}

TEST(CoinContract, late_share_is_compared_and_changes_nothing) {
    Scene scene(7);
    for (std::uint16_t member = 1; member <= 5; ++member) EXPECT_EQ(scene.post(member), Code::kOk);
    const auto seed = scene.open();
    ASSERT_TRUE(seed.has_value());
    EXPECT_EQ(scene.post(6, CoinKind::kRange, scene.share(CoinKind::kRange, 6), /*is_open=*/false),
              Code::kOk);
    EXPECT_TRUE(scene.events<schema::FaultProved>(event::kFault).empty());
    auto wrong = scene.share(CoinKind::kRange, 7);
    wrong[2] = smpc::Field61::add(wrong[2], 8);
    EXPECT_EQ(scene.post(7, CoinKind::kRange, wrong, /*is_open=*/false), Code::kOk);
    const auto faults = scene.events<schema::FaultProved>(event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].member, 7U);
    EXPECT_EQ(faults[0].coordinate, 2U);
    EXPECT_EQ(scene.open(), seed);
}

TEST(CoinContract, early_malformed_repeated_and_foreign_shares_are_refused) {
    Scene scene(4);
    const auto values = scene.share(CoinKind::kRange, 1);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, values, /*is_open=*/false), Code::kWrongPhase);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, {1, 2}), Code::kWrongLength);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, {1, 2, smpc::kPrime61}), Code::kWordOutOfRange);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, values), Code::kOk);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, values), Code::kDuplicate);
    EXPECT_EQ(scene.post(1, CoinKind::kRange, {1, 2, 3}), Code::kEquivocation);
    EXPECT_EQ(scene.events<schema::Equivocation>(event::kEquivocation).size(), 1U);
    // Another kind is another coin.
    EXPECT_EQ(scene.post(1, CoinKind::kTest, scene.share(CoinKind::kTest, 1)), Code::kOk);
    const Sender stranger{scene.chain.trainers[0], {}};
    EXPECT_EQ(post_coin_share(scene.execution, stranger, scene.epoch,
                              {CoinKind::kRange, scene.label, values}, true),
              Code::kNotAMember);
}

TEST(CoinContract, excluded_member_is_not_heard) {
    Scene scene(7);
    EXPECT_EQ(scene.post(2), Code::kOk);
    scene.epoch.excluded = schema::member_bit(1) | schema::member_bit(2);
    EXPECT_EQ(scene.post(1), Code::kMemberExcluded);
    for (std::uint16_t member = 3; member <= 6; ++member) EXPECT_EQ(scene.post(member), Code::kOk);
    EXPECT_FALSE(scene.open().has_value());  // four of those that count, and member 2's
    EXPECT_EQ(scene.post(7), Code::kOk);
    EXPECT_EQ(scene.open(), honest_seed(7));
}

TEST(CoinContract, forgotten_coin_leaves_no_record) {
    Scene scene(4);
    for (std::uint16_t member = 1; member <= 4; ++member) EXPECT_EQ(scene.post(member), Code::kOk);
    ASSERT_TRUE(scene.open().has_value());
    const keys::CoinId id = round_coin(CoinKind::kRange, scene.label);
    forget_round_coins(scene.execution, scene.label);
    EXPECT_FALSE(scene.execution.state.contains(keys::coin(id)));
    for (std::uint16_t member = 1; member <= 4; ++member) {
        EXPECT_FALSE(scene.execution.state.contains(keys::coin_share(id, member)));
    }
    EXPECT_EQ(scene.post(1, CoinKind::kRange, scene.share(CoinKind::kRange, 1), false),
              Code::kWrongPhase);
}

TEST(CoinContract, transactions_outside_an_open_phase_are_refused) {
    Scene scene(4);
    const auto send = [&](schema::CoinShare share) {
        return scene.chain.send(scene.epoch.members[0],
                                {schema::Module::kVerification, schema::action::kCoinShare}, share);
    };
    const std::vector<std::uint64_t> values{1, 2, 3};
    EXPECT_EQ(send({CoinKind::kChi, {scene.epoch.mpc_epoch, 0, 0, 0}, values}), Code::kWrongPhase);
    EXPECT_EQ(send({CoinKind::kChi, {scene.epoch.mpc_epoch, 1, 0, 0}, values}), Code::kWrongLabel);
    EXPECT_EQ(send({CoinKind::kChi, {scene.epoch.mpc_epoch, 0, 0, 99}, values}), Code::kWrongLabel);
    EXPECT_EQ(send({CoinKind::kChi, {9, 0, 0, 0}, values}), Code::kWrongLabel);
    EXPECT_EQ(send({CoinKind::kRange, {scene.epoch.mpc_epoch, 1, 0, 0}, values}),
              Code::kWrongPhase);
    scene.driver.prepare_batches();
    const schema::RoundLabel label = scene.driver.round().label;
    EXPECT_EQ(send({CoinKind::kRange, label, values}), Code::kWrongPhase);
    schema::RoundLabel other = label;
    ++other.attempt;
    EXPECT_EQ(send({CoinKind::kRange, other, values}), Code::kWrongLabel);
}

}  // namespace
}  // namespace consilium::contracts::verification
