// The simulator itself: it repeats bit by bit, and its checks see planted defects.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/simulation/elections.hpp"
#include "tests/simulation/world.hpp"

namespace consilium::simulation {
namespace {

// The first violation over some seeds; empty when all hold.
std::string first_violation(Planted planted, std::uint64_t seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        RunOptions options;
        options.seed = seed;
        options.planted = planted;
        const RunResult result = run_simulation(options);
        if (result.violation) return *result.violation;
    }
    return {};
}

TEST(Simulation, same_seed_gives_the_same_trace) {
    RunOptions options;
    options.seed = 7;
    const RunResult once = run_simulation(options);
    const RunResult again = run_simulation(options);
    EXPECT_EQ(once.trace_hash, again.trace_hash);
    EXPECT_EQ(once.steps, again.steps);
    EXPECT_FALSE(once.violation) << *once.violation;
    options.seed = 8;
    EXPECT_NE(run_simulation(options).trace_hash, once.trace_hash);
}

TEST(Simulation, blocks_and_transactions_are_committed_under_faults) {
    std::uint64_t blocks = 0;
    std::uint64_t transactions = 0;
    for (std::uint64_t seed = 11; seed < 21; ++seed) {
        RunOptions options;
        options.seed = seed;
        options.is_replayed = true;
        const RunResult result = run_simulation(options);
        EXPECT_FALSE(result.violation) << *result.violation;
        blocks += result.blocks;
        transactions += result.transactions;
    }
    EXPECT_GT(blocks, 100U);
    EXPECT_GT(transactions, 100U);
}

TEST(Simulation, without_faults_nobody_changes_the_view_or_refuses_anything) {
    for (const std::size_t replicas : {4U, 7U}) {
        RunOptions options;
        options.seed = 3;
        options.replicas = replicas;
        options.is_calm = true;
        RunResult result = run_simulation(options);
        EXPECT_FALSE(result.violation) << *result.violation;
        EXPECT_EQ(result.events["view_changed"], 0U);
        EXPECT_EQ(result.events["invalid_message"], 0U);
        EXPECT_EQ(result.events["invalid_proposal"], 0U);
        EXPECT_EQ(result.events["degraded"], 0U);
        EXPECT_GT(result.transactions, 30U);
    }
}

TEST(Simulation, validators_join_and_leave_under_faults_and_everybody_follows) {
    std::map<std::string, std::uint64_t> seen;
    for (std::uint64_t seed = 1; seed < 31; ++seed) {
        RunOptions options;
        options.seed = seed;
        options.newcomers = 4;
        options.duration_ms = 30'000;
        options.is_replayed = seed % 10 == 0;
        const RunResult result = run_simulation(options);
        EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation;
        for (const auto& [kind, count] : result.faults) seen[kind] += count;
    }
    for (const std::string& kind : election_kinds()) EXPECT_GT(seen[kind], 0U) << kind;
}

TEST(Simulation, a_run_with_changes_of_the_validators_repeats_bit_by_bit) {
    RunOptions options;
    options.seed = 5;
    options.newcomers = 4;
    const RunResult once = run_simulation(options);
    EXPECT_EQ(once.trace_hash, run_simulation(options).trace_hash);
}

TEST(Simulation, more_than_f_twins_are_seen_to_break_agreement) {
    const std::string violation = first_violation(Planted::kTooManyTwins, 60);
    EXPECT_EQ(violation.substr(0, 2), "A1") << violation;
}

TEST(Simulation, a_disk_that_forgets_votes_is_seen_as_a_double_vote) {
    const std::string violation = first_violation(Planted::kForgottenVotes, 60);
    EXPECT_EQ(violation.substr(0, 2), "A3") << violation;
}

// Why a replica that lost its store has to wait (consensus/README.md, rule 12), also around a
// change of the validators: one that votes at once votes twice.
TEST(Simulation, a_false_first_start_around_a_change_is_seen_as_a_double_vote) {
    std::string violation;
    for (std::uint64_t seed = 1; seed <= 120 && violation.empty(); ++seed) {
        RunOptions options;
        options.seed = seed;
        options.newcomers = 4;
        options.duration_ms = 30'000;
        options.planted = Planted::kFalseFirstStart;
        violation = run_simulation(options).violation.value_or("");
    }
    EXPECT_EQ(violation.substr(0, 2), "A3") << violation;
}

}  // namespace
}  // namespace consilium::simulation
