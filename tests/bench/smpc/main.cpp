// consilium-smpc-bench: what one round of the secure computation costs, all parties on this
// machine.
//
// Exit codes: 0 measured, 1 a result was wrong, a file could not be written or (--check) a figure
// is above its limit, 2 bad usage.
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/bench/smpc/blob_folder.hpp"
#include "tests/bench/smpc/kernel_costs.hpp"
#include "tests/bench/smpc/parties.hpp"

namespace consilium::bench {
namespace {

constexpr std::uint32_t kMinClients = 3;  // n_need with one malicious client

struct Options {
    Setup setup;
    int repeats = 5;
    bool makes_table = false;
    bool checks_limits = false;
    std::string report;
    std::string one_validator;  // directory of its blobs
};

// Removed with everything in it at the end.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "smpc-bench-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) stop("cannot make a folder " + name);
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// The largest resident memory since this program began. Not ru_maxrss: that also remembers the
// process which started this one.
std::uint64_t own_peak_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        std::string name;
        std::uint64_t kibibytes = 0;
        if (words >> name >> kibibytes && name == "VmHWM:") return kibibytes * 1024;
    }
    stop("the system does not tell the memory of a process");
}

// Starts this program again as one validator. A fresh process: a forked one would count the memory
// of its parent.
std::uint64_t validator_peak_bytes(const Setup& setup, const std::filesystem::path& directory) {
    std::vector<std::string> words{"consilium-smpc-bench",
                                   "--n",
                                   std::to_string(setup.members),
                                   "--d",
                                   std::to_string(setup.dimension),
                                   "--clients",
                                   std::to_string(setup.clients),
                                   "--one-validator",
                                   directory.string()};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0) {
        stop("cannot start a process for one validator");
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        stop("the process of one validator failed");
    }
    const auto figure = smpc::decode_words(BlobFolder(directory).read("peak", 0), 1).value();
    return figure.front();
}

double rounded(double value, double step) {
    return std::round(value / step) * step;
}

// What the figures are held against, by the name of the figure. The times and the traffic are those
// of four validators, four clients and a million coordinates; kernels and memory have one always.
nlohmann::ordered_json limits_of(const Setup& setup, double limit_gram) {
    nlohmann::ordered_json limits = {
        {"gram_ns_per_element", 1.3 * limit_gram},
        {"expand_ns_per_element", 1.2},
        {"validator_peak_rss_bytes",
         (setup.clients + 2) * 8 * setup.dimension + (std::uint64_t{64} << 20)},
    };
    if (setup.members == 4 && setup.clients == 4 && setup.dimension == 1'000'000) {
        limits["online_ms"] = 250;
        limits["total_ms"] = 500;
        limits["bytes_sent"] = 150'000'000;
        limits["client_ms"] = 500 * setup.clients;  // of all clients
    }
    return limits;
}

// Adds the limits and the names of the figures above theirs.
void hold_against_limits(nlohmann::ordered_json& figures, const nlohmann::ordered_json& limits) {
    nlohmann::ordered_json over = nlohmann::ordered_json::array();
    for (const auto& [name, limit] : limits.items()) {
        if (figures.at(name).get<double>() > limit.get<double>()) over.push_back(name);
    }
    figures["limits"] = limits;
    figures["over_limit"] = over;
}

