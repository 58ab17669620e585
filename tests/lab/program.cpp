// Implements the program: tables to standard output, progress and errors to standard error.
#include "tests/lab/program.hpp"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "tests/lab/options.hpp"
#include "tests/lab/report.hpp"
#include "tests/lab/through_mpc.hpp"

namespace consilium::lab {
namespace {

constexpr double kSecondsBetweenLines = 5;  // where standard error is no terminal

class ProgressDisplay {
  public:
    void show(const Progress& progress) {
        const bool is_last = progress.done == progress.all;
        if (!is_terminal_ && !is_last && progress.seconds - shown_at_ < kSecondsBetweenLines) {
            return;
        }
        shown_at_ = progress.seconds;
        const double left = progress.seconds * static_cast<double>(progress.all - progress.done) /
                            static_cast<double>(progress.done);
        std::fprintf(stderr, "%s[%zu/%zu] %.0f s, about %.0f s left: %s%s",
                     is_terminal_ ? "\r\033[K" : "", progress.done, progress.all, progress.seconds,
                     left, progress.last.c_str(), is_terminal_ && !is_last ? "" : "\n");
    }

  private:
    bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    double shown_at_ = -kSecondsBetweenLines;
};

int fail(const Error& error, int code) {
    std::cerr << "consilium-lab: " << error.context << '\n';
    return code;
}

void print_sample(const Setting& setting, fl::Collusion attack, RuleKind rule,
                  const SampleReport& report) {
    std::cout << "through the MPC: " << to_string(setting) << ", " << fl::to_string(attack) << ", "
              << to_string(rule) << ": " << report.rounds << " rounds, " << report.verdicts
              << " verdicts and " << report.opened_values << " opened values, "
              << (report.defects.empty() ? "all equal to the plaintext engine"
                                         : "NOT equal to the plaintext engine")
              << " (blur up to " << static_cast<int>(100 * report.largest_blur)
              << " % of its bound, " << report.rejections << " attacks rejected)\n";
    for (const std::string& defect : report.defects) std::cout << "  " << defect << '\n';
    std::cout.flush();
}

// Whether all verdicts are equal.
Result<bool> sample_mpc(const GridOptions& options, const std::atomic<bool>& stop) {
    bool is_equal = true;
    for (const Setting& setting : options.settings) {
        const auto data = load_data(setting.dataset, options.data_folder);
        if (!data) return tl::unexpected(data.error());
        const auto consortium = deal(setting, *data, options.first_seed);
        if (!consortium) return tl::unexpected(consortium.error());
        for (const fl::Collusion attack : options.attacks) {
            for (const RuleKind rule : {RuleKind::kOurs, RuleKind::kOursRef}) {
                if (stop.load()) return is_equal;
                const auto report = run_through_mpc(setting, *consortium, attack,
                                                    takes_reference(rule), options.first_seed);
                if (!report) return tl::unexpected(report.error());
                print_sample(setting, attack, rule, *report);
                is_equal = is_equal && report->defects.empty();
            }
        }
    }
    return is_equal;
}

}  // namespace

int run_lab(int argc, const char* const* argv, const std::atomic<bool>& stop) {
    const auto parsed = parse_options(argc, argv);
    if (!parsed) return fail(parsed.error(), 2);
    if (!*parsed) return 0;
    const LabOptions& options = **parsed;
    std::cerr << "seeds " << options.grid.first_seed << " to "
              << options.grid.first_seed + options.grid.seeds - 1 << ", "
              << options.grid.settings.size() << " settings, " << options.grid.attacks.size()
              << " attacks, " << options.grid.rules.size() << " rules\n";
    ProgressDisplay display;
    const auto result =
        run_grid(options.grid, stop, [&](const Progress& progress) { display.show(progress); });
    if (!result) return fail(result.error(), 1);
    std::cout << format_markdown(*result, options.grid) << std::flush;
    if (!options.report.empty()) {
        const auto written = write_report(options.report, *result, options.grid, options.command);
        if (!written) return fail(written.error(), 1);
        std::cerr << "wrote " << options.report.string() << '\n';
    }
    if (!result->is_complete) {
        std::cerr << "consilium-lab: interrupted; the tables hold what was finished\n";
        return 130;
    }
    if (!options.goes_through_mpc) return 0;
    const Result<bool> is_equal = sample_mpc(options.grid, stop);
    if (!is_equal) return fail(is_equal.error(), 1);
    if (!*is_equal) return 1;
    return stop.load() ? 130 : 0;
}

}  // namespace consilium::lab
