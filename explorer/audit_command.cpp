// Options, signals and output of the audit.
#include "explorer/audit_command.hpp"

#include <csignal>
#include <fstream>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "contracts/schema_json/genesis_json.hpp"
#include "explorer/audit.hpp"
#include "explorer/network_source.hpp"

namespace consilium::explorer {
namespace {

constexpr int kNotChecked = 2;  // also bad usage, and stopped by a signal

constexpr const char* kFooter =
    R"(Downloads the chain from genesis.json on, checks every certificate, executes every block, and
then recomputes from the members' transactions alone: seeds, the openings of STAT1, STAT2, AGG,
PREP_SHARE, PREP_W and PREP_CHK with their lists of liars, ranges, norms, verdicts, weights,
aggregates, models. Events and records are compared with what comes out. The blame of a disputed
batch is not recomputed apart from execution.

  consilium-explorer audit --genesis genesis.json --node 127.0.0.1:27100 --node 127.0.0.1:27101

The report goes to stdout and depends on genesis, chain and --to only: the same bytes on every
machine and with any number of threads. Progress goes to stderr. Fix --to when reports are to be
compared, because a chain grows.

Exit codes: 0 everything is equal, 1 a mismatch, 2 not everything could be checked (blocks or blobs
that no node has are listed as not recomputable), bad usage, or stopped by a signal.)";

struct CommandLine {
    std::string genesis_file;
    std::vector<std::string> nodes;
    std::optional<std::uint64_t> to;
    unsigned threads = 1;
    std::string report_file;
    bool is_json = false;
};

std::optional<int> parse(int argc, char** argv, CommandLine& line) {
    CLI::App app("Recomputes a chain's rounds from its transactions.", "consilium-explorer audit");
    app.footer(kFooter);
    app.add_option("--genesis", line.genesis_file, "genesis.json of the consortium")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--node", line.nodes, "API of a node, host:port; may be repeated")->required();
    app.add_option("--to", line.to, "audit up to this height; default: the first node's newest");
    app.add_option("--threads", line.threads, "threads that recompute rounds and batches")
        ->capture_default_str()
        ->check(CLI::Range(1U, kMaxAuditThreads));
    app.add_option("--report", line.report_file, "also write the report as JSON to this file");
    app.add_flag("--json", line.is_json, "print JSON instead of text");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kNotChecked;
    }
    return std::nullopt;
}

int failed(const std::string& what) {
    std::cerr << "consilium-explorer audit: " << what << '\n';
    return kNotChecked;
}

// Sets `flag` at SIGINT and SIGTERM as long as it lives.
class SignalWatch {
  public:
    explicit SignalWatch(std::atomic<bool>& flag) : signals_(io_, SIGINT, SIGTERM) {
        signals_.async_wait([&flag](const boost::system::error_code& error, int) {
            if (!error) flag = true;
        });
        thread_ = std::thread([this] { io_.run(); });
    }
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;
    SignalWatch(SignalWatch&&) = delete;
    SignalWatch& operator=(SignalWatch&&) = delete;
    ~SignalWatch() {
        io_.stop();
        thread_.join();
    }

  private:
    boost::asio::io_context io_;
    boost::asio::signal_set signals_;
    std::thread thread_;
};

int print(const CommandLine& line, const AuditReport& report) {
    std::cout << (line.is_json ? to_json(report) : to_text(report)) << std::flush;
    if (!std::cout) return failed("the report could not be printed");
    if (!line.report_file.empty()) {
        std::ofstream file(line.report_file, std::ios::binary | std::ios::trunc);
        file << to_json(report) << std::flush;
        if (!file) return failed(line.report_file + ": cannot be written");
    }
    return static_cast<int>(outcome_of(report));
}

Result<Height> newest_height(NodeSource& source) {
    Error last{ErrorCode::kUnavailable, "no node was asked"};
    for (std::size_t node = 0; node < source.size(); ++node) {
        auto height = source.height(node);
        if (height) return height;
        last = {height.error().code, source.name(node) + ": " + height.error().context};
    }
    return tl::unexpected(last);
}

int audit(const CommandLine& line, const Genesis& genesis,
          std::vector<p2p::NodeEndpoint> endpoints) {
    std::atomic<bool> cancel_flag{false};
    const SignalWatch watch(cancel_flag);
    NetworkSource source(genesis, std::move(endpoints), cancel_flag);
    AuditOptions options;
    options.threads = line.threads;
    options.cancel_flag = &cancel_flag;
    options.note = [](const std::string& message) { std::cerr << message << '\n'; };
    if (line.to) {
        options.last = Height{*line.to};
    } else {
        const auto height = newest_height(source);
        if (!height) return failed(height.error().context);
        options.last = *height;
    }
    const auto report = run_audit(genesis, source, options);
    if (!report) return failed(report.error().context);
    return print(line, *report);
}

}  // namespace

int run_audit_command(int argc, char** argv) {
    CommandLine line;
    if (const auto code = parse(argc - 1, argv + 1, line)) return *code;
    const auto genesis = schema::load_genesis_file(line.genesis_file);
    if (!genesis) return failed(line.genesis_file + ": " + genesis.error().context);
    std::vector<p2p::NodeEndpoint> endpoints;
    for (const std::string& text : line.nodes) {
        auto endpoint = p2p::parse_endpoint(text);
        if (!endpoint) return failed("--node " + endpoint.error().context);
        endpoints.push_back(*std::move(endpoint));
    }
    return audit(line, *genesis, std::move(endpoints));
}

}  // namespace consilium::explorer