nlohmann::ordered_json measure(const Setup& setup, int repeats) {
    const TemporaryFolder folder;
    const KernelCosts kernels = measure_kernels(setup.members, setup.clients);
    const RoundCosts costs = measure_round(setup, repeats, folder.path());
    const auto ms = [](double value) { return rounded(value, 0.001); };
    const auto ns = [](double value) { return rounded(value, 0.0001); };
    nlohmann::ordered_json figures = {
        {"n", setup.members},
        {"d", setup.dimension},
        {"clients", setup.clients},
        {"offline_ms", ms(costs.offline.wall_ms)},
        {"online_ms", ms(costs.online.wall_ms)},
        {"open_ms", ms(costs.open.wall_ms)},
        {"client_ms", ms(costs.client.wall_ms)},
        {"receive_ms", ms(costs.receive.wall_ms)},
        {"total_ms", ms(costs.total().wall_ms)},
        {"offline_cpu_ms", ms(costs.offline.cpu_ms)},
        {"online_cpu_ms", ms(costs.online.cpu_ms)},
        {"open_cpu_ms", ms(costs.open.cpu_ms)},
        {"client_cpu_ms", ms(costs.client.cpu_ms)},
        {"receive_cpu_ms", ms(costs.receive.cpu_ms)},
        {"total_cpu_ms", ms(costs.total().cpu_ms)},
        {"bytes_sent", costs.bytes_sent},
        {"validator_peak_rss_bytes", validator_peak_bytes(setup, folder.path())},
        {"peak_rss_bytes", own_peak_bytes()},
        {"gram_ns_per_element", ns(kernels.gram)},
        {"gram_avx2_ns_per_element", ns(kernels.gram_avx2)},
        {"gram_portable_ns_per_element", ns(kernels.gram_portable)},
        {"limit_gram_ns_per_element", ns(kernels.limit_gram)},
        {"expand_ns_per_element", ns(kernels.expand)},
        {"instructions", name_of(smpc::best_instructions())},
        {"threads", setup.threads},
        {"repeats", repeats},
        {"range_proof", kHasRangeStage},
    };
    hold_against_limits(figures, limits_of(setup, kernels.limit_gram));
    return figures;
}

// Milliseconds with three significant digits.
std::string short_ms(const nlohmann::ordered_json& value) {
    std::ostringstream text;
    text << std::setprecision(3) << value.get<double>();
    const double number = value.get<double>();
    return number >= 1000 ? std::to_string(static_cast<long long>(std::llround(number)))
                          : text.str();
}

void print_row(const nlohmann::ordered_json& row) {
    std::cout << "| " << row["n"] << " | " << row["d"];
    for (const char* phase : {"offline", "client", "receive", "online", "open", "total"}) {
        const std::string name = phase;
        std::cout << " | " << short_ms(row[name + "_ms"]) << " / "
                  << short_ms(row[name + "_cpu_ms"]);
    }
    const auto mib = [](const nlohmann::ordered_json& bytes) {
        return static_cast<double>(bytes.get<std::uint64_t>()) / (1 << 20);
    };
    std::cout << " | " << std::fixed << std::setprecision(2) << mib(row["bytes_sent"]) << " | "
              << std::setprecision(0) << mib(row["validator_peak_rss_bytes"]) << " of "
              << mib(row["limits"]["validator_peak_rss_bytes"]) << " |" << std::endl;
    std::cout.unsetf(std::ios::floatfield);
    std::cout << std::setprecision(6);
}

