// The result of a run: baselines, comparison table, agreement of the nodes, JSON report.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "deploy/devnet/setup.hpp"
#include "deploy/devnet/watch.hpp"
#include "fl_engine/training/metrics.hpp"

namespace consilium::devnet {

// Plaintext federated averaging with the same engine, initial model, data, seeds and clip rule.
struct Baselines {
    fl::Metrics no_attack;
    fl::Metrics attack_undefended;  // equals no_attack when nobody attacks; with noise if it is on
    std::optional<fl::Metrics> private_no_attack;  // no attack, but noise; absent: it is off
};
[[nodiscard]] Result<Baselines> run_baselines(const Setup& setup,
                                              const fl::IntegerModel& initial_model);

// Whether all nodes hold the same state at one height.
struct Agreement {
    std::uint64_t height = 0;
    std::string state_root;
    std::size_t nodes = 0;  // that answered
    bool is_equal = false;  // all nodes answered, and alike
};
// Waits a little for nodes that are behind `height`.
[[nodiscard]] Result<Agreement> compare_roots(const Setup& setup, std::uint64_t height);

// What one hospital's contribution has cost it, from the chain; upper bounds.
struct Spending {
    std::string hospital;
    double epsilon_local = 0;
    double epsilon_central = 0;
    std::uint32_t rounds = 0;  // whose statistics were opened
};

struct Outcome {
    std::vector<RoundRow> rounds;
    Baselines baselines;
    Agreement agreement;
    std::uint64_t transactions = 0;
    std::uint32_t model_version = 0;
    std::string model_hash;
    std::vector<Spending> privacy;  // empty: no noise
};

// For people: the three ways side by side, and what they do not show.
[[nodiscard]] std::string comparison_table(const Setup& setup, const Outcome& outcome);
// One line of the table of rounds, and its head.
[[nodiscard]] std::string round_heading();
[[nodiscard]] std::string round_line(const Setup& setup, const RoundRow& row);
// The report as JSON text; its fields are listed in README.md.
[[nodiscard]] std::string report_json(const Setup& setup, const Outcome& outcome);

}  // namespace consilium::devnet
