// Implements the grid: one consortium after the other, its trials on a pool of threads.
#include "tests/lab/grid.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <thread>

#include "tests/lab/trigger_search.hpp"

namespace consilium::lab {
namespace {

struct Cell {
    std::size_t setting = 0;
    fl::Collusion attack{};
    RuleKind rule{};
    friend auto operator<=>(const Cell&, const Cell&) = default;
};

struct Job {
    Cell cell;
    Trial trial;
    std::size_t turn = 0;
};

struct Outcome {
    std::uint64_t seed = 0;
    std::size_t turn = 0;
    TrialResult result;
};

using Outcomes = std::map<Cell, std::vector<Outcome>>;

constexpr Cell oracle_cell(std::size_t setting) {
    return {setting, fl::Collusion::kNone, RuleKind::kOracle};
}

// Real hospitals differ, so each attacks in turn; dealt sites are alike and take turns with seeds.
std::size_t turns_of(const Setting& setting) {
    return setting.split == "natural" && setting.attackers == 1 ? setting.sites : 1;
}

std::vector<Job> jobs_of(const GridOptions& options, std::size_t setting_index,
                         std::uint64_t seed) {
    const Setting& setting = options.settings[setting_index];
    const std::size_t turns = turns_of(setting);
    std::vector<Job> jobs;
    for (std::size_t turn = 0; turn < turns; ++turn) {
        const auto attackers = choose_attackers(
            setting, seed, turns > 1 ? turn : static_cast<std::size_t>(seed - options.first_seed));
        const auto add = [&](fl::Collusion attack, RuleKind rule) {
            jobs.push_back(
                {{setting_index, attack, rule},
                 {seed, attackers, attack, rule, setting.validators, options.searches_triggers},
                 turn});
        };
        add(fl::Collusion::kNone, RuleKind::kOracle);
        for (const fl::Collusion attack : options.attacks) {
            add(attack, RuleKind::kFedAvg);
            for (const RuleKind rule : options.rules) {
                if (rule != RuleKind::kFedAvg && rule != RuleKind::kOracle) add(attack, rule);
            }
        }
    }
    return jobs;
}

class Runner {
  public:
    Runner(const GridOptions& options, const std::atomic<bool>& stop,
           const std::function<void(const Progress&)>& report)
        : options_(options), stop_(stop), report_(report) {
        for (std::size_t i = 0; i < options.settings.size(); ++i) {
            all_ += jobs_of(options, i, options.first_seed).size() * options.seeds;
        }
    }

    Result<void> run() {
        if (auto possible = check_deals(); !possible) return possible;
        for (std::size_t index = 0; index < options_.settings.size(); ++index) {
            const Setting& setting = options_.settings[index];
            const Result<LoadedData> data = load_data(setting.dataset, options_.data_folder);
            if (!data) return tl::unexpected(data.error());
            for (std::uint64_t seed = options_.first_seed;
                 seed < options_.first_seed + options_.seeds && !stop_.load(); ++seed) {
                const Result<Consortium> consortium = deal(setting, *data, seed);
                if (!consortium) return tl::unexpected(consortium.error());
                run_jobs(*consortium, jobs_of(options_, index, seed));
                if (failure_) return tl::unexpected(*failure_);
            }
        }
        return {};
    }

    [[nodiscard]] const Outcomes& outcomes() const { return outcomes_; }
    [[nodiscard]] bool is_complete() const { return done_ == all_; }

  private:
    // A deal that fails would otherwise cost everything that was trained before it.
    [[nodiscard]] Result<void> check_deals() const {
        for (const Setting& setting : options_.settings) {
            const Result<LoadedData> data = load_data(setting.dataset, options_.data_folder);
            if (!data) return tl::unexpected(data.error());
            for (std::uint64_t seed = options_.first_seed;
                 seed < options_.first_seed + options_.seeds && !stop_.load(); ++seed) {
                const Result<Consortium> consortium = deal(setting, *data, seed);
                if (consortium) continue;
                return make_error(consortium.error().code, to_string(setting) + ", seed " +
                                                               std::to_string(seed) + ": " +
                                                               consortium.error().context);
            }
        }
        return {};
    }

    void run_jobs(const Consortium& consortium, const std::vector<Job>& jobs) {
        std::atomic<std::size_t> next{0};
        const auto work = [&] {
            for (std::size_t i = next++; i < jobs.size() && !stop_.load(); i = next++) {
                note(jobs[i], run_trial(consortium, jobs[i].trial, stop_));
            }
        };
        std::vector<std::thread> threads;
        for (std::size_t i = 1; i < options_.threads; ++i) threads.emplace_back(work);
        work();
        for (std::thread& thread : threads) thread.join();
    }

    void note(const Job& job, const Result<std::optional<TrialResult>>& result) {
        const std::lock_guard lock(mutex_);
        if (!result) failure_ = result.error();
        if (!result || !*result) return;
        outcomes_[job.cell].push_back({job.trial.seed, job.turn, **result});
        ++done_;
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
        report_({done_, all_, passed.count(),
                 to_string(options_.settings[job.cell.setting]) + ", " +
                     std::string(fl::to_string(job.trial.attack)) + ", " +
                     std::string(to_string(job.trial.rule)) + ", seed " +
                     std::to_string(job.trial.seed)});
    }

