// Agreement and liveness of seeded random networks. CONSILIUM_SEEDS=n runs n seeds of each kind.
#include "tests/consensus/random_network.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace consilium::consensus {
namespace {

std::uint64_t seeds_of(std::uint64_t usual) {
    const char* text = std::getenv("CONSILIUM_SEEDS");
    return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

// The cap of the timer plus what a view change and a block take.
constexpr std::uint64_t kLivenessBoundMs = 35'000;

void run_seeds(RandomNetworkOptions options, std::uint64_t count) {
    RandomNetworkResult total;
    std::uint64_t slowest_seed = 0;
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        options.seed = seed;
        const auto result = RandomNetwork(options).run();
        ASSERT_EQ(result.failure, "");
        ASSERT_LE(result.first_block_after_ms, kLivenessBoundMs) << "seed " << seed;
        total.blocks += result.blocks;
        total.evidence += result.evidence;
        total.view_changes += result.view_changes;
        if (result.first_block_after_ms > total.first_block_after_ms) {
            total.first_block_after_ms = result.first_block_after_ms;
            slowest_seed = seed;
        }
    }
    EXPECT_GT(total.blocks, count);
    std::cout << count << " seeds: " << total.blocks << " blocks, " << total.view_changes
              << " view changes, " << total.evidence << " evidence, slowest first block "
              << total.first_block_after_ms << " ms after healing (seed " << slowest_seed << ")\n";
}

TEST(RandomNetwork, correct_replicas_agree_and_go_on_under_loss_partitions_and_crashes) {
    run_seeds({.twins = 0, .loss_percent = 20}, seeds_of(60));
}

TEST(RandomNetwork, one_pair_of_twins_among_four_neither_forks_nor_stops_the_chain) {
    run_seeds({.twins = 1}, seeds_of(100));
}

TEST(RandomNetwork, one_pair_of_twins_among_five_neither_forks_nor_stops_the_chain) {
    run_seeds({.count = 5, .twins = 1}, seeds_of(30));
}

TEST(RandomNetwork, two_pairs_of_twins_among_seven_neither_fork_nor_stop_the_chain) {
    run_seeds({.count = 7, .twins = 2}, seeds_of(30));
}

TEST(RandomNetwork, wiped_replicas_never_break_agreement_and_vote_again) {
    run_seeds({.twins = 0, .has_amnesia = true}, seeds_of(60));
}

// The checker can see a fork: with f + 1 faulty members agreement must break for some seed.
TEST(RandomNetwork, more_twins_than_f_are_seen_to_break_agreement) {
    bool is_broken = false;
    for (std::uint64_t seed = 1; seed <= 60 && !is_broken; ++seed) {
        RandomNetworkOptions options{.seed = seed, .twins = 2, .healed_ms = 1};
        is_broken = RandomNetwork(options).run().failure.find("two blocks") != std::string::npos;
    }
    EXPECT_TRUE(is_broken);
}

}  // namespace
}  // namespace consilium::consensus
