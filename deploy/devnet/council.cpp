// Runs consilium-wallet and reads its answers.
#include "deploy/devnet/council.hpp"

#include <fstream>
#include <memory>
#include <sstream>

#include <nlohmann/json.hpp>

#include "deploy/devnet/interrupt.hpp"
#include "deploy/devnet/network.hpp"
#include "deploy/devnet/process.hpp"
#include "p2p/client/bounded_json.hpp"

namespace consilium::devnet {
namespace {

constexpr std::uint64_t kWalletMs = 120'000;  // the wallet itself gives up after 60 s

std::string read_text(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

}  // namespace

std::vector<std::string> Council::command_of(const Order& order) const {
    std::vector<std::string> command = {(setup_.options.programs / "consilium-wallet").string()};
    command.insert(command.end(), order.words.begin(), order.words.end());
    const std::string stem = (order.hospital->folder / order.key).string();
    const std::vector<std::string> rest = {
        "--genesis",  "genesis.json", "--node",          setup_.node_address(*order.hospital),
        "--keystore", stem + ".key",  "--password-file", stem + ".password"};
    command.insert(command.end(), rest.begin(), rest.end());
    return command;
}

Result<std::vector<std::string>> Council::run(const std::vector<Order>& orders) {
    std::vector<std::unique_ptr<Process>> running;
    for (const Order& order : orders) {
        Launch launch;
        launch.name = "wallet " + std::to_string(++commands_);
        launch.command = command_of(order);
        console_.line("  $ " + command_text(launch.command));
        launch.command.emplace_back("--json");
        launch.folder = setup_.directory.path();
        const std::string stem = "wallet-" + std::to_string(commands_);
        launch.log = setup_.path("wallet.log");
        launch.output = setup_.path(stem + ".json");
        auto started = Process::start(std::move(launch));
        if (!started) return tl::unexpected(started.error());
        running.push_back(std::move(*started));
    }
    std::vector<std::string> outputs;
    for (const auto& process : running) {
        const std::uint64_t begin = monotonic_ms();
        while (process->is_running() && monotonic_ms() - begin < kWalletMs) {
            if (!pause_ms(20)) return make_error(ErrorCode::kUnavailable, "interrupted");
            console_.waiting("waiting for the wallet's transaction to stand in a block, " +
                             std::to_string((monotonic_ms() - begin) / 1000) + " s");
        }
        const auto ending = process->ending();
        const std::string output = read_text(process->launch().output);
        std::error_code ignored;
        std::filesystem::remove(process->launch().output, ignored);
        if (!ending || ending->code != 0 || ending->signal != 0) {
            return make_error(ErrorCode::kRefused, "the wallet " +
                                                       (ending ? ending->text() : "did not end") +
                                                       ". Its answer:\n" + output);
        }
        outputs.push_back(output);
    }
    return outputs;
}

Result<void> Council::admit_trainers() {
    std::vector<Order> registrations;
    for (const Hospital& hospital : setup_.hospitals) {
        registrations.push_back(
            {&hospital,
             "trainer",
             {"register", "--role", "trainer", "--organisation", hospital.name}});
    }
    if (auto done = run(registrations); !done) return tl::unexpected(done.error());
    for (const Hospital& applicant : setup_.hospitals) {
        std::vector<Order> ballots;
        for (std::size_t i = 0; i < votes_needed(); ++i) {
            // The next ones in the circle: everybody votes equally often.
            const std::size_t voter = (applicant.number + i) % setup_.hospitals.size();
            ballots.push_back(
                {&setup_.hospitals[voter], "council", {"approve", applicant.trainer.hex()}});
        }
        if (auto done = run(ballots); !done) return tl::unexpected(done.error());
    }
    return {};
}

Result<void> Council::pass(const std::vector<std::string>& proposing) {
    const auto proposed = run({{&setup_.hospitals.front(), "council", proposing}});
    if (!proposed) return tl::unexpected(proposed.error());
    const auto answer = p2p::parse_bounded_json(proposed->front());
    if (!answer || !answer->contains("result") || !answer->at("result").contains("proposal")) {
        return make_error(ErrorCode::kMalformed,
                          "the wallet does not name the proposal: " + proposed->front());
    }
    const std::string proposal = answer->at("result").at("proposal").dump();
    std::vector<Order> votes;
    for (std::size_t i = 1; i < votes_needed(); ++i) {
        votes.push_back({&setup_.hospitals[i], "council", {"vote", proposal, "yes"}});
    }
    if (auto done = run(votes); !done) return tl::unexpected(done.error());
    return {};
}

Result<Digest> Council::approve_reference() {
    const auto built =
        run({{&setup_.hospitals.front(),
              "council",
              {"reference-set", "build", "--data", "reference.csv", "--schema", "reference.toml",
               "--name", setup_.task.data_schema, "--out", "reference.bin"}}});
    if (!built) return tl::unexpected(built.error());
    const auto answer = p2p::parse_bounded_json(built->front());
    const auto hash = answer && answer->contains("result")
                          ? decode_digest_hex(answer->at("result").value("sha256", std::string()))
                          : Result<Digest>(make_error(ErrorCode::kMalformed, "no answer"));
    if (!hash) {
        return make_error(ErrorCode::kMalformed,
                          "the wallet does not name the reference set: " + built->front());
    }
    if (auto done = pass({"reference-set", "propose", "reference.bin"}); !done) {
        return tl::unexpected(done.error());
    }
    return *hash;
}

Result<void> Council::open_task() {
    return pass({"create-task", "task.json"});
}

Result<void> Council::renew_keys(std::uint64_t mpc_epoch) {
    return pass({"propose", "open-mpc-epoch", std::to_string(mpc_epoch)});
}

}  // namespace consilium::devnet
