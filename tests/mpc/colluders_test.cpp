// Liars who choose their errors together, so that an honest member cannot see them.
#include <gtest/gtest.h>

#include "fl_engine/smpc/aggregate.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace event = schema::event;
using schema::Mode;
using smpc::Field61;

std::uint16_t member_of(const World& world, const Validator& validator) {
    return world.epoch()->find_member(validator.key.public_key()).value();
}

// Adds factor * prod (x - zero) at the member's own index to every word of its AGG.
void bend_aggregate(Outgoing& sent, std::uint16_t member, std::span<const std::uint16_t> zeros) {
    if (sent.action != action::kAggregate) return;
    auto arguments = decode<schema::Aggregate>(sent.arguments).value();
    auto words = smpc::decode_words(sent.blobs[0], sent.blobs[0].size() / 8).value();
    for (std::size_t x = 0; x < words.size(); ++x) {
        std::uint64_t error = 1'000 + x;
        for (const std::uint16_t zero : zeros) {
            error = Field61::mul(error, Field61::sub(member, zero));
        }
        words[x] = Field61::add(words[x], error);
    }
    sent.blobs[0] = smpc::encode_words(words);
    arguments.share = {sha256(sent.blobs[0]), sent.blobs[0].size()};
    sent.arguments = encode(arguments);
}

// n, and the honest members whose shares lie on the liars' polynomial of degree t: the first
// posters among them and others, who then confirm a false sum in good faith. Members 1..t lie.
struct Framing {
    std::uint32_t n;
    std::vector<std::uint16_t> zeros;
};
class FramedMembers : public ::testing::TestWithParam<std::pair<Framing, Mode>> {};

TEST_P(FramedMembers, confirm_a_false_sum_in_good_faith_and_are_not_named) {
    const Framing framing = GetParam().first;
    World world({.validators = framing.n, .mode = GetParam().second, .rounds = 2});
    const std::uint16_t t = static_cast<std::uint16_t>((framing.n - 1) / 3);
    ASSERT_EQ(framing.zeros.size(), t);
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    std::set<std::uint16_t> framed(framing.zeros.begin(), framing.zeros.end());
    framed.erase(static_cast<std::uint16_t>(t + 1));  // a first poster confirms nothing
    std::set<std::uint16_t> confirmed;                // of round 1
    for (const auto& validator : world.validators) {
        const std::uint16_t member = member_of(world, *validator);
        validator->lie = [&, member](Outgoing& sent) {
            if (member <= t) bend_aggregate(sent, member, framing.zeros);
            if (sent.label == "round-1-0/aggregate-ok") confirmed.insert(member);
        };
    }
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_EQ(confirmed, framed);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
        std::set<std::pair<std::uint16_t, std::uint16_t>> named;
        for (const schema::FaultProved& fault : world.faults()) {
            if (fault.label.round == result.label.round) named.insert({fault.member, fault.action});
        }
        std::set<std::pair<std::uint16_t, std::uint16_t>> liars;
        for (std::uint16_t member = 1; member <= t; ++member) {
            liars.insert({member, action::kAggregate});
        }
        EXPECT_EQ(named, liars) << "round " << result.label.round;
    }
    EXPECT_EQ(world.events_of<schema::PhaseChanged>(event::kAggregateFallback).size(), 2U);
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Committees, FramedMembers,
                         ::testing::Values(std::pair{Framing{7, {3, 4}}, Mode::kPairwise},
                                           std::pair{Framing{7, {3, 7}}, Mode::kSum},
                                           std::pair{Framing{10, {4, 5, 9}}, Mode::kPairwise}));

}  // namespace
}  // namespace consilium::mpc::testing
