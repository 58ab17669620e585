// A member that sees what all others say in a phase before it says something itself.
#include <gtest/gtest.h>

#include "fl_engine/smpc/opening.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace event = schema::event;
using schema::Mode;
using schema::Phase;
using Values = std::vector<std::uint64_t>;

// The vector that a share carries, to be changed in place; no effect on other messages.
template <typename Change>
void change_values(Outgoing& sent, const Change& change) {
    if (sent.action == action::kCoinShare) {
        auto share = decode<schema::CoinShare>(sent.arguments).value();
        change(share.values);
        sent.arguments = encode(share);
    } else if (sent.action == action::kStat1 || sent.action == action::kStat2) {
        auto share = decode<schema::StatShare>(sent.arguments).value();
        change(share.values);
        sent.arguments = encode(share);
    }
}

// What the openings of a run came to.
struct Outcome {
    std::vector<Digest> seeds;
    std::vector<schema::Statistics> statistics;
    std::vector<Digest> aggregates;
    std::set<std::pair<std::uint16_t, std::uint16_t>> faults;  // member and action
    std::size_t lies = 0;
};

// The last to act in every block computes its share from those of the others of this block: so that
// the polynomial through its own and t of theirs opens to zero.
Outcome run(std::uint32_t n, bool is_rushing) {
    World world({.validators = n, .mode = Mode::kPairwise, .rounds = 2, .is_wide = n == 4});
    EXPECT_TRUE(world.run_until([&] { return world.is_in(Phase::kSubmitting); }));
    Outcome outcome;
    std::map<std::pair<std::uint16_t, std::string>, std::map<smpc::MemberIndex, Values>> heard;
    for (const auto& validator : world.validators) {
        const auto member = world.epoch()->find_member(validator->key.public_key()).value();
        const bool is_liar = is_rushing && validator == world.validators.back();
        validator->lie = [&, member, is_liar, t = (n - 1) / 3](Outgoing& sent) {
            change_values(sent, [&](Values& values) {
                auto& others = heard[{sent.action, sent.label}];
                if (!is_liar) {
                    others[member] = values;
                    return;
                }
                if (others.size() < t) return;
                // Its own share as the interpolation of t others and of zero at 0.
                std::vector<smpc::MemberIndex> nodes{0};
                std::vector<Values> rows{Values(values.size(), 0)};
                for (const auto& [other, posted] : others) {
                    if (nodes.size() > t) break;
                    nodes.push_back(other);
                    rows.push_back(posted);
                }
                std::vector<smpc::PostedShare> base;
                for (std::size_t i = 0; i < nodes.size(); ++i) base.push_back({nodes[i], rows[i]});
                values = smpc::interpolate_vector(base, member);
                ++outcome.lies;
            });
        };
    }
    EXPECT_TRUE(world.run_rounds(2));
    for (const auto& seed : world.events_of<schema::SeedOpened>(event::kSeed)) {
        outcome.seeds.push_back(seed.seed);
    }
    outcome.statistics = world.events_of<schema::Statistics>(event::kStatistics);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
        outcome.aggregates.push_back(result.aggregate);
    }
    for (const schema::FaultProved& fault : world.faults()) {
        outcome.faults.insert({fault.member, fault.action});
    }
    EXPECT_TRUE(world.is_consistent());
    return outcome;
}

class RushingLiar : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(RushingLiar, that_computes_its_shares_from_all_others_changes_nothing_and_is_named) {
    const Outcome honest = run(GetParam(), false);
    const Outcome rushed = run(GetParam(), true);
    EXPECT_TRUE(honest.faults.empty());
    EXPECT_GE(rushed.lies, 6U);  // a coin and both statistics of two rounds
    EXPECT_FALSE(honest.seeds.empty());
    EXPECT_EQ(rushed.seeds, honest.seeds);
    EXPECT_EQ(rushed.statistics, honest.statistics);
    EXPECT_EQ(rushed.aggregates, honest.aggregates);
    ASSERT_FALSE(rushed.faults.empty());
    std::set<std::uint16_t> named;
    std::set<std::uint16_t> actions;
    for (const auto& [member, number] : rushed.faults) {
        named.insert(member);
        actions.insert(number);
    }
    EXPECT_EQ(named.size(), 1U);
    EXPECT_EQ(actions,
              (std::set<std::uint16_t>{action::kCoinShare, action::kStat1, action::kStat2}));
}

INSTANTIATE_TEST_SUITE_P(Committees, RushingLiar, ::testing::Values(4U, 7U));

}  // namespace
}  // namespace consilium::mpc::testing
