// The command line of consilium-devnet.
#include "deploy/devnet/options.hpp"

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <system_error>

#include <CLI/CLI.hpp>

#include "contracts/schema/reference_set.hpp"

namespace consilium::devnet {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter =
    R"(One command shows the whole of Consilium on this machine: it deals the data to hospitals,
makes keys and a genesis, starts a validator node and a trainer for each hospital and one explorer
as separate processes over TLS on loopback, lets the council admit the trainers and open a task with
real wallet commands, and shows every round of training. One hospital poisons its updates; the
secure computation finds it.

  consilium-devnet                                  4 hospitals, 6 rounds, one sign-flip poisoner
  consilium-devnet --hospitals 7 --attackers 2      more of both
  consilium-devnet --attack none --rounds 20        nobody cheats
  consilium-devnet --dataset heart --data-dir DIR   four real hospitals with different patients
  consilium-devnet --dataset heart --reference 0    the same without the reference set
  consilium-devnet --dataset FOLDER                 your own: schema.toml and one CSV per hospital
  consilium-devnet --privacy 100                    with noise; the table shows what it costs
  consilium-devnet --exit --report report.json      for scripts

Without --dir the files go to build/devnet of the source tree that the program was built in, or to a
new folder in the system's temporary directory when that one is in use. A folder that an earlier run
left is emptied first; any other folder must be new or empty.

Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted. Whatever way it ends, it
stops every process it started, and only those.)";

struct Texts {
    std::string split = "iid";
    std::string attack = "sign-flip";
    std::string data_dir;
    std::string directory;
    std::string report;
    std::optional<std::size_t> attackers;
};

void add_options(CLI::App& app, Options& options, Texts& texts) {
    app.add_option("--rounds", options.rounds, "rounds of training [6]")
        ->check(CLI::Range(1U, kMaxRounds));
    app.add_option("--dataset", options.dataset,
                   "wdbc (breast cancer, embedded), heart (four real hospitals), or a folder with "
                   "schema.toml and CSV files [wdbc]");
    app.add_option("--data-dir", texts.data_dir, "folder of the heart files [$CONSILIUM_DATA_DIR]");
    app.add_option("--split", texts.split,
                   "how one table is dealt to the hospitals: iid or dirichlet:ALPHA [iid]");
    app.add_option("--attack", texts.attack,
                   "none, sign-flip, scale, label-flip, gaussian or oversize, with a factor if you "
                   "like: sign-flip:4 [sign-flip]");
    app.add_option("--attackers", texts.attackers,
                   "how many hospitals attack, the last ones of the list [1]")
        ->check(CLI::Range(0U, 64U));
    app.add_option("--hospitals", options.hospitals,
                   "4 to 13; each is a validator and a trainer [4, or one per CSV file]");
    app.add_option("--reference", options.reference,
                   "records taken out of all hospitals' training data as the public reference set, "
                   "64 or more; 0 for none [64 for heart, otherwise 0]")
        ->check(CLI::Range(0U, 10'000U));
    app.add_option("--hidden", options.hidden,
                   "units of the model's hidden layer; with wdbc the model has 32 parameters for "
                   "each, so 31250 give a million [16]")
        ->check(CLI::Range(1U, kMaxHidden));
    app.add_option("--privacy", options.epsilon,
                   "differential privacy: epsilon of each hospital over all rounds, such as 100; "
                   "less is more noise [off]")
        ->check(CLI::Range(0.001, 1e6));
    app.add_option("--seed", options.seed, "of data split, training and attack [1]")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 53U));
    app.add_option("--dir", texts.directory, "where keys, ledgers, logs and data go");
    app.add_flag("--exit", options.exits, "stop everything when training is done");
    app.add_option("--report", texts.report, "write the result as JSON to this file");
}

fs::path default_data_dir() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before any other thread exists
    const char* const named = std::getenv("CONSILIUM_DATA_DIR");
    if (named != nullptr && *named != 0) return named;
    std::error_code ignored;
    const fs::path beside(CONSILIUM_DATA_BESIDE_SOURCE);
    return fs::is_directory(beside, ignored) ? beside : fs::path();
}

