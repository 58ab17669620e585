// Implements the command line: lists multiply out to settings.
#include "tests/lab/options.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <CLI/CLI.hpp>

#include "fl_engine/data/text_number.hpp"

namespace consilium::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSites = 64;  // client slots of one epoch
constexpr std::uint32_t kMaxCommittee = 13;
constexpr std::uint32_t kMinCommittee = 4;

struct Texts {
    std::vector<std::string> datasets = {"wdbc"};
    std::vector<std::string> splits;
    std::vector<std::size_t> sites;
    std::vector<std::size_t> attackers;
    std::vector<std::string> models = {"mlp"};
    std::vector<std::string> attacks = {"all"};
    std::vector<std::string> rules = {"all"};
    std::string suite;
    std::string data_dir;
    std::string report;
    std::uint32_t validators = 0;
    std::uint32_t rounds = 0;
    bool is_quick = false;
};

std::string footer() {
    std::string text = "Attacks (the attackers know all honest updates of the round):\n";
    for (const fl::Collusion attack : fl::all_collusions()) {
        text += "  " + std::string(fl::to_string(attack)) +
                std::string(18 - fl::to_string(attack).size(), ' ') +
                std::string(fl::describe(attack)) + "\n";
    }
    text += "Rules:\n";
    for (const RuleKind rule : all_rules()) {
        text += "  " + std::string(to_string(rule)) +
                std::string(18 - to_string(rule).size(), ' ') + std::string(describe(rule)) + "\n";
    }
    return text +
           "\nLists are separated by commas and multiply out. Examples:\n"
           "  consilium-lab --quick\n"
           "  consilium-lab --dataset heart --attack sign-flip,backdoor --rule ours,ours-ref\n"
           "  consilium-lab --dataset pneumonia --sites 10 --attackers 2,4 --report xray.json\n"
           "  consilium-lab --suite comparison --seeds 3 --first-seed 9001 --report all.json\n"
           "Ctrl-C ends it early and keeps the rows so far; a second one ends it at once.\n"
           "Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.";
}

