// consilium-explorer: follows a chain, trusts no node, shows what it verified.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "contracts/schema_json/genesis_json.hpp"
#include "explorer/audit_command.hpp"
#include "explorer/service.hpp"

namespace consilium::explorer {
namespace {

// Exit codes, also in --help.
enum ExitCode { kStopped = 0, kFailed = 1, kBadUsage = 2, kDiverged = 3 };

constexpr const char* kFooter =
    R"(The explorer starts from genesis.json and believes nothing else: it checks the certificate of
every block against the validators' keys, executes every block again, and compares the results with
the block's roots. Verdicts and aggregates of the learning rounds are recomputed on the way. Name
several nodes: the others are asked, in turn, whether they have the same chain.

  consilium-explorer --genesis genesis.json --node 127.0.0.1:27100 --node 127.0.0.1:27101 \
                     --data-dir explorer

Then open http://127.0.0.1:27200/. The API is described at /api/v1/openapi.json.

When a block contradicts what was computed, following stops, the page turns red and stays readable;
the finding is kept in the index. --reindex forgets the index and verifies the chain from genesis.

`consilium-explorer audit --help`: one pass over the chain that recomputes every round and reports.

Exit codes: 0 stopped by a signal, 1 could not start, 2 bad usage, 3 stopped by a signal after a
divergence.)";

struct CommandLine {
    std::string genesis_file;
    std::vector<std::string> nodes;
    std::string data_dir;
    std::string listen = "127.0.0.1:27200";
    std::string log_level = "info";
    bool is_reindex = false;
};

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line) {
    CLI::App app("Verifying explorer of a Consilium consortium: follows nodes, trusts none.");
    app.footer(kFooter);
    app.set_version_flag("--version", CONSILIUM_VERSION);
    app.add_option("--genesis", line.genesis_file, "genesis.json of the consortium")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--node", line.nodes,
                   "API of a node, host:port, =KEY behind it when it has to prove this "
                   "validator key and no other's; may be repeated")
        ->required();
    app.add_option("--data-dir", line.data_dir, "folder of the index; created when absent")
        ->required();
    app.add_option("--listen", line.listen, "address of the page and the API; port 0: any free one")
        ->capture_default_str();
    app.add_option("--log-level", line.log_level, "debug, info, warn or error")
        ->capture_default_str()
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    app.add_flag("--reindex", line.is_reindex, "forget the index, verify again from genesis");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kStopped : kBadUsage;
    }
    return std::nullopt;
}

void set_up_logging(const std::string& level) {
    auto logger = spdlog::stderr_logger_mt("explorer");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

// "host:port" where the port may be 0, which an endpoint to connect to may not be.
Result<p2p::NodeEndpoint> parse_listen(const std::string& text) {
    constexpr std::string_view kAnyPort = ":0";
    const bool is_any = std::string_view(text).ends_with(kAnyPort);
    auto endpoint =
        p2p::parse_endpoint(is_any ? text.substr(0, text.size() - kAnyPort.size()) + ":1" : text);
    if (endpoint && !endpoint->allowed_keys.empty()) {
        return make_error(ErrorCode::kMalformed, "an address to listen on has no key");
    }
    if (endpoint && is_any) endpoint->port = 0;
    if (endpoint && endpoint->host == "localhost") endpoint->host = "127.0.0.1";
    return endpoint;
}

int serve(ServiceOptions options) {
    boost::asio::io_context io;
    auto work = boost::asio::make_work_guard(io);
    std::vector<std::thread> threads;
    constexpr int kHttpThreads = 2;  // a slow query does not hold up the others
    for (int i = 0; i < kHttpThreads; ++i) threads.emplace_back([&io] { io.run(); });
    const auto join = [&] {
        work.reset();
        io.stop();
        for (std::thread& thread : threads) thread.join();
    };
    // Before anything starts, so that an early signal is not lost.
    boost::asio::io_context signals_io;
    boost::asio::signal_set signals(signals_io, SIGINT, SIGTERM);
    signals.async_wait([](const boost::system::error_code&, int number) {
        spdlog::info("signal {}: stopping", number);
    });
    const std::string host = options.listen_host;
    auto service = Service::create(std::move(options));
    auto started = service ? (*service)->start(io) : tl::unexpected(service.error());
    if (!started) {
        std::cerr << "consilium-explorer: " << started.error().context << '\n';
        if (service) service->reset();
        join();
        return kFailed;
    }
    const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    std::cout << "http://" << shown << ':' << (*service)->port() << "/" << std::endl;
    signals_io.run();
    (*service)->stop();
    const bool has_diverged = (*service)->status().state == FollowState::kDiverged;
    service->reset();
    join();
    spdlog::info("stopped");
    return has_diverged ? kDiverged : kStopped;
}

int usage_error(const std::string& what) {
    std::cerr << "consilium-explorer: " << what << '\n';
    return kBadUsage;
}

int run(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "audit") return run_audit_command(argc, argv);
    CommandLine line;
    if (const auto code = parse_command_line(argc, argv, line)) return *code;
    ServiceOptions options;
    auto genesis = schema::load_genesis_file(line.genesis_file);
    if (!genesis) return usage_error(line.genesis_file + ": " + genesis.error().context);
    options.genesis = *std::move(genesis);
    for (const std::string& text : line.nodes) {
        auto endpoint = p2p::parse_endpoint(text);
        if (!endpoint) return usage_error("--node " + endpoint.error().context);
        options.nodes.push_back(*std::move(endpoint));
    }
    const auto listen = parse_listen(line.listen);
    if (!listen) return usage_error("--listen " + listen.error().context);
    options.listen_host = listen->host;
    options.listen_port = listen->port;
    options.data_dir = line.data_dir;
    options.is_reindex = line.is_reindex;
    set_up_logging(line.log_level);
    return serve(std::move(options));
}

}  // namespace
}  // namespace consilium::explorer

int main(int argc, char** argv) {
    try {
        return consilium::explorer::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "consilium-explorer: " << error.what() << '\n';
        return 1;
    }
}
