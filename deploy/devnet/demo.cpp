// The steps of the demonstration in their order.
#include "deploy/devnet/demo.hpp"

#include <iostream>
#include <memory>

#include "deploy/devnet/console.hpp"
#include "deploy/devnet/council.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "deploy/devnet/network.hpp"
#include "deploy/devnet/result.hpp"
#include "deploy/devnet/setup.hpp"
#include "deploy/devnet/watch.hpp"

namespace consilium::devnet {
namespace {

constexpr std::uint64_t kLookMs = 150;
constexpr std::uint64_t kHealthMs = 1'000;  // between looks at the processes

class Demo {
  public:
    explicit Demo(const Options& options) : options_(options), begin_ms_(monotonic_ms()) {}

    Result<void> run() {
        if (auto done = prepare_files(); !done) return done;
        network_ = std::make_unique<Network>(*setup_, console_);
        if (auto done = start(); !done) return done;
        if (auto done = train(); !done) return done;
        return conclude();
    }

    // Until Ctrl-C.
    void keep_running() {
        console_.line("\nEverything keeps running. Ctrl-C stops it.");
        while (pause_ms(kHealthMs)) (void)network_->tell_ended();
        console_.line("");
    }

    void stop() {
        if (network_) network_->stop();
    }

  private:
    Result<void> prepare_files() {
        console_.heading("Data");
        auto prepared =
            prepare(options_, [this](const std::string& text) { console_.line("  " + text); });
        if (!prepared) return tl::unexpected(prepared.error());
        setup_ = std::move(*prepared);
        console_.heading("Keys, genesis and configuration");
        console_.line("  in " + setup_->directory.path().string() +
                      "\n  each hospital has three keys in encrypted files: validator, council, "
                      "trainer");
        return {};
    }

    Result<void> start() {
        const std::string count = std::to_string(setup_->hospitals.size());
        console_.heading("Network");
        if (auto done = network_->start_nodes(); !done) return done;
        console_.line("  " + count + " nodes are up and agree over TLS: API on 127.0.0.1:" +
                      std::to_string(setup_->ports.api(1)) + " to " +
                      std::to_string(setup_->ports.api(setup_->hospitals.size())));
        if (auto done = network_->start_explorer(); !done) return done;
        console_.line("  the explorer verifies and shows everything: " + network_->explorer_url());
        Council council(*setup_, console_);
        console_.heading("Council: " + std::to_string(council.votes_needed()) + " of " + count +
                         " members must agree (the commands run in the folder above)");
        if (auto done = council.admit_trainers(); !done) return done;
        if (setup_->reference) {
            const auto reference = council.approve_reference();
            if (!reference) return tl::unexpected(reference.error());
            if (auto done = name_reference(*setup_, *reference); !done) return done;
        }
        if (auto done = council.open_task(); !done) return done;
        console_.line("  " + std::to_string(council.commands_run()) +
                      " transactions stand in blocks: all trainers are admitted, the task is open");
        if (auto done = network_->start_trainers(); !done) return done;
        return {};
    }

    Result<void> train() {
        console_.heading("Training: " + setup_->task.name + ", " + std::to_string(options_.rounds) +
                         " rounds, " + std::to_string(setup_->recipe.spec.parameter_count()) +
                         " parameters");
        console_.line(round_heading());
        watch_ = std::make_unique<Watch>(*setup_);
        std::uint64_t looked_ms = 0;
        while (!watch_->is_finished()) {
            auto rows = watch_->advance();
            if (rows) {
                for (RoundRow& row : *rows) {
                    console_.line(round_line(*setup_, row));
                    outcome_.rounds.push_back(std::move(row));
                }
                console_.waiting(watch_->waiting_for());
            } else {
                console_.waiting("  " + rows.error().context);
            }
            if (!pause_ms(kLookMs)) return make_error(ErrorCode::kUnavailable, "interrupted");
            if (monotonic_ms() - looked_ms < kHealthMs) continue;
            looked_ms = monotonic_ms();
            if (network_->tell_ended()) {
                console_.waiting("  too few nodes are left to agree; start one again");
            }
        }
        return {};
    }