Result<void> interpret(const Texts& texts, Options& options) {
    const auto split = fl::parse_deal_spec(texts.split);
    if (!split) return make_error(split.error().code, "--split: " + split.error().context);
    options.split = *split;
    const auto attack = fl::parse_attack(texts.attack);
    if (!attack) return make_error(attack.error().code, "--attack: " + attack.error().context);
    options.attack = *attack;
    const bool is_peaceful = attack->kind == fl::AttackKind::kNone;
    if (is_peaceful && texts.attackers.value_or(0) > 0) {
        return make_error(ErrorCode::kRefused,
                          "--attackers: nobody attacks with --attack none; leave one of them out");
    }
    options.attackers = is_peaceful ? 0 : texts.attackers.value_or(1);
    if (options.attackers == 0) options.attack.kind = fl::AttackKind::kNone;
    options.data_dir = texts.data_dir.empty() ? default_data_dir() : fs::path(texts.data_dir);
    if (options.dataset == "heart" && options.data_dir.empty()) {
        return make_error(ErrorCode::kNotFound,
                          "--dataset heart: where are heart-cleveland.csv, heart-hungarian.csv, "
                          "heart-switzerland.csv and heart-va.csv? Give --data-dir FOLDER or set "
                          "CONSILIUM_DATA_DIR");
    }
    if (options.reference && *options.reference > 0 &&
        *options.reference < schema::kMinReferenceRecords) {
        return make_error(ErrorCode::kRefused, "--reference: a reference set has " +
                                                   std::to_string(schema::kMinReferenceRecords) +
                                                   " records or more; 0 means none");
    }
    options.directory = texts.directory;
    options.report = texts.report;
    const fs::path folder = options.report.has_parent_path() ? options.report.parent_path() : ".";
    if (!texts.report.empty() && ::access(folder.c_str(), W_OK) != 0) {
        return make_error(ErrorCode::kRefused, "--report " + texts.report + ": the folder " +
                                                   folder.string() + " is missing or not writable");
    }
    const bool is_folder = options.dataset != "wdbc" && options.dataset != "heart";
    if (is_folder && !fs::is_directory(options.dataset)) {
        return make_error(
            ErrorCode::kNotFound,
            "--dataset " + options.dataset + ": neither wdbc nor heart nor a folder that exists");
    }
    // A folder's number of hospitals is known when its files have been read.
    if (is_folder && !options.hospitals) return {};
    return check_numbers(options.hospitals.value_or(kMinHospitals), options.attackers);
}

fs::path folder_of_this_program() {
    std::error_code ignored;
    const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
    return self.parent_path();
}

}  // namespace

std::size_t reference_records(const Options& options) {
    const std::size_t usual = options.dataset == "heart" ? schema::kMinReferenceRecords : 0;
    return options.reference.value_or(usual);
}

Result<void> check_numbers(std::size_t hospitals, std::size_t attackers) {
    if (hospitals < kMinHospitals || hospitals > kMaxHospitals) {
        return make_error(ErrorCode::kRefused,
                          "--hospitals: " + std::to_string(hospitals) +
                              " is not from 4 to 13: fewer validators bear no fault, and the keys "
                              "of the secure computation are too many beyond 13");
    }
    const std::size_t highest = (hospitals - 1) / 2;
    if (attackers > highest) {
        return make_error(ErrorCode::kRefused,
                          "--attackers: " + std::to_string(attackers) + " of " +
                              std::to_string(hospitals) + " hospitals are no minority; at most " +
                              std::to_string(highest) + " can be found among " +
                              std::to_string(hospitals) +
                              ". Give fewer attackers, or more "
                              "hospitals");
    }
    return {};
}

tl::expected<Options, int> parse_command_line(int argc, char** argv) {
    CLI::App app(
        "A whole Consilium consortium on this machine: data, keys, nodes, trainers, "
        "council, attack, training, result.",
        "consilium-devnet");
    app.footer(kFooter);
    Options options;
    Texts texts;
    add_options(app, options, texts);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return tl::unexpected<int>(code == 0 ? kOk : kBadUsage);
    }
    if (auto good = interpret(texts, options); !good) {
        std::cerr << "consilium-devnet: " << good.error().context << '\n';
        return tl::unexpected<int>(kBadUsage);
    }
    options.programs = folder_of_this_program();
    return options;
}

}  // namespace consilium::devnet
