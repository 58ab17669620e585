// consilium-sim: runs seeds of the simulation, prints what failed and how to repeat it.
//
// consilium-sim --seeds A..B [--n N] [--mpc] [--membership] [--report FILE]. Exit codes: 0 all
// held, 1 a violation, 2 bad usage, 3 a kind of fault or of outcome never came (too few seeds prove
// nothing).
#include <CLI/CLI.hpp>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/elections.hpp"
#include "tests/simulation/world.hpp"

namespace {

using consilium::simulation::election_kinds;
using consilium::simulation::fault_kinds;
using consilium::simulation::mpc_change_outcomes;
using consilium::simulation::mpc_fault_kinds;
using consilium::simulation::mpc_outcomes;
using consilium::simulation::run_simulation;
using consilium::simulation::RunOptions;
using consilium::simulation::RunResult;
using consilium::simulation::SignatureMode;

// Every so many seeds: real signatures, seven replicas, a run repeated, a chain replayed.
constexpr std::uint64_t kRealEvery = 50;
constexpr std::uint64_t kSevenEvery = 10;
constexpr std::uint64_t kRepeatEvery = 25;
constexpr std::uint64_t kReplayEvery = 10;
constexpr std::uint64_t kSeedsForKinds = 100;
constexpr std::uint64_t kSeedsForOutcomes = 30;
constexpr std::size_t kNewcomers = 4;
constexpr std::uint64_t kChangeEvery = 3;  // with --mpc: seeds in which validators change
constexpr std::uint64_t kElectionDurationMs = 30'000;
constexpr std::uint64_t kMpcDurationMs = 10'000;  // of faults, after the first round has begun

struct Totals {
    std::uint64_t seeds = 0;
    std::uint64_t steps = 0;
    std::uint64_t blocks = 0;
    std::uint64_t transactions = 0;
    std::uint64_t simulated_ms = 0;
    std::uint64_t trace_hash = 0;
    std::map<std::string, std::uint64_t> faults;
    std::map<std::string, std::uint64_t> events;
    std::map<std::string, std::uint64_t> rounds;
};

struct Arguments {
    std::string seeds = "1..100";
    std::string report;
    std::size_t replicas = 4;
    bool is_verbose = false;
    bool has_mpc = false;
    bool has_elections = false;
    bool is_calm = false;
};

RunOptions options_for(std::uint64_t seed, const Arguments& arguments) {
    const std::size_t replicas = arguments.replicas;
    RunOptions options;
    options.seed = seed;
    options.replicas = replicas;
    if (replicas == 4 && seed % kSevenEvery == kSevenEvery - 1) options.replicas = 7;
    if (seed % kRealEvery == kRealEvery / 2) options.signatures = SignatureMode::kReal;
    options.is_replayed = seed % kReplayEvery == 0;
    options.is_calm = arguments.is_calm;
    options.mpc.is_on = arguments.has_mpc;
    const bool is_drawn =
        arguments.has_mpc && !arguments.is_calm && seed % kChangeEvery == kChangeEvery - 1;
    if (arguments.has_elections || is_drawn) options.newcomers = kNewcomers;
    if (arguments.has_elections) options.duration_ms = kElectionDurationMs;
    if (arguments.has_mpc) options.duration_ms = kMpcDurationMs;
    return options;
}

void add(Totals& totals, const RunResult& result) {
    ++totals.seeds;
    totals.steps += result.steps;
    totals.blocks += result.blocks;
    totals.transactions += result.transactions;
    totals.simulated_ms += result.simulated_ms;
    totals.trace_hash = totals.trace_hash * 31 + result.trace_hash;
    for (const auto& [kind, count] : result.faults) totals.faults[kind] += count;
    for (const auto& [kind, count] : result.events) totals.events[kind] += count;
    for (const auto& [kind, count] : result.rounds) totals.rounds[kind] += count;
}

void write_counts(std::ostream& out, const std::map<std::string, std::uint64_t>& counts) {
    const char* separator = "";
    for (const auto& [kind, count] : counts) {
        out << separator << "\"" << kind << "\": " << count;
        separator = ", ";
    }
}

void write_report(std::ostream& out, const Totals& totals,
                  const std::optional<std::string>& violation) {
    std::uint64_t least = UINT64_MAX;
    for (const std::string& kind : fault_kinds()) {
        const auto found = totals.faults.find(kind);
        least = std::min(least, found == totals.faults.end() ? 0 : found->second);
    }
    out << "{\"seeds\": " << totals.seeds << ", \"steps\": " << totals.steps
        << ", \"blocks\": " << totals.blocks << ", \"transactions\": " << totals.transactions
        << ", \"simulated_ms\": " << totals.simulated_ms << ", \"trace_hash\": \"" << std::hex
        << totals.trace_hash << std::dec << "\", \"violation\": ";
    if (violation) {
        out << "\"" << *violation << "\"";
    } else {
        out << "null";
    }
    out << ", \"faults\": {";
    write_counts(out, totals.faults);
    out << "}, \"faults_min_per_kind\": " << least << ", \"events\": {";
    write_counts(out, totals.events);
    out << "}, \"rounds\": {";
    write_counts(out, totals.rounds);
    out << "}}\n";
}

// The violation of one seed; a run that does not repeat bit by bit is one, too.
std::optional<std::string> run_seed(const RunOptions& options, Totals& totals) {
    const RunResult result = run_simulation(options);
    add(totals, result);
    if (result.violation) return result.violation;
    if (options.seed % kRepeatEvery != 0) return std::nullopt;
    if (run_simulation(options).trace_hash != result.trace_hash) return "the run does not repeat";
    return std::nullopt;
}

// For --help: what may happen in a run.
std::string describe_faults() {
    std::string text = "Kinds of fault, counted in the report:\n ";
    for (const std::string& kind : fault_kinds()) text += " " + kind;
    text += "\nWith --mpc (validators compute, trainers submit, rounds must end) also:\n ";
    for (const std::string& kind : mpc_fault_kinds()) text += " " + kind;
    text += "\nWith --membership (validators join and leave by vote) also:\n ";
    for (const std::string& kind : election_kinds()) text += " " + kind;
    text +=
        "\nExit codes: 0 all held, 1 a violation (its seed and how to repeat it are printed), 2 "
        "bad "
        "usage,\n3 over at least 100 seeds a kind of fault never came, or over 30 seeds with --mpc "
        "never:\n ";
    for (const std::string& outcome : mpc_outcomes()) text += " " + outcome;
    return text;
}

// Whether so many seeds had every kind of fault, and of outcome; says which one is missing.
bool is_complete(Totals& totals, const Arguments& arguments) {
    std::vector<std::string> kinds = fault_kinds();
    if (arguments.has_mpc) {
        kinds.insert(kinds.end(), mpc_fault_kinds().begin(), mpc_fault_kinds().end());
    }
    if (arguments.has_elections && !arguments.has_mpc) {
        kinds.insert(kinds.end(), election_kinds().begin(), election_kinds().end());
    }
    bool has_all = true;
    const auto expect = [&](std::uint64_t count, const std::string& what) {
        if (count > 0) return;
        std::cerr << "never came: " << what << "\n";
        has_all = false;
    };
    if (totals.seeds >= kSeedsForKinds) {
        for (const std::string& kind : kinds) expect(totals.faults[kind], kind);
    }
    if (arguments.has_mpc && totals.seeds >= kSeedsForOutcomes && !arguments.is_calm) {
        for (const std::string& outcome : mpc_outcomes()) {
            expect(totals.rounds[outcome], outcome);
        }
    }
    if (arguments.has_mpc && totals.seeds >= kSeedsForKinds && !arguments.is_calm) {
        for (const std::string& outcome : mpc_change_outcomes()) {
            expect(totals.rounds[outcome], outcome);
        }
    }
    return has_all;
}

int run_all(std::uint64_t first, std::uint64_t last, const Arguments& arguments) {
    Totals totals;
    std::optional<std::string> violation;
    for (std::uint64_t seed = first; seed <= last && !violation; ++seed) {
        RunOptions options = options_for(seed, arguments);
        if (arguments.is_verbose) options.log = &std::cerr;
        violation = run_seed(options, totals);
        if (!violation) continue;
        std::cerr << "seed " << seed << ": " << *violation
                  << "\nrepeat with: consilium-sim --seeds " << seed << ".." << seed << " --n "
                  << arguments.replicas << (arguments.has_mpc ? " --mpc" : "")
                  << (arguments.has_elections ? " --membership" : "")
                  << (arguments.is_calm ? " --calm" : "") << " --verbose\n";
    }
    write_report(std::cout, totals, violation);
    if (!arguments.report.empty()) {
        std::ofstream file(arguments.report);
        write_report(file, totals, violation);
        if (!file) {
            std::cerr << "cannot write " << arguments.report << "\n";
            return 2;
        }
    }
    if (violation) return 1;
    return is_complete(totals, arguments) ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Seeded Byzantine simulation of the production driver"};
    app.footer(describe_faults());
    Arguments arguments;
    app.add_option("--seeds", arguments.seeds, "Range of seeds, A..B");
    app.add_option("--n", arguments.replicas, "Replicas")->check(CLI::Range(4, 13));
    app.add_option("--report", arguments.report, "File for the report as JSON");
    app.add_flag("--calm", arguments.is_calm, "Without faults");
    app.add_flag("--mpc", arguments.has_mpc,
                 "With the secure computation: workers, trainers, rounds; every third seed with "
                 "changes of the validators");
    app.add_flag("--membership", arguments.has_elections,
                 "With changes of the validators by vote; beside --mpc in every seed");
    app.add_flag("--verbose", arguments.is_verbose, "Log what happens to standard error");
    CLI11_PARSE(app, argc, argv);
    const std::string& seeds = arguments.seeds;
    const std::size_t dots = seeds.find("..");
    try {
        const std::uint64_t first = std::stoull(seeds.substr(0, dots));
        const std::uint64_t last =
            dots == std::string::npos ? first : std::stoull(seeds.substr(dots + 2));
        return run_all(first, last, arguments);
    } catch (const std::exception&) {
        std::cerr << "--seeds takes A..B\n";
        return 2;
    }
}
