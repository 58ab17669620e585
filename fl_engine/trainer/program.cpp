// Options, start-up and the loop around Trainer::tick().
#include "fl_engine/trainer/program.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "contracts/schema_json/genesis_json.hpp"
#include "fl_engine/trainer/trainer.hpp"
#include "p2p/client/bounded_json.hpp"
#include "p2p/client/node_pool.hpp"
#include "wallet/keystore/hardening.hpp"
#include "wallet/keystore/key_file.hpp"
#include "wallet/keystore/password.hpp"

namespace consilium::trainer {
namespace {

enum ExitCode { kStopped = 0, kFailed = 1, kBadUsage = 2, kRefusedByPolicy = 3 };

// Set by the signal handler only; clients and waits look at it.
std::atomic<bool> stop_requested{false};

constexpr std::uint64_t kPollMs = 100;     // between looks at the chain's height
constexpr std::uint64_t kIdleMs = 2'000;   // looks at the state although the height stands still
constexpr std::uint64_t kRetryMs = 1'000;  // after an error

constexpr const char* kFooter =
    R"(The trainer runs beside the patient data. It reads one
CSV file with a declared schema, trains in the rounds that the council opened, and sends only masked
updates. Example:

  consilium-trainer --genesis genesis.json --node 127.0.0.1:27100 \
      --keystore trainer.key --password-file trainer.password \
      --data patients.csv --schema schema.toml --state-dir /var/lib/consilium-trainer

The first --node should be your own hospital's; give more so that one node that is down or withholds
your update does no harm. The key must be registered and approved as a trainer (consilium-wallet).
Without --password-file the program asks for the password.

With --policy the hospital's own rules and its budget of differential privacy are kept whatever the
council decides: a round that breaks them is skipped and the log says why. What noise has cost is
counted in --state-dir in any case. The keys of the file stand in fl_engine/trainer/site_policy.hpp.

Exit codes: 0 stopped by a signal, 1 could not start, 2 bad usage, 3 the site policy refuses the
data.)";

struct Arguments {
    std::string genesis_file;
    std::vector<std::string> nodes;
    std::string keystore_file;
    std::string password_file;
    std::string state_dir;
    std::string log_level = "info";
    std::string deviation;
    std::string policy_file;
    LearnerOptions learner;
};

std::optional<int> parse(int argc, char** argv, const ProgramDescription& description,
                         Arguments& arguments) {
    CLI::App app(description.summary, description.name);
    app.footer(kFooter);
    app.add_option("--genesis", arguments.genesis_file, "genesis.json of the chain")->required();
    app.add_option(
           "--node", arguments.nodes,
           "host:port of a node's API, =KEY behind it when it has to prove this validator key and "
           "no other's; repeat for more")
        ->required();
    app.add_option("--keystore", arguments.keystore_file, "encrypted trainer key")->required();
    app.add_option("--password-file", arguments.password_file, "file with the keystore's password");
    app.add_option("--data", arguments.learner.data_file, "CSV file with the hospital's rows")
        ->required();
    app.add_option("--schema", arguments.learner.schema_file, "schema of the CSV file (TOML)")
        ->required();
    app.add_option("--state-dir", arguments.state_dir, "folder for sealed keys and updates")
        ->required();
    app.add_option("--seed", arguments.learner.seed, "seed of training and hold-out [1]");
    app.add_option("--holdout", arguments.learner.holdout,
                   "share of rows kept for the metrics that go on chain [0.2]")
        ->check(CLI::Range(0.0, 0.9));
    app.add_option("--policy", arguments.policy_file,
                   "what this site takes part in (TOML); without it, in everything");
    app.add_option("--log-level", arguments.log_level, "debug, info, warn or error [info]")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    if (description.deviation) {
        app.add_option(description.deviation->flag, arguments.deviation,
                       description.deviation->help);
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kStopped : kBadUsage;
    }
    return std::nullopt;
}

void set_up_logging(const Arguments& arguments) {
    auto logger = spdlog::stderr_logger_mt("trainer");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    logger->set_level(spdlog::level::from_str(arguments.log_level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

Result<KeyPair> unlock(const Arguments& arguments) {
    keystore::PasswordSource source;
    if (!arguments.password_file.empty()) source.file = arguments.password_file;
    source.prompt = "Password of " + arguments.keystore_file + ": ";
    auto password = keystore::read_password(source);
    if (!password) return tl::unexpected(password.error());
    return keystore::load_key_file(arguments.keystore_file, *password);
}

Result<p2p::NodePoolOptions> pool_options(const Arguments& arguments, const Genesis& genesis) {
    p2p::NodePoolOptions options;
    options.genesis = genesis;
    options.cancel_flag = &stop_requested;
    for (const std::string& node : arguments.nodes) {
        auto endpoint = p2p::parse_endpoint(node);
        if (!endpoint) return tl::unexpected(endpoint.error());
        options.endpoints.push_back(std::move(*endpoint));
    }
    return options;
}

TimeMs wall_time() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return TimeMs{static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count())};
}

// The height that the node tells; a hint for when to look, nothing more.
std::uint64_t told_height(p2p::NodePool& nodes) {
    const auto answer = nodes.get("/v1/status");
    if (!answer) return 0;
    const auto status = p2p::parse_bounded_json(answer->body);
    if (!status || !status->is_object()) return 0;
    const auto height = status->find("height");
    return height != status->end() && height->is_number_unsigned() ? height->get<std::uint64_t>()
                                                                   : 0;
}

void loop(Trainer& trainer, p2p::NodePool& nodes) {
    std::uint64_t seen_height = 0;
    std::uint64_t seen_at_ms = 0;
    while (!stop_requested) {
        const std::uint64_t height = told_height(nodes);
        const bool is_idle = height == seen_height && nodes.now_ms() - seen_at_ms < kIdleMs;
        if (is_idle) {
            nodes.pause_ms(kPollMs);
            continue;
        }
        seen_height = height;
        seen_at_ms = nodes.now_ms();
        const auto done = trainer.tick();
        if (done || stop_requested) continue;
        spdlog::warn("{}", done.error().context);
        seen_at_ms = 0;  // what failed is due again, also at this height
        nodes.pause_ms(kRetryMs);
    }
}

Result<std::optional<SitePolicy>> read_policy(const Arguments& arguments) {
    if (arguments.policy_file.empty()) return std::optional<SitePolicy>();
    auto policy = load_site_policy(arguments.policy_file);
    if (!policy) return tl::unexpected(policy.error());
    return std::optional<SitePolicy>(std::move(*policy));
}

// `failure` is the code to exit with when this returns an error.
Result<void> serve(Arguments& arguments, const ProgramDescription& description, ExitCode& failure) {
    auto genesis = schema::load_genesis_file(arguments.genesis_file);
    if (!genesis) return tl::unexpected(genesis.error());
    const auto key = unlock(arguments);
    if (!key) return tl::unexpected(key.error());
    auto sealer = std::make_unique<UpdateSealer>();
    if (description.deviation && !arguments.deviation.empty()) {
        auto deviation = description.deviation->make(arguments.deviation, arguments.learner.seed);
        if (!deviation) return tl::unexpected(deviation.error());
        arguments.learner.deviation = std::move(*deviation);
        if (description.deviation->make_sealer) {
            auto made = description.deviation->make_sealer(arguments.deviation);
            if (!made) return tl::unexpected(made.error());
            if (*made) sealer = std::move(*made);
        }
    }
    auto learner = Learner::load(arguments.learner);
    if (!learner) return tl::unexpected(learner.error());
    auto policy = read_policy(arguments);
    if (!policy) return tl::unexpected(policy.error());
    if (*policy) {
        const std::size_t rows = learner->training_rows() + learner->held_out_rows();
        if (auto allowed = check_rows(**policy, rows); !allowed) {
            failure = kRefusedByPolicy;
            return allowed;
        }
    }
    auto vault = Vault::open(arguments.state_dir, *key);
    if (!vault) return tl::unexpected(vault.error());
    auto options = pool_options(arguments, *genesis);
    if (!options) return tl::unexpected(options.error());
    p2p::NodePool nodes(std::move(*options));
    spdlog::info("trainer {}: {} rows to train on, {} held out",
                 key->public_key().hex().substr(0, 16), learner->training_rows(),
                 learner->held_out_rows());
    SiteGuard guard(std::move(*policy), *vault);
    Trainer trainer({nodes, *genesis, *key, *vault, *learner, *sealer, guard, wall_time,
                     [](const std::string& line) { spdlog::info("{}", line); }});
    loop(trainer, nodes);
    spdlog::info("stopped");
    return {};
}

}  // namespace

int run_program(int argc, char** argv, const ProgramDescription& description) {
    Arguments arguments;
    if (const auto code = parse(argc, argv, description, arguments)) return *code;
    if (auto hardened = keystore::harden_process(); !hardened) {
        std::cerr << description.name << ": " << hardened.error().context << '\n';
        return kFailed;
    }
    const auto swap_warning = keystore::keep_secrets_in_memory();
    set_up_logging(arguments);
    if (swap_warning) spdlog::warn("{}", *swap_warning);
    const auto request_stop = [](int) { stop_requested = true; };
    std::signal(SIGINT, request_stop);
    std::signal(SIGTERM, request_stop);
    ExitCode failure = kFailed;
    if (auto served = serve(arguments, description, failure); !served) {
        std::cerr << description.name << ": " << served.error().context << '\n';
        return failure;
    }
    return kStopped;
}

}  // namespace consilium::trainer
