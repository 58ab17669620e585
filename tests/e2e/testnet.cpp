// Implements the consortium of a test.
#include "tests/e2e/testnet.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema_json/render.hpp"
#include "deploy/devnet/council.hpp"
#include "deploy/devnet/interrupt.hpp"
#include "p2p/client/bounded_json.hpp"
#include "p2p/client/transaction_sender.hpp"
#include "wallet/keystore/key_file.hpp"
#include "wallet/keystore/password.hpp"

namespace consilium::devnet::test {

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "devnet-e2e-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Testnet::Testnet(std::uint32_t rounds, std::optional<double> epsilon) {
    Options options;
    options.rounds = rounds;
    options.epsilon = epsilon;
    options.directory = folder_.path() / "net";
    options.programs = CONSILIUM_PROGRAMS;
    options.first_port = kTestPorts;
    auto prepared = prepare(options, [](const std::string&) {});
    if (!prepared) {
        is_good_ = false;
        ADD_FAILURE() << prepared.error().context;
        return;
    }
    setup_ = std::move(*prepared);
    // An absent trainer is waited for: not longer than a test has patience for.
    setup_->task.windows.pledge = {.blocks = 8, .ms = 6'000};
    setup_->task.windows.submit = {.blocks = 8, .ms = 4'000};
    setup_->task.windows.range = {.blocks = 8, .ms = 4'000};
    expect(write_text(setup_->path("task.json"), schema::to_json_value(setup_->task).dump(2)));
    network_ = std::make_unique<Network>(*setup_, console_);
    expect(network_->start_nodes());
}

void Testnet::expect(const Result<void>& done) {
    if (done) return;
    is_good_ = false;
    ADD_FAILURE() << done.error().context;
}

void Testnet::admit_trainers() {
    Council council(*setup_, console_);
    expect(council.admit_trainers());
}

void Testnet::open_task_and_train() {
    Council council(*setup_, console_);
    expect(council.open_task());
    expect(network_->start_trainers());
    expect(network_->start_explorer());
    watch_ = std::make_unique<Watch>(*setup_);
}

bool Testnet::follow(const std::function<bool()>& condition, std::uint64_t timeout_ms) {
    const std::uint64_t end = monotonic_ms() + timeout_ms;
    while (monotonic_ms() < end) {
        auto rows = watch_->advance();
        if (rows) {
            for (RoundRow& row : *rows) rows_.push_back(std::move(row));
            if (condition()) return true;
            console_.waiting(watch_->waiting_for());
        }
        (void)pause_ms(50);
    }
    return false;
}

void Testnet::kill(Process* process) {
    ASSERT_NE(process, nullptr);
    console_.line("kill -9 " + process->launch().name);
    process->send_signal(SIGKILL);
    ASSERT_TRUE(process->wait(5'000).has_value());
}

void Testnet::start_again(Process* process) {
    ASSERT_NE(process, nullptr);
    console_.line("start again: " + process->launch().name);
    expect(network_->start_again(*process));
}

KeyPair Testnet::key_of(std::size_t hospital, const std::string& role) const {
    const auto folder = setup_->path(setup_->hospitals.at(hospital - 1).folder);
    keystore::PasswordSource source;
    source.file = (folder / (role + ".password")).string();
    const auto password = keystore::read_password(source);
    CHECK(password.has_value());
    auto key = keystore::load_key_file((folder / (role + ".key")).string(), *password);
    CHECK(key.has_value());
    return std::move(*key);
}

std::optional<Testnet::Committed> Testnet::commit_one(std::uint64_t patience_ms) {
    if (!council_) council_.emplace(key_of(1, "council"));
    p2p::NodePool pool(setup_->only_node(setup_->hospitals[0]));
    p2p::SenderOptions options;
    options.timeout_ms = patience_ms;
    options.poll_ms = 20;
    p2p::TransactionSender sender(pool, setup_->genesis.identity(), options);
    const std::uint64_t begun = monotonic_ms();
    const auto outcome = sender.execute(
        *council_,
        {static_cast<std::uint16_t>(schema::Module::kRegistration), schema::action::kApprove,
         encode(schema::AccountBallot{setup_->hospitals[0].validator})},
        p2p::WaitFor::kCommitted);
    if (!outcome || outcome->state != p2p::SendState::kCommitted) {
        ADD_FAILURE() << "no block in time: "
                      << (outcome ? outcome->code + " " + outcome->detail
                                  : outcome.error().context);
        return std::nullopt;
    }
    return Committed{outcome->height, monotonic_ms() - begun};
}

nlohmann::json Testnet::ask(std::size_t hospital, const std::string& target) {
    p2p::NodePool node(setup_->only_node(setup_->hospitals.at(hospital - 1)));
    const auto answer = node.get(target);
    if (!answer || !answer->is_success()) return nullptr;
    return p2p::parse_bounded_json(answer->body).value_or(nlohmann::json());
}

double metric_of(const std::string& text, const std::string& name) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(name + " ")) return std::atof(line.c_str() + name.size() + 1);
    }
    return 0;
}

std::uint64_t resident_kib(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
    }
    return 0;
}

}  // namespace consilium::devnet::test
