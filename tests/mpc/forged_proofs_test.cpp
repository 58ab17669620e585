// Clients whose RANGE is forged, against the workers that open it.
#include <gtest/gtest.h>

#include "fl_engine/smpc/range_parameters.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

using schema::ClientCode;
using schema::Mode;
using smpc::Field61;
using Words = std::vector<smpc::Element>;

class ForgedProofs : public ::testing::TestWithParam<bool> {};

TEST_P(ForgedProofs, fail_in_range_and_the_round_is_the_sum_of_the_others) {
    World world({.clients = 7, .mode = Mode::kPairwise, .rounds = 2, .is_wide = GetParam()});
    std::map<std::uint64_t, Words> of_first;  // by round
    std::map<std::uint64_t, Words> of_fifth;
    world.clients[0]->alter_proof = [&](Words& words, const schema::RoundRecord& round) {
        of_first[round.label.round] = words;
    };
    // The right number in digits that are no bits.
    world.clients[1]->alter_proof = [](Words& words, const schema::RoundRecord&) {
        words[0] = Field61::add(words[0], 2);
        words[1] = Field61::sub(words[1], 1);
    };
    // F2 at its first node.
    world.clients[2]->alter_proof = [](Words& words, const schema::RoundRecord& round) {
        const auto shape = smpc::range_shape(round.terms.dimension, round.terms.nu);
        words[shape.bits() + 2] = Field61::add(words[shape.bits() + 2], 1);
    };
    // What another client has just sent.
    world.clients[3]->alter_proof = [&](Words& words, const schema::RoundRecord& round) {
        words = of_first.at(round.label.round);
    };
    // Its own proof in round 1, the same bytes in round 2.
    world.clients[4]->alter_proof = [&](Words& words, const schema::RoundRecord& round) {
        of_fifth.emplace(round.label.round, words);
        words = of_fifth.at(1);
    };
    ASSERT_TRUE(world.run_rounds(2));
    for (const schema::RoundResult& result : world.results()) {
        const std::uint64_t round = result.label.round;
        for (std::size_t client = 0; client < world.clients.size(); ++client) {
            const auto slot = world.epoch()->find_slot(world.clients[client]->key.public_key());
            const bool is_forged = (client >= 1 && client <= 3) || (client == 4 && round == 2);
            EXPECT_EQ(world.verdict(round).clients[*slot - 1U].code == ClientCode::kRangeFail,
                      is_forged)
                << "client " << client << " in round " << round;
        }
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Modes, ForgedProofs, ::testing::Bool());

}  // namespace
}  // namespace consilium::mpc::testing
