// R8 at the validators: of a round with fewer than m_min weighted clients no AGG share leaves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace event = schema::event;
using schema::EndReason;
using schema::Mode;
using schema::Phase;

void store_round(World& world, const schema::RoundRecord& round) {
    world.state =
        world.state.apply({{schema::keys::round(round.label.round), std::optional(encode(round))}});
}
bool has_returned(const World& world, const std::string& label) {
    return std::any_of(world.validators.begin(), world.validators.end(),
                       [&](const auto& one) { return one->returned.contains(label); });
}

class CancelledRound : public ::testing::TestWithParam<std::tuple<Mode, std::uint16_t>> {};

// Two updates of zero and two near the bound, under a narrower blur than the default one, so that
// the long ones are scaled to nothing (tests/contracts/cancellation_test.cpp).
TEST_P(CancelledRound, lets_no_share_of_a_sum_out_and_the_next_one_goes_on) {
    const auto [mode, rule] = GetParam();
    World world({.clients = 4,
                 .mode = mode,
                 .rounds = 3,
                 .adjust_task = [rule = rule](schema::TaskSpec& spec) { spec.rule = rule; }});
    world.make_update = [](std::size_t client, const schema::RoundRecord& round) {
        Update update = similar_update(1, client, round);
        if (round.label.round != 2) return update;
        const auto length = static_cast<double>(std::uint64_t{1} << round.terms.nu);
        const auto entry = static_cast<std::int64_t>(length * 0.98 /
                                                     std::sqrt(static_cast<double>(update.size())));
        for (std::size_t x = 0; x < update.size(); ++x) {
            update[x] = client < 2 ? 0 : client == 2 || x % 2 == 0 ? entry : -entry;
        }
        return update;
    };
    ASSERT_TRUE(world.run_rounds(1));
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kSubmitting); }));
    schema::RoundRecord round = world.round().value();
    ASSERT_EQ(round.label.round, 2U);
    round.terms.blur_bits = 1;
    store_round(world, round);
    const auto before = world.state.get(schema::keys::history(1, round.label.mpc_epoch));
    ASSERT_TRUE(before.has_value());
    std::optional<Bytes> after;
    ASSERT_TRUE(world.run_until([&] {
        const auto second = world.find<schema::RoundRecord>(schema::keys::round(2));
        if (!second || second->phase != Phase::kCancelled) return false;
        after = world.state.get(schema::keys::history(1, round.label.mpc_epoch));
        return true;
    }));
    EXPECT_EQ(world.find<schema::RoundRecord>(schema::keys::round(2))->reason,
              EndReason::kTooFewWeighted);
    EXPECT_TRUE(world.verdict(2).is_cancelled);
    EXPECT_EQ(after, before);

    ASSERT_TRUE(world.run_rounds(2));
    for (const char* label : {"round-2-0/aggregate", "round-2-0/aggregate-ok"}) {
        EXPECT_FALSE(has_returned(world, label)) << label;
    }
    for (const char* label : {"round-2-0/stat2", "round-3-0/aggregate", "round-3-0/aggregate-ok"}) {
        EXPECT_TRUE(has_returned(world, label)) << label;
    }
    EXPECT_FALSE(world.aggregate_posts.contains(2));
    EXPECT_EQ(world.results().back().label.round, 3U);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Rules, CancelledRound,
                         ::testing::Values(std::tuple{Mode::kPairwise, std::uint16_t{1}},
                                           std::tuple{Mode::kPairwise, std::uint16_t{2}},
                                           std::tuple{Mode::kSum, std::uint16_t{1}}));

// Weights (4096, 0, 0, 0) divided by 4096: the sum would be one update, without a dither.
class ForgedWeights : public ::testing::TestWithParam<std::vector<std::uint32_t>> {};

TEST_P(ForgedWeights, of_too_few_clients_get_no_share_of_their_sum) {
    World world({.clients = 4, .mode = Mode::kPairwise, .rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kAggregate); }));
    const schema::RoundRecord honest = world.round().value();
    ASSERT_EQ(honest.reduced_weights.size(), 4U);
    for (const bool is_fallback : {false, true}) {
        schema::RoundRecord forged = honest;
        forged.reduced_weights = GetParam();
        forged.dither_bits = 0;
        forged.is_aggregate_fallback = is_fallback;
        const StateTree state =
            world.state.apply({{schema::keys::round(1), std::optional(encode(forged))}});
        for (const auto& validator : world.validators) {
            const std::uint64_t refusals = validator->worker->status().refusals;
            const auto owed = validator->worker->step(state);
            ASSERT_TRUE(owed.has_value());
            for (const Outgoing& sent : *owed) {
                EXPECT_NE(sent.action, schema::action::kAggregate);
                EXPECT_NE(sent.action, schema::action::kAggregateOk);
            }
            EXPECT_GT(validator->worker->status().refusals, refusals);
        }
    }
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Weights, ForgedWeights,
                         ::testing::Values(std::vector<std::uint32_t>{1, 0, 0, 0},
                                           std::vector<std::uint32_t>{0, 3, 0, 2},
                                           std::vector<std::uint32_t>{0, 0, 0, 0}));

}  // namespace
}  // namespace consilium::mpc::testing
