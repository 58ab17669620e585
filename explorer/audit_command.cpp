// Options, signals and output of the audit.
#include "explorer/audit_command.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "contracts/schema_json/genesis_json.hpp"
#include "explorer/audit_offline.hpp"
#include "explorer/export_source.hpp"
#include "explorer/export_writer.hpp"
#include "explorer/network_source.hpp"

namespace consilium::explorer {
namespace {

constexpr int kNotChecked = 2;  // also bad usage, and stopped by a signal

constexpr const char* kFooter =
    R"(Reads the chain from genesis on, checks every certificate, executes every block, and then
recomputes from the members' transactions alone: seeds, the openings of STAT1, STAT2, AGG,
PREP_SHARE, PREP_W and PREP_CHK with their lists of liars, ranges, norms, verdicts, weights,
aggregates, models, accounts of privacy; the blame of disputed batches from the revealed keys, the
exclusions and halts that follow from it. Events and records are compared with what comes out.

  consilium-explorer audit --genesis genesis.json --node 127.0.0.1:27100 --node 127.0.0.1:27101
  consilium-explorer audit --genesis genesis.json --node 127.0.0.1:27100 --export DIR
  consilium-explorer audit --genesis genesis.json --offline DIR

--export audits and writes everything that was read into DIR: genesis, blocks with certificates and
transactions, blobs, a manifest that `sha256sum -c manifest.sha256` reads. A stopped export is
continued by the same command; without export.json it is not finished. --offline audits such a
folder without a network; any changed byte is found, and its file named.

--from recomputes only the rounds and batches that end at that height or later. Every block before
it is still checked and executed, but the openings there are not repeated; the report says what it
trusts therefore.

The report goes to stdout and depends on genesis, chain, --from and --to only: the same bytes on
every machine, online and offline, and with any number of threads. Progress goes to stderr. Fix --to
when reports are to be compared, because a chain grows.

Exit codes: 0 everything is equal; 1 a mismatch, or a damaged export; 2 not everything could be
checked (blocks or blobs that nobody has are listed as not recomputable), an export that is not
finished or cannot be written, bad usage, or stopped by a signal.)";

struct CommandLine {
    std::string genesis_file;
    std::vector<std::string> nodes;
    std::string export_folder;
    std::string offline_folder;
    std::uint64_t from = 1;
    std::optional<std::uint64_t> to;
    unsigned threads = 1;
    std::string report_file;
    bool is_json = false;
};

std::optional<int> parse(int argc, char** argv, CommandLine& line) {
    CLI::App app("Recomputes a chain's rounds from its transactions.", "consilium-explorer audit");
    app.footer(kFooter);
    app.add_option("--genesis", line.genesis_file,
                   "genesis.json of the consortium; with --offline it may be absent, then compare "
                   "the report's genesis with the one you know")
        ->check(CLI::ExistingFile);
    auto* nodes =
        app.add_option("--node", line.nodes,
                       "API of a node, host:port, =KEY behind it when it has to prove this "
                       "validator key and no other's; may be repeated");
    auto* exported =
        app.add_option("--export", line.export_folder, "also write everything that was read here");
    app.add_option("--offline", line.offline_folder, "audit this export, without nodes")
        ->check(CLI::ExistingDirectory)
        ->excludes(nodes)
        ->excludes(exported);
    app.add_option("--from", line.from, "recompute what ends at this height or later")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--to", line.to,
                   "audit up to this height; default: the first node's newest, or the export's");
    app.add_option("--threads", line.threads, "threads that recompute rounds and batches")
        ->capture_default_str()
        ->check(CLI::Range(1U, kMaxAuditThreads));
    app.add_option("--report", line.report_file, "also write the report as JSON to this file");
    app.add_flag("--json", line.is_json, "print JSON instead of text");
    try {
        app.parse(argc, argv);
        const bool is_online = line.offline_folder.empty();
        if (is_online && line.nodes.empty()) throw CLI::RequiredError("--node or --offline");
        if (is_online && line.genesis_file.empty()) throw CLI::RequiredError("--genesis");
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

AuditOptions options_of(const CommandLine& line, const std::atomic<bool>& cancel_flag) {
    AuditOptions options;
    options.from = Height{line.from};
    options.threads = line.threads;
    options.cancel_flag = &cancel_flag;
    options.note = [](const std::string& message) { std::cerr << message << '\n'; };
    return options;
}

// With the writer of the export behind it, when there is one.
int audit_nodes(const CommandLine& line, const Genesis& genesis, NodeSource& source,
                AuditOptions options) {
    if (line.export_folder.empty()) {
        const auto report = run_audit(genesis, source, options);
        return report ? print(line, *report) : failed(report.error().context);
    }
    auto writer = ExportWriter::create(line.export_folder, genesis, options.last);
    if (!writer) return failed(writer.error().context);
    ResumingSource resuming(line.export_folder, source);
    options.recorder = writer->get();
    const auto report = run_audit(genesis, resuming, options);
    if (!report) return failed(report.error().context);
    if (auto finished = (*writer)->finish(); !finished) return failed(finished.error().context);
    std::cerr << line.export_folder << ": " << (*writer)->files() << " files, "
              << (*writer)->bytes_written() << " bytes written now\n";
    return print(line, *report);
}

int audit_online(const CommandLine& line, const Genesis& genesis,
                 const std::atomic<bool>& cancel_flag) {
    std::vector<p2p::NodeEndpoint> endpoints;
    for (const std::string& text : line.nodes) {
        auto endpoint = p2p::parse_endpoint(text);
        if (!endpoint) return failed("--node " + endpoint.error().context);
        endpoints.push_back(*std::move(endpoint));
    }
    NetworkSource source(genesis, std::move(endpoints), cancel_flag);
    AuditOptions options = options_of(line, cancel_flag);
    if (line.to) {
        options.last = Height{*line.to};
    } else {
        const auto height = newest_height(source);
        if (!height) return failed(height.error().context);
        options.last = *height;
    }
    if (options.from > std::max(options.last, Height{1})) return failed("--from is above --to");
    return audit_nodes(line, genesis, source, std::move(options));
}

int audit_offline(const CommandLine& line, std::optional<Genesis> genesis,
                  const std::atomic<bool>& cancel_flag) {
    OfflineOptions offline{line.offline_folder, std::move(genesis), std::nullopt};
    if (line.to) offline.last = Height{*line.to};
    if (line.to && line.from > std::max<std::uint64_t>(*line.to, 1)) {
        return failed("--from is above --to");
    }
    const auto report = run_offline_audit(offline, options_of(line, cancel_flag));
    return report ? print(line, *report) : failed(report.error().context);
}

}  // namespace

int run_audit_command(int argc, char** argv) {
    CommandLine line;
    if (const auto code = parse(argc - 1, argv + 1, line)) return *code;
    std::optional<Genesis> genesis;
    if (!line.genesis_file.empty()) {
        auto loaded = schema::load_genesis_file(line.genesis_file);
        if (!loaded) return failed(line.genesis_file + ": " + loaded.error().context);
        genesis = *std::move(loaded);
    }
    std::atomic<bool> cancel_flag{false};
    const SignalWatch watch(cancel_flag);
    return line.offline_folder.empty() ? audit_online(line, *genesis, cancel_flag)
                                       : audit_offline(line, std::move(genesis), cancel_flag);
}

}  // namespace consilium::explorer
