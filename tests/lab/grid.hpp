// All trials of a table: settings x seeds x attacks x rules, on a few threads, and their rows.
//
// Every attack is also run undefended and every seed also without the attackers, whatever rules
// were asked for, because each row is compared with both.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/lab/experiment.hpp"

namespace consilium::lab {

struct GridOptions {
    std::vector<Setting> settings;
    std::vector<fl::Collusion> attacks;
    std::vector<RuleKind> rules;
    std::size_t seeds = 3;
    std::uint64_t first_seed = 1;
    std::size_t threads = 2;
    bool searches_triggers = false;
    std::filesystem::path data_folder;
};

struct Row {
    Setting setting;
    fl::Collusion attack{};
    RuleKind rule{};
    std::size_t trials = 0;  // seeds, times sites where each site attacks in turn
    double auc = 0;
    double balanced_accuracy = 0;
    // Backdoors: share of stamped positive test records called negative. Others: share of the
    // balanced accuracy above chance that is gone compared with the absent attackers, 0..1.
    double attack_success = 0;
    std::optional<double> poisoned_rejected_rate;  // absent when nobody attacks or nothing judges
    std::optional<double> honest_rejected_rate;
    double baseline_auc = 0;    // attackers absent
    double undefended_auc = 0;  // fedavg under the same attack
    double baseline_balanced_accuracy = 0;
    double balanced_accuracy_deviation = 0;  // between trials
    std::size_t cancelled_rounds = 0;
    std::optional<double> trigger_excess;      // when triggers are searched: mean of the trials
    std::optional<double> trigger_alarm_rate;  // share of trials of kTriggerAlarm or more
};

struct Progress {
    std::size_t done = 0;
    std::size_t all = 0;
    double seconds = 0;  // since the start
    std::string last;    // what was finished
};

struct GridResult {
    std::vector<Row> rows;     // by setting, attack, rule; only of what has at least one trial
    bool is_complete = false;  // false after an interruption
};

[[nodiscard]] Result<GridResult> run_grid(const GridOptions& options, const std::atomic<bool>& stop,
                                          const std::function<void(const Progress&)>& report);

}  // namespace consilium::lab