    Result<void> conclude() {
        if (outcome_.rounds.empty()) {
            return make_error(ErrorCode::kUnavailable, "the task ended without a round");
        }
        const auto initial = watch_->model(0);
        if (!initial) return tl::unexpected(initial.error());
        auto baselines = run_baselines(*setup_, *initial);
        if (!baselines) return tl::unexpected(baselines.error());
        outcome_.baselines = *baselines;
        auto agreement = compare_roots(*setup_, watch_->height());
        if (!agreement) return tl::unexpected(agreement.error());
        outcome_.agreement = *agreement;
        outcome_.transactions = watch_->transactions();
        outcome_.model_version = watch_->task()->current_version;
        const auto model = watch_->model_record(outcome_.model_version);
        if (!model) return tl::unexpected(model.error());
        outcome_.model_hash = model->parameters.sha256.hex();
        if (auto read = read_spending(); !read) return read;
        tell_result();
        if (options_.report.empty()) return {};
        if (auto written = write_text(options_.report, report_json(*setup_, outcome_)); !written) {
            return make_error(written.error().code, "--report: " + written.error().context);
        }
        console_.line("  the report is in " + options_.report.string());
        return {};
    }

    Result<void> read_spending() {
        if (!setup_->task.privacy) return {};
        constexpr double kMicros = 1e6;
        for (const Hospital& hospital : setup_->hospitals) {
            const auto record = watch_->privacy(hospital);
            if (!record) return tl::unexpected(record.error());
            Spending spending{.hospital = hospital.name};
            if (*record) {
                spending.rounds = (*record)->rounds_opened;
                spending.epsilon_local =
                    static_cast<double>((*record)->epsilon_local_micros) / kMicros;
                spending.epsilon_central =
                    static_cast<double>((*record)->epsilon_central_micros) / kMicros;
            }
            outcome_.privacy.push_back(std::move(spending));
        }
        return {};
    }

    void tell_result() {
        console_.heading("Result");
        console_.line(comparison_table(*setup_, outcome_));
        const Agreement& agreement = outcome_.agreement;
        console_.line(
            "  state root at block " + std::to_string(agreement.height) + ": " +
            agreement.state_root.substr(0, 16) + "..., " +
            (agreement.is_equal
                 ? "equal on all " + std::to_string(agreement.nodes) + " nodes"
                 : "NOT equal on all nodes (" + std::to_string(agreement.nodes) + " answered)") +
            "\n  transactions: " + std::to_string(outcome_.transactions) + "\n  model version " +
            std::to_string(outcome_.model_version) + ", sha256 " + outcome_.model_hash +
            "\n  explorer: " + network_->explorer_url() +
            "\n  files and logs: " + setup_->directory.path().string() +
            " (network.json lists pids and ports)\n  seed " + std::to_string(options_.seed) + ", " +
            std::to_string((monotonic_ms() - begin_ms_) / 1000) + " s");
    }

    const Options& options_;
    std::uint64_t begin_ms_;
    Console console_;
    std::unique_ptr<Setup> setup_;
    std::unique_ptr<Network> network_;  // after setup_: stops before its files are let go
    std::unique_ptr<Watch> watch_;
    Outcome outcome_;
};

}  // namespace

int run_demo(const Options& options) {
    Demo demo(options);
    const auto done = demo.run();
    if (done && !options.exits) demo.keep_running();
    const bool is_interrupted = stop_flag();
    demo.stop();
    if (is_interrupted) return kInterrupted;
    if (done) return kOk;
    std::cerr << "consilium-devnet: " << done.error().context << std::endl;
    return kFailed;
}

}  // namespace consilium::devnet