nlohmann::ordered_json make_table(const Options& options) {
    std::cout << "Milliseconds as wall / processor time of all parties; " << options.setup.clients
              << " clients, " << options.setup.threads << " threads.\n\n"
              << "| n | d | offline | client | receive | online | of it open | total | MiB sent "
                 "| MiB of one validator |\n|---|---|---|---|---|---|---|---|---|---|\n";
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const std::uint32_t members : {4U, 7U, 10U, 13U}) {
        for (const std::uint64_t dimension : {30ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL}) {
            Setup setup = options.setup;
            setup.members = members;
            setup.dimension = dimension;
            // The largest cell is a minute of work: it is run once.
            const bool is_large = members == 13 && dimension > 100000;
            rows.push_back(measure(setup, is_large ? 1 : options.repeats));
            print_row(rows.back());
        }
    }
    return {{"rows", rows}};
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("--n", options.setup.members, "validators of the committee")
        ->check(CLI::Range(smpc::kMinMembers, smpc::kMaxMembers))
        ->capture_default_str();
    app.add_option("--d", options.setup.dimension, "length of an update")
        ->check(CLI::Range(std::uint64_t{16}, smpc::kMaxDimension))
        ->capture_default_str();
    app.add_option("--clients", options.setup.clients, "clients, M")
        ->check(CLI::Range(kMinClients, smpc::kMaxClients))
        ->capture_default_str();
    app.add_option("--threads", options.setup.threads, "parties that work at the same time")
        ->check(CLI::Range(1U, 2U))
        ->capture_default_str();
    app.add_option("--repeats", options.repeats, "runs; each figure is its minimum")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_flag("--table", options.makes_table,
                 "n = 4, 7, 10, 13 and d = 30 .. 10^6 in one table (some minutes)");
    app.add_flag("--check", options.checks_limits,
                 "exit code 1 when a figure is above its limit; of use on a machine that does "
                 "nothing else");
    app.add_option("--report", options.report, "file for the figures, JSON");
    app.add_option("--one-validator", options.one_validator)->group("");
    app.footer(
        "The work of all parties is done here, by the product's functions, and what is opened is\n"
        "compared with the plain updates. Times in milliseconds, as wall time with that many\n"
        "threads and as processor time of all threads (_cpu_ms):\n"
        "  offline  every validator: masks, their products, PREP_SHARE, decision\n"
        "  client   every client: encoding, masks, range proof, blobs, hashes\n"
        "  receive  every validator: hash and word check of each blob that it gets\n"
        "  online   every validator: shares of updates, STAT1, STAT2, AGG, all openings\n"
        "  open     the part of online that opens and compares\n"
        "  total    offline + client + receive + online\n"
        "Other programs on the machine lengthen the wall time; raise --repeats then.\n"
        "validator_peak_rss_bytes is measured in a process of its own that is one validator;\n"
        "peak_rss_bytes is that of this process with all parties in it.\n"
        "limit_gram_ns_per_element: a bare AVX2 loop that multiplies and adds without folding.\n"
        "limits: what the figures of that name are held against (times and traffic for n = 4,\n"
        "d = 10^6, 4 clients only); over_limit names those above.");
}

// Whether a figure is above its limit; says which.
bool is_over_limit(const nlohmann::ordered_json& figures) {
    bool is_over = false;
    for (const auto& name : figures["over_limit"]) {
        const auto key = name.get<std::string>();
        std::cerr << "n = " << figures["n"] << ", d = " << figures["d"] << ": " << key << " is "
                  << figures[key] << ", its limit " << figures["limits"][key] << '\n';
        is_over = true;
    }
    return is_over;
}

int run(const Options& options) {
    if (!options.one_validator.empty()) {
        run_one_validator(options.setup, options.one_validator);
        const std::vector<smpc::Element> peak{own_peak_bytes()};
        BlobFolder(options.one_validator).write("peak", 0, smpc::encode_words(peak));
        return 0;
    }
    // Refused before the work, not after it.
    std::ofstream report;
    if (!options.report.empty()) {
        report.open(options.report);
        if (!report) stop("cannot write " + options.report);
    }
    const auto figures =
        options.makes_table ? make_table(options) : measure(options.setup, options.repeats);
    if (!options.makes_table) std::cout << figures.dump(2) << '\n';
    if (!options.report.empty()) {
        report << figures.dump(2) << '\n';
        report.close();
        if (!report) stop("cannot write " + options.report);
    }
    bool is_over = false;
    if (options.makes_table) {
        for (const auto& row : figures["rows"]) is_over = is_over_limit(row) || is_over;
    } else {
        is_over = is_over_limit(figures);
    }
    return is_over && options.checks_limits ? 1 : 0;
}

}  // namespace
}  // namespace consilium::bench

int main(int count, char** arguments) {
    consilium::bench::Options options;
    CLI::App app("Costs of one round of the secure computation", "./run bench smpc");
    consilium::bench::add_options(app, options);
    try {
        app.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    return consilium::bench::run(options);
}
