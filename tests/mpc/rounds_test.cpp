// Full rounds of the consortium: committee sizes, both modes, poisoners, many rounds, renewal.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

using schema::ClientCode;
using schema::Mode;
using schema::Phase;

class Rounds : public ::testing::TestWithParam<std::tuple<std::uint32_t, Mode>> {};

TEST_P(Rounds, honest_parties_end_in_the_weighted_sum_of_the_updates) {
    World world({.validators = std::get<0>(GetParam()), .mode = std::get<1>(GetParam())});
    ASSERT_TRUE(world.run_rounds(2));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.refusals.empty());
    for (const auto& validator : world.validators) {
        EXPECT_EQ(validator->worker->status().refusals, 0U);
        EXPECT_EQ(validator->errors, 0U);
    }
}

class WideRounds : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(WideRounds, full_mode_of_the_range_proof_ends_in_the_weighted_sum) {
    World world({.validators = GetParam(),
                 .mode = Mode::kPairwise,
                 .rounds = 2,
                 .is_wide = true,
                 .replays_every_step = true,
                 .is_pool_slow = true});
    ASSERT_TRUE(world.run_rounds(2, 300));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
        const auto round =
            world.find<schema::RoundRecord>(schema::keys::round(result.label.round)).value();
        EXPECT_TRUE(round.range_seed && round.test_seed);
        EXPECT_EQ(round.in_range, round.submitted);
    }
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
}

INSTANTIATE_TEST_SUITE_P(Committees, WideRounds, ::testing::Values(4U, 7U));

INSTANTIATE_TEST_SUITE_P(Committees, Rounds,
                         ::testing::Combine(::testing::Values(4U, 5U, 7U),
                                            ::testing::Values(Mode::kPairwise, Mode::kSum)));

// An update of that integer length, alike for every client and round.
Update update_of_norm(std::uint64_t seed, std::size_t client, const schema::RoundRecord& round,
                      double norm) {
    const Update shape = similar_update(seed, client, round);
    double square = 0;
    for (const std::int64_t value : shape) square += static_cast<double>(value * value);
    Update update;
    for (const std::int64_t value : shape) {
        update.push_back(
            static_cast<std::int64_t>(static_cast<double>(value) * norm / std::sqrt(square)));
    }
    return update;
}

TEST(PlainSum, equal_weights_open_the_exact_sum) {
    // Norms far below the blur bound all clip alike; blur decides whether one counts as zero.
    std::size_t plain = 0;
    for (std::uint64_t seed = 1; seed <= 16 && plain == 0; ++seed) {
        World world({.clients = 3, .rounds = 1, .seed = seed});
        world.make_update = [&](std::size_t client, const schema::RoundRecord& round) {
            const double limit = std::ldexp(1.0, static_cast<int>(round.terms.nu));
            return update_of_norm(seed, client, round, limit * std::sqrt(0.45 / 128));
        };
        if (!world.run_rounds(1)) continue;
        const schema::RoundResult result = world.results()[0];
        world.expect_result_is_plain_sum(result);  // without a dither: to the last unit
        if (!world.verdict(result.label.round).dither_bits) ++plain;
    }
    EXPECT_GT(plain, 0U);
}

class Poison : public ::testing::TestWithParam<std::tuple<Mode, std::uint64_t>> {};

TEST_P(Poison, sign_flip_is_rejected_and_the_rest_is_summed) {
    const Mode mode = std::get<0>(GetParam());
    const std::uint64_t seed = std::get<1>(GetParam());
    World world({.clients = 4, .mode = mode, .rounds = 3, .seed = seed});
    world.make_update = [&](std::size_t client, const schema::RoundRecord& round) {
        Update update = similar_update(seed, client, round);
        if (client == 2) {
            for (std::int64_t& value : update) value = -value;
        }
        return update;
    };
    ASSERT_TRUE(world.run_rounds(3));
    const PublicKey poisoner = world.clients[2]->key.public_key();
    for (const schema::RoundResult& result : world.results()) {
        const auto epoch =
            world.find<schema::EpochRecord>(schema::keys::epoch(result.label.mpc_epoch)).value();
        const std::uint16_t slot = epoch.find_slot(poisoner).value();
        for (const schema::ClientOutcome& outcome : world.verdict(result.label.round).clients) {
            const bool is_poisoner = outcome.slot == slot;
            const ClientCode code = mode == Mode::kSum ? ClientCode::kLoo : ClientCode::kAgree;
            EXPECT_EQ(outcome.code, is_poisoner ? code : ClientCode::kOk);
            EXPECT_EQ(outcome.weight == 0, is_poisoner);
        }
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.is_consistent());
}

TEST_P(Poison, zero_update_is_null_and_weighs_nothing) {
    const Mode mode = std::get<0>(GetParam());
    const std::uint64_t seed = std::get<1>(GetParam());
    World world({.clients = 4, .mode = mode, .rounds = 1, .seed = seed});
    world.make_update = [&](std::size_t client, const schema::RoundRecord& round) {
        const Update update = similar_update(seed, client, round);
        return client == 1 ? Update(update.size()) : update;
    };
    ASSERT_TRUE(world.run_rounds(1));
    const schema::RoundResult result = world.results()[0];
    const std::uint16_t slot = world.epoch()->find_slot(world.clients[1]->key.public_key()).value();
    const schema::ClientOutcome outcome = world.verdict(result.label.round).clients[slot - 1U];
    EXPECT_EQ(outcome.code, ClientCode::kNull);
    EXPECT_EQ(outcome.weight, 0U);
    world.expect_result_is_plain_sum(result);
}

INSTANTIATE_TEST_SUITE_P(Modes, Poison,
                         ::testing::Combine(::testing::Values(Mode::kPairwise, Mode::kSum),
                                            ::testing::Values(3U, 4U)));

TEST(ManyRounds, ten_rounds_keep_stock_and_ratchets_in_step) {
    World world({.mode = Mode::kPairwise, .rounds = 10});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kSubmitting); }));
    for (std::uint64_t round = 1; round <= 10; ++round) {
        ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat1); }));
        // The batch in use, and at least two certified ones (fewer once no round is left).
        EXPECT_GE(world.certified_batches(), std::min<std::size_t>(2, 10 - round)) << round;
        ASSERT_TRUE(world.run_rounds(round));
    }
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.refusals.empty());
}

TEST(Renewal, new_client_gets_a_new_epoch_and_takes_part) {
    World world({.rounds = 4});
    ASSERT_TRUE(world.run_rounds(1));
    world.register_client("Late clinic");
    ASSERT_TRUE(world.run_rounds(4, 400));
    const auto results = world.results();
    EXPECT_EQ(results.front().label.mpc_epoch, 1U);
    EXPECT_EQ(results.back().label.mpc_epoch, 2U);
    EXPECT_TRUE(world.clients[3]->updates.contains(results.back().label.round));
    for (const schema::RoundResult& result : results) world.expect_result_is_plain_sum(result);
    for (const auto& validator : world.validators) {
        for (const auto& [name, secret] : validator->store.contents) {
            EXPECT_FALSE(name.starts_with("epoch-1/")) << name;
        }
    }
    EXPECT_TRUE(world.is_consistent());
}

TEST(Renewal, epoch_ends_after_its_share_of_rounds) {
    World world({.rounds = 5, .epoch_rounds_max = 2});
    ASSERT_TRUE(world.run_rounds(5, 500));
    EXPECT_EQ(world.results().back().label.mpc_epoch, 3U);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.is_consistent());
}

}  // namespace
}  // namespace consilium::mpc::testing