void add_options(CLI::App& app, LabOptions& options, Texts& texts) {
    app.add_flag("--quick", texts.is_quick,
                 "a look in under a minute: one seed, fewer rounds, and a sample through the MPC");
    app.add_option("--suite", texts.suite,
                   "comparison: the nine settings of docs/lab.md, instead of the next five")
        ->check(CLI::IsMember({"comparison"}));
    app.add_option("--dataset", texts.datasets,
                   "wdbc (embedded), heart (four real hospitals), pneumonia (chest X-ray), or a "
                   "folder with schema.toml and CSV files, or with IDX images [wdbc]")
        ->delimiter(',');
    app.add_option("--split", texts.splits,
                   "iid, dirichlet:ALPHA or natural [natural for heart, else iid]")
        ->delimiter(',');
    app.add_option("--sites", texts.sites, "hospitals [10 for pneumonia, else 4]")
        ->delimiter(',')
        ->check(CLI::Range(std::size_t{3}, kMaxSites));
    app.add_option("--attackers", texts.attackers,
                   "how many of them attack; also the number that the rules assume [a fifth]")
        ->delimiter(',')
        ->check(CLI::Range(std::size_t{1}, kMaxSites));
    app.add_option("--model", texts.models, "mlp (PAIRWISE) or logistic (SUM) [mlp]")
        ->delimiter(',');
    app.add_option("--attack", texts.attacks, "names below [all]")->delimiter(',');
    app.add_option("--rule", texts.rules, "names below [all]")->delimiter(',');
    app.add_option("--seeds", options.grid.seeds, "how many seeds [3]")
        ->check(CLI::Range(1U, 10'000U));
    app.add_option("--first-seed", options.grid.first_seed, "the first of them [1]");
    app.add_option("--rounds", texts.rounds, "of training [the recipe's 20, heart 25]")
        ->check(CLI::Range(1U, 10'000U));
    app.add_option("--validators", texts.validators,
                   "committee of the MPC, 4 to 13: it sets the blur [as many as sites]")
        ->check(CLI::Range(kMinCommittee, kMaxCommittee));
    app.add_flag("--through-mpc", options.goes_through_mpc,
                 "also runs one seed of each setting and attack through the whole protocol, with "
                 "the rules \"ours\" and \"ours-ref\", and compares all verdicts");
    app.add_flag("--search-triggers", options.grid.searches_triggers,
                 "also searches each finished model for the trigger of a backdoor, with the "
                 "reference records");
    app.add_option("--threads", options.grid.threads, "[2]")->check(CLI::Range(1U, 64U));
    app.add_option("--data-dir", texts.data_dir,
                   "folder of the heart and pneumonia files [$CONSILIUM_DATA_DIR]");
    app.add_option("--report", texts.report,
                   "writes the rows as JSON to this file, and .md and .svg beside it");
}

fs::path default_data_dir() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment.
    if (const char* named = std::getenv("CONSILIUM_DATA_DIR"); named != nullptr && *named != 0) {
        return named;
    }
    return CONSILIUM_DATA_BESIDE_SOURCE;
}

std::size_t default_sites(const std::string& dataset) {
    return dataset == "pneumonia" ? 10 : 4;
}

std::uint32_t committee_of(const Texts& texts, std::size_t sites) {
    if (texts.validators != 0) return texts.validators;
    return std::clamp(static_cast<std::uint32_t>(sites), kMinCommittee, kMaxCommittee);
}

std::vector<Setting> multiplied(const Texts& texts) {
    std::vector<Setting> settings;
    for (const std::string& dataset : texts.datasets) {
        const auto splits = texts.splits.empty()
                                ? std::vector<std::string>{dataset == "heart" ? "natural" : "iid"}
                                : texts.splits;
        const auto sites_list =
            texts.sites.empty() ? std::vector{default_sites(dataset)} : texts.sites;
        for (const std::string& model : texts.models) {
            for (const std::string& split : splits) {
                for (const std::size_t sites : sites_list) {
                    const auto attackers = texts.attackers.empty()
                                               ? std::vector{std::max<std::size_t>(1, sites / 5)}
                                               : texts.attackers;
                    for (const std::size_t count : attackers) {
                        settings.push_back({dataset, split, sites, count, model,
                                            committee_of(texts, sites), texts.rounds});
                    }
                }
            }
        }
    }
    return settings;
}

std::vector<Setting> comparison(const Texts& texts) {
    std::vector<Setting> settings = {
        {"wdbc", "iid", 4, 1, "mlp"},
        {"wdbc", "dirichlet:0.5", 4, 1, "mlp"},
        {"heart", "natural", 4, 1, "mlp"},
        {"heart", "natural", 4, 1, "logistic"},
        {"pneumonia", "iid", 10, 2, "mlp"},
        {"pneumonia", "iid", 10, 4, "mlp"},
        {"pneumonia", "iid", 20, 4, "mlp"},
        {"pneumonia", "dirichlet:0.1", 10, 2, "mlp"},
        {"pneumonia", "dirichlet:0.1", 10, 3, "mlp"},
    };
    for (Setting& setting : settings) {
        setting.validators = committee_of(texts, setting.sites);
        setting.rounds = texts.rounds;
    }
    return settings;
}

template <typename T, typename Parse>
Result<std::vector<T>> parse_list(const std::vector<std::string>& names, std::span<const T> all,
                                  const Parse& parse) {
    if (names == std::vector<std::string>{"all"}) return std::vector<T>(all.begin(), all.end());
    std::vector<T> out;
    for (const std::string& name : names) {
        const Result<T> value = parse(name);
        if (!value) return tl::unexpected(value.error());
        if (std::find(out.begin(), out.end(), *value) == out.end()) out.push_back(*value);
    }
    return out;
}

Result<void> interpret(const Texts& texts, LabOptions& options, bool has_seeds) {
    Texts chosen = texts;
    if (texts.is_quick) {
        if (!has_seeds) options.grid.seeds = 1;
        if (texts.rounds == 0) chosen.rounds = 8;
        options.goes_through_mpc = true;
    }
    options.grid.settings = texts.suite.empty() ? multiplied(chosen) : comparison(chosen);
    const auto attacks =
        parse_list<fl::Collusion>(texts.attacks, fl::all_collusions(), fl::parse_collusion);
    if (!attacks) return tl::unexpected(attacks.error());
    options.grid.attacks = *attacks;
    const auto rules = parse_list<RuleKind>(texts.rules, all_rules(), parse_rule);
    if (!rules) return tl::unexpected(rules.error());
    options.grid.rules = *rules;
    options.grid.data_folder =
        texts.data_dir.empty() ? default_data_dir() : fs::path(texts.data_dir);
    for (const Setting& setting : options.grid.settings) {
        if (2 * setting.attackers + 1 > setting.sites) {
            return make_error(ErrorCode::kRefused,
                              "--attackers: " + std::to_string(setting.attackers) + " of " +
                                  std::to_string(setting.sites) +
                                  " sites are no minority; at most " +
                                  std::to_string((setting.sites - 1) / 2));
        }
        if (setting.model != "mlp" && setting.model != "logistic") {
            return make_error(ErrorCode::kMalformed, "--model " + fl::quote(setting.model) +
                                                         " is not known; mlp or logistic");
        }
    }
    options.report = texts.report;
    const fs::path folder = options.report.has_parent_path() ? options.report.parent_path() : ".";
    if (!texts.report.empty() && ::access(folder.c_str(), W_OK) != 0) {
        return make_error(ErrorCode::kRefused, "--report " + texts.report + ": the folder " +
                                                   folder.string() + " is missing or not writable");
    }
    return {};
}

}  // namespace

Result<std::optional<LabOptions>> parse_options(int argc, const char* const* argv) {
    LabOptions options;
    Texts texts;
    CLI::App app(
        "Attacks on federated training and rules against them, measured in plaintext with "
        "the verdict code of the contract.");
    app.name("consilium-lab");
    app.footer(footer());
    add_options(app, options, texts);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            std::cout << app.help();
            return std::nullopt;
        }
        return make_error(ErrorCode::kMalformed, std::string(error.what()) + "; see --help");
    }
    const bool has_seeds = app.count("--seeds") > 0;
    if (auto status = interpret(texts, options, has_seeds); !status) {
        return tl::unexpected(status.error());
    }
    options.command = "consilium-lab";
    for (int i = 1; i < argc; ++i) options.command += " " + std::string(argv[i]);
    return options;
}

}  // namespace consilium::lab