    const GridOptions& options_;
    const std::atomic<bool>& stop_;
    const std::function<void(const Progress&)>& report_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::size_t all_ = 0;
    std::mutex mutex_;  // guards the rest
    Outcomes outcomes_;
    std::size_t done_ = 0;
    std::optional<Error> failure_;
};

std::optional<double> rate(std::span<const Outcome> outcomes, Count TrialResult::*member) {
    Count sum;
    for (const Outcome& outcome : outcomes) {
        sum.hits += (outcome.result.*member).hits;
        sum.all += (outcome.result.*member).all;
    }
    if (sum.all == 0) return std::nullopt;
    return static_cast<double>(sum.hits) / static_cast<double>(sum.all);
}

double mean(std::span<const Outcome> outcomes, double TrialResult::*member) {
    double sum = 0;
    for (const Outcome& outcome : outcomes) sum += outcome.result.*member;
    return sum / static_cast<double>(outcomes.size());
}

// Those of `others` that belong to the trials of `outcomes`: an interrupted cell is compared with
// its own seeds only.
std::vector<Outcome> matching(std::span<const Outcome> outcomes, std::span<const Outcome> others) {
    std::vector<Outcome> found;
    for (const Outcome& other : others) {
        for (const Outcome& outcome : outcomes) {
            if (outcome.seed == other.seed && outcome.turn == other.turn) found.push_back(other);
        }
    }
    return found;
}

double deviation(std::span<const Outcome> outcomes, double TrialResult::*member) {
    if (outcomes.size() < 2) return 0;
    const double middle = mean(outcomes, member);
    double sum = 0;
    for (const Outcome& outcome : outcomes) {
        sum += (outcome.result.*member - middle) * (outcome.result.*member - middle);
    }
    return std::sqrt(sum / static_cast<double>(outcomes.size() - 1));
}

void add_search(std::span<const Outcome> outcomes, Row& row) {
    double sum = 0;
    double alarms = 0;
    for (const Outcome& outcome : outcomes) {
        if (!outcome.result.trigger_excess) return;
        sum += *outcome.result.trigger_excess;
        if (*outcome.result.trigger_excess >= kTriggerAlarm) ++alarms;
    }
    const auto trials = static_cast<double>(outcomes.size());
    row.trigger_excess = sum / trials;
    row.trigger_alarm_rate = alarms / trials;
}

std::optional<Row> make_row(const GridOptions& options, const Outcomes& all, const Cell& cell) {
    // Absent attackers are the same whatever they would have done.
    const auto find = [&](const Cell& wanted) { return all.find(wanted); };
    const bool is_oracle = cell.rule == RuleKind::kOracle;
    const auto own = find(is_oracle ? oracle_cell(cell.setting) : cell);
    const auto baseline = find(oracle_cell(cell.setting));
    const auto undefended = find({cell.setting, cell.attack, RuleKind::kFedAvg});
    if (own == all.end() || baseline == all.end() || undefended == all.end()) return std::nullopt;
    const auto baselines = matching(own->second, baseline->second);
    const auto undefendeds = matching(own->second, undefended->second);
    if (baselines.empty() || undefendeds.empty()) return std::nullopt;

    Row row;
    row.setting = options.settings[cell.setting];
    row.attack = cell.attack;
    row.rule = cell.rule;
    row.trials = own->second.size();
    row.auc = mean(own->second, &TrialResult::auc);
    row.balanced_accuracy = mean(own->second, &TrialResult::balanced_accuracy);
    row.balanced_accuracy_deviation = deviation(own->second, &TrialResult::balanced_accuracy);
    row.baseline_auc = mean(baselines, &TrialResult::auc);
    row.baseline_balanced_accuracy = mean(baselines, &TrialResult::balanced_accuracy);
    row.undefended_auc = mean(undefendeds, &TrialResult::auc);
    row.attack_success = fl::is_backdoor(cell.attack)
                             ? mean(own->second, &TrialResult::stamped_missed)
                             : std::clamp((row.baseline_balanced_accuracy - row.balanced_accuracy) /
                                              std::max(row.baseline_balanced_accuracy - 0.5, 0.01),
                                          0.0, 1.0);
    if (!is_oracle) {
        row.poisoned_rejected_rate = rate(own->second, &TrialResult::poisoned_rejected);
        row.honest_rejected_rate = rate(own->second, &TrialResult::honest_rejected);
    }
    for (const Outcome& outcome : own->second) {
        row.cancelled_rounds += outcome.result.cancelled_rounds;
    }
    add_search(own->second, row);
    return row;
}

}  // namespace

Result<GridResult> run_grid(const GridOptions& options, const std::atomic<bool>& stop,
                            const std::function<void(const Progress&)>& report) {
    Runner runner(options, stop, report);
    if (const Result<void> status = runner.run(); !status) return tl::unexpected(status.error());
    GridResult out;
    out.is_complete = runner.is_complete();
    for (std::size_t setting = 0; setting < options.settings.size(); ++setting) {
        for (const fl::Collusion attack : options.attacks) {
            for (const RuleKind rule : options.rules) {
                auto row = make_row(options, runner.outcomes(), {setting, attack, rule});
                if (row) out.rows.push_back(std::move(*row));
            }
        }
    }
    return out;
}

}  // namespace consilium::lab
