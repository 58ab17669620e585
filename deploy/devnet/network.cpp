// Command lines of the programs, their start and end, and network.json.
#include "deploy/devnet/network.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/membership.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "p2p/client/bounded_json.hpp"
#include "p2p/http_client.hpp"

namespace consilium::devnet {
namespace {

using nlohmann::json;

constexpr std::uint64_t kStartMs = 60'000;  // a loaded machine unlocks thirteen keys at once
constexpr std::uint64_t kLookMs = 100;
constexpr std::size_t kTailLines = 15;

std::string attack_text(const fl::AttackSpec& attack) {
    std::string factor = std::to_string(attack.factor);
    factor.erase(factor.find_last_not_of('0') + 1);
    if (factor.back() == '.') factor.pop_back();
    return std::string(to_string(attack.kind)) + ":" + factor;
}

Error died(Process& process) {
    return {ErrorCode::kUnavailable, process.launch().name + " " + process.ending()->text() +
                                         ". The end of its log, " + process.launch().log.string() +
                                         ":\n" + tail_of(process.launch().log, kTailLines)};
}

}  // namespace

std::string command_text(const std::vector<std::string>& command) {
    std::string text = std::filesystem::path(command.front()).filename().string();
    for (std::size_t i = 1; i < command.size(); ++i) {
        const std::string& part = command[i];
        const bool is_plain =
            !part.empty() && part.find_first_of(" '\"$()&;|") == std::string::npos;
        std::string quoted = "'";
        for (const char c : part) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
        text += " " + (is_plain ? part : quoted + "'");
    }
    return text;
}

Network::Network(const Setup& setup, Console& console) : setup_(setup), console_(console) {}

Network::~Network() {
    stop();
}

std::string Network::program(const std::string& name) const {
    return (setup_.options.programs / name).string();
}

std::string Network::explorer_url() const {
    return "http://127.0.0.1:" + number(setup_.ports.explorer()) + "/";
}

Process* Network::find(const std::string& name) {
    const auto found = processes_.find(name);
    return found == processes_.end() ? nullptr : found->second.get();
}

Result<void> Network::launch(Launch launch) {
    const std::string name = launch.name;
    auto started = Process::start(std::move(launch));
    if (!started) return tl::unexpected(started.error());
    processes_[name] = std::move(*started);
    return write_description();
}

Launch Network::node_launch(const Hospital& hospital, bool is_first) const {
    const auto folder = setup_.path(hospital.folder);
    Launch launch;
    launch.name = "node " + number(hospital.number);
    launch.command = {program("consilium-node"), "--config", (folder / "node.toml").string()};
    if (is_first) launch.command.emplace_back("--first-start");
    launch.log = folder / "node.log";
    return launch;
}

Launch Network::trainer_launch(const Hospital& hospital) const {
    const auto folder = setup_.path(hospital.folder);
    const std::string name = hospital.is_attacker ? "consilium-adversary" : "consilium-trainer";
    Launch launch;
    launch.name = "trainer " + number(hospital.number);
    launch.command = {program(name), "--genesis", setup_.path("genesis.json").string()};
    for (const auto& endpoint : setup_.all_nodes(hospital.number).endpoints) {
        launch.command.emplace_back("--node");
        launch.command.push_back(endpoint.host + ":" + std::to_string(endpoint.port));
    }
    const std::vector<std::string> rest = {
        "--keystore",      (folder / "trainer.key").string(),
        "--password-file", (folder / "trainer.password").string(),
        "--data",          (folder / "data.csv").string(),
        "--schema",        (folder / "schema.toml").string(),
        "--state-dir",     (folder / "trainer").string(),
        "--seed",          std::to_string(hospital.seed),
        "--holdout",       "0.2",
        "--log-level",     "info"};
    launch.command.insert(launch.command.end(), rest.begin(), rest.end());
    if (hospital.is_attacker) {
        launch.command.emplace_back("--attack");
        launch.command.push_back(attack_text(setup_.options.attack));
    }
    if (setup_.task.privacy) {
        launch.command.emplace_back("--policy");
        launch.command.push_back((folder / "policy.toml").string());
    }
    launch.log = folder / "trainer.log";
    return launch;
}

Launch Network::explorer_launch() const {
    Launch launch;
    launch.name = "explorer";
    launch.command = {program("consilium-explorer"), "--genesis",
                      setup_.path("genesis.json").string()};
    for (const auto& endpoint : setup_.all_nodes().endpoints) {
        launch.command.emplace_back("--node");
        launch.command.push_back(endpoint.host + ":" + std::to_string(endpoint.port));
    }
    const std::vector<std::string> rest = {"--data-dir", setup_.path("explorer").string(),
                                           "--listen",
                                           "127.0.0.1:" + number(setup_.ports.explorer())};
    launch.command.insert(launch.command.end(), rest.begin(), rest.end());
    launch.log = setup_.path("explorer.log");
    return launch;
}

Result<void> Network::start_nodes() {
    for (const Hospital& hospital : setup_.hospitals) {
        if (auto started = launch(node_launch(hospital, true)); !started) return started;
    }
    std::size_t ready = 0;
    for (const Hospital& hospital : setup_.hospitals) {
        console_.waiting("waiting for node " + number(hospital.number) + " (" + hospital.name +
                         "), " + number(ready) + " of " + number(setup_.hospitals.size()) +
                         " are up");
        if (auto up = wait_for_node(hospital, kStartMs); !up) return up;
        ++ready;
    }
    return {};
}

Result<void> Network::wait_for_node(const Hospital& hospital, std::uint64_t timeout_ms) {
    Process* process = node(hospital.number);
    const std::uint64_t begin = monotonic_ms();
    p2p::NodePool pool(setup_.only_node(hospital));
    std::string last = "it does not answer";
    while (monotonic_ms() - begin < timeout_ms) {
        if (process != nullptr && !process->is_running()) return tl::unexpected(died(*process));
        const auto answer = pool.get("/readyz");
        if (answer && answer->is_success()) return {};
        last = answer ? answer->body : answer.error().context;
        if (!pause_ms(kLookMs)) return make_error(ErrorCode::kUnavailable, "interrupted");
        console_.waiting("waiting for the node of " + hospital.name + ", " +
                         number((monotonic_ms() - begin) / 1000) + " s");
    }
    const auto log = setup_.path(hospital.folder / "node.log");
    return make_error(ErrorCode::kUnavailable,
                      "the node of " + hospital.name + " does not take part after " +
                          number(timeout_ms / 1000) + " s: " + last + "\nThe end of its log, " +
                          log.string() + ":\n" + tail_of(log, kTailLines));
}

Result<void> Network::start_trainers() {
    for (const Hospital& hospital : setup_.hospitals) {
        if (auto started = launch(trainer_launch(hospital)); !started) return started;
    }
    return {};
}

Result<void> Network::start_explorer() {
    if (auto started = launch(explorer_launch()); !started) return started;
    p2p::HttpClientOptions options;
    options.port = setup_.ports.explorer();
    options.transport = p2p::Transport::kPlain;
    options.timeout_ms = 2'000;
    p2p::NodeClient client(options);
    const std::uint64_t begin = monotonic_ms();
    while (monotonic_ms() - begin < kStartMs) {
        if (!explorer()->is_running()) return tl::unexpected(died(*explorer()));
        if (const auto answer = client.get("/"); answer && answer->is_success()) return {};
        if (!pause_ms(kLookMs)) return make_error(ErrorCode::kUnavailable, "interrupted");
        console_.waiting("waiting for the explorer, " + number((monotonic_ms() - begin) / 1000) +
                         " s");
    }
    return make_error(ErrorCode::kUnavailable, "the explorer does not answer; its log is " +
                                                   setup_.path("explorer.log").string());
}

Result<void> Network::start_again(Process& ended) {
    Launch again = ended.launch();
    std::erase(again.command, "--first-start");
    return launch(std::move(again));
}

bool Network::tell_ended() {
    std::size_t nodes = 0;
    for (auto& entry : processes_) {
        Process& process = *entry.second;
        const bool is_node = entry.first.starts_with("node ");
        if (process.is_running()) {
            nodes += is_node ? 1 : 0;
            continue;
        }
        pid_t& told = told_[entry.first];
        if (told == process.pid()) continue;
        told = process.pid();
        std::vector<std::string> again = process.launch().command;
        std::erase(again, "--first-start");
        console_.line(
            "  ! " + entry.first + " " + process.ending()->text() +
            "; the others go on. Its log: " + process.launch().log.string() +
            "\n    To start it again: " + (setup_.options.programs / command_text(again)).string());
    }
    return nodes < quorum_size(setup_.hospitals.size());
}

void Network::stop() {
    std::vector<Process*> running;
    for (auto& entry : processes_) {
        if (entry.second->is_running()) running.push_back(entry.second.get());
    }
    if (running.empty()) return;
    console_.line("stopping the " + number(running.size()) + " processes that were started here");
    // Trainers and explorer first: they would only complain about nodes that go away.
    std::stable_partition(running.begin(), running.end(), [](const Process* process) {
        return !process->launch().name.starts_with("node ");
    });
    stop_all(running);
    processes_.clear();
    console_.line("all stopped");
}

Result<void> Network::write_description() const {
    json hospitals = json::array();
    const auto describe = [&](const std::string& name) -> json {
        const auto found = processes_.find(name);
        if (found == processes_.end()) return nullptr;
        return {{"pid", found->second->pid()},
                {"log", found->second->launch().log.string()},
                {"command", found->second->launch().command}};
    };
    for (const Hospital& hospital : setup_.hospitals) {
        hospitals.push_back({{"name", hospital.name},
                             {"directory", setup_.path(hospital.folder).string()},
                             {"p2p_port", setup_.ports.p2p(hospital.number)},
                             {"api_port", setup_.ports.api(hospital.number)},
                             {"validator_key", hospital.validator.hex()},
                             {"council_key", hospital.council.hex()},
                             {"trainer_key", hospital.trainer.hex()},
                             {"is_attacker", hospital.is_attacker},
                             {"node", describe("node " + number(hospital.number))},
                             {"trainer", describe("trainer " + number(hospital.number))}});
    }
    const json description = {{"chain_id", setup_.genesis.chain_id},
                              {"genesis", setup_.path("genesis.json").string()},
                              {"genesis_hash", setup_.genesis.hash().hex()},
                              {"hospitals", std::move(hospitals)},
                              {"explorer_url", explorer_url()},
                              {"explorer", describe("explorer")}};
    return write_text(setup_.path("network.json"), description.dump(2) + "\n");
}

}  // namespace consilium::devnet
