// consilium-node: one hospital's validator.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "contracts/schema_json/genesis_json.hpp"
#include "node/allocator.hpp"
#include "node/api.hpp"
#include "node/config.hpp"
#include "node/mpc_thread.hpp"
#include "node/runtime.hpp"
#include "node/secret_store.hpp"
#include "wallet/keystore/hardening.hpp"
#include "wallet/keystore/key_file.hpp"
#include "wallet/keystore/password.hpp"

namespace consilium::node {
namespace {

// Exit codes, also in --help.
enum ExitCode { kStopped = 0, kFailed = 1, kBadUsage = 2, kStorageFailed = 3 };

constexpr const char* kFooter =
    R"(Every key of the configuration is a key of the TOML file, a flag, and a variable
(flag > variable > file > default). Example:

  consilium-node --config node.toml --log-level debug

--first-start says that this validator key has never voted on this chain. Give it once, for a new
hospital; never after a disk was lost or restored: then leave it out, and the node observes until
it cannot contradict a vote it may have sent.

Exit codes: 0 stopped by a signal, 1 could not start, 2 bad usage or configuration,
3 the disk failed while running.)";

struct CommandLine {
    ConfigSources sources;
    bool is_first_start = false;
};

void set_up_logging(const std::string& level) {
    auto logger = spdlog::stderr_logger_mt("node");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

std::optional<int> parse_command_line(int argc, char** argv, CommandLine& line) {
    CLI::App app(
        "Validator node of a Consilium consortium: PBFT ledger, contracts, secure computation.");
    app.footer(kFooter);
    app.set_version_flag("--version", CONSILIUM_VERSION);
    std::string file;
    app.add_option("--config", file, "TOML file with the configuration")->check(CLI::ExistingFile);
    app.add_flag("--first-start", line.is_first_start,
                 "this validator key has never voted on this chain");
    std::map<std::string, std::string> flags;
    for (const ConfigKey& key : config_keys()) {
        app.add_option(flag_name(key), flags[key.name],
                       key.meaning + (key.fallback.empty() ? "" : " [" + key.fallback + "]"));
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? kStopped : kBadUsage;
    }
    if (!file.empty()) line.sources.file = file;
    for (const ConfigKey& key : config_keys()) {
        if (app.count(flag_name(key)) > 0) line.sources.flags[key.name] = flags[key.name];
    }
    line.sources.environment = [](const std::string& name) -> std::optional<std::string> {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): before any other thread exists
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
    };
    return std::nullopt;
}

Result<KeyPair> unlock(const NodeConfig& config) {
    keystore::PasswordSource source;
    if (!config.password_file.empty()) source.file = config.password_file;
    source.prompt = "Password of " + config.keystore_file + ": ";
    auto password = keystore::read_password(source);
    if (!password) return tl::unexpected(password.error());
    return keystore::load_key_file(config.keystore_file, *password);
}

// Everything that runs, in the order in which it is taken down.
struct Services {
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<MpcThread> mpc;
    std::unique_ptr<Api> api;
};

Result<Services> start_services(const CommandLine& line, const NodeConfig& config,
                                const KeyPair& key, boost::asio::io_context& io) {
    auto genesis = schema::load_genesis_file(config.genesis_file);
    if (!genesis) return tl::unexpected(genesis.error());
    Services services;
    auto runtime = Runtime::open({config, *genesis, line.is_first_start}, key, io);
    if (!runtime) return tl::unexpected(runtime.error());
    services.runtime = std::move(*runtime);
    if (config.is_mpc_enabled) {
        auto secrets = FileSecretStore::open(config.data_dir + "/secrets", key);
        if (!secrets) return tl::unexpected(secrets.error());
        services.mpc = std::make_unique<MpcThread>(*services.runtime, key, std::move(*secrets));
    }
    auto api = Api::create(*services.runtime, key, services.mpc.get());
    if (!api) return tl::unexpected(api.error());
    services.api = std::move(*api);
    if (auto started = services.runtime->start(); !started) {
        return tl::unexpected(started.error());
    }
    if (auto started = services.api->start(io); !started) {
        services.runtime->stop();
        return tl::unexpected(started.error());
    }
    if (services.mpc) services.mpc->start();
    return services;
}

int serve(const CommandLine& line, const NodeConfig& config, const KeyPair& key) {
    boost::asio::io_context io;
    auto work = boost::asio::make_work_guard(io);
    std::vector<std::thread> threads;
    constexpr int kNetworkThreads = 2;  // handshakes of one link do not hold up the others
    for (int i = 0; i < kNetworkThreads; ++i) threads.emplace_back([&io] { io.run(); });
    const auto join = [&] {
        work.reset();
        io.stop();
        for (std::thread& thread : threads) thread.join();
    };
    auto services = start_services(line, config, key, io);
    if (!services) {
        std::cerr << "consilium-node: " << services.error().context << '\n';
        join();
        return kFailed;
    }
    spdlog::info("validator {} of chain {}: height {}, API on {}:{}, peers on {}:{}",
                 key.public_key().hex().substr(0, 16), services->runtime->identity().chain_id,
                 services->runtime->snapshot()->header.height.value, config.api_listen_host,
                 services->api->port(), config.p2p_listen_host, config.p2p_listen_port);
    boost::asio::io_context signals_io;
    boost::asio::signal_set signals(signals_io, SIGINT, SIGTERM);
    signals.async_wait([](const boost::system::error_code&, int number) {
        spdlog::info("signal {}: stopping", number);
    });
    signals_io.run();
    if (services->mpc) services->mpc->stop();
    services->api->stop();
    services->runtime->stop();
    const bool has_failed = services->runtime->status().mode == driver::DriverMode::kDegraded;
    services->api.reset();
    services->mpc.reset();
    services->runtime.reset();
    join();
    spdlog::info("stopped");
    return has_failed ? kStorageFailed : kStopped;
}

int run(int argc, char** argv) {
    bound_allocator();
    CommandLine line;
    if (const auto code = parse_command_line(argc, argv, line)) return *code;
    if (auto hardened = keystore::harden_process(); !hardened) {
        std::cerr << "consilium-node: " << hardened.error().context << '\n';
        return kFailed;
    }
    const auto swap_warning = keystore::keep_secrets_in_memory();
    const auto config = load_config(line.sources);
    if (!config) {
        std::cerr << "consilium-node: the configuration has errors:\n"
                  << config.error().context << '\n';
        return kBadUsage;
    }
    set_up_logging(config->log_level);
    if (swap_warning) spdlog::warn("{}", *swap_warning);
    const auto key = unlock(*config);
    if (!key) {
        std::cerr << "consilium-node: " << key.error().context << '\n';
        return kFailed;
    }
    return serve(line, *config, *key);
}

}  // namespace
}  // namespace consilium::node

int main(int argc, char** argv) {
    try {
        return consilium::node::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "consilium-node: " << error.what() << '\n';
        return 1;
    }
}
