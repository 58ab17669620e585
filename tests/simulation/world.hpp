// One seeded run: processes with the production driver, a network, disks, faults and clients.
//
// Single-threaded, virtual time, one queue of events; equal options give an equal trace hash.
// Faults come until `duration_ms`; then everything heals and the run ends when a new block is
// committed by all, or fails at the liveness bound.
#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/checks.hpp"
#include "tests/simulation/crypto.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/mpc/options.hpp"
#include "tests/simulation/random.hpp"

namespace consilium::simulation {

// Defects planted to show that the checks see them.
enum class Planted {
    kNothing,
    kTooManyTwins,    // f + 1 members run twice
    kForgottenVotes,  // disks that lose votes which they reported as synced
    kFalseFirstStart  // whoever lost its store says that it has never voted
};

struct RunOptions {
    std::uint64_t seed = 0;
    std::size_t replicas = 4;
    SignatureMode signatures = SignatureMode::kStandIn;
    std::uint64_t duration_ms = 20'000;
    Planted planted = Planted::kNothing;
    std::size_t newcomers = 0;  // validators that may join by vote; 0: the membership stays
    bool is_calm = false;       // no faults of network, processes, disks and replicas
    bool are_calm_links_ordered = true;
    MpcOptions mpc;                            // the secure computation on top
    bool is_replayed = false;                  // A10 at the end
    std::optional<std::uint64_t> liveness_ms;  // in place of the bound after healing
    std::ostream* log = nullptr;               // what happens when, for people
};

struct RunResult {
    std::optional<std::string> violation;
    std::uint64_t steps = 0;
    std::uint64_t blocks = 0;
    std::uint64_t transactions = 0;
    std::uint64_t simulated_ms = 0;
    std::uint64_t trace_hash = 0;
    std::map<std::string, std::uint64_t> faults;  // injected, by kind
    std::map<std::string, std::uint64_t> events;  // reports of the drivers, by kind
    std::map<std::string, std::uint64_t> rounds;  // what came of the secure computation
    std::uint64_t longest_gap_ms = 0;             // between two blocks, before healing
    std::uint64_t late_views = 0;                 // blocks whose first primary was deposed
};

// Every kind of fault that a report must count, without and with the secure computation.
[[nodiscard]] const std::vector<std::string>& fault_kinds();
[[nodiscard]] const std::vector<std::string>& mpc_fault_kinds();
// What must have come of the secure computation in thirty seeds (RunResult::rounds).
[[nodiscard]] const std::vector<std::string>& mpc_outcomes();
// And in a hundred.
[[nodiscard]] const std::vector<std::string>& mpc_change_outcomes();

[[nodiscard]] RunResult run_simulation(const RunOptions& options);

}  // namespace consilium::simulation
