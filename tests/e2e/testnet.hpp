// A consortium of real processes for one test: started, watched, killed, stopped at the end.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "deploy/devnet/console.hpp"
#include "deploy/devnet/network.hpp"
#include "deploy/devnet/setup.hpp"
#include "deploy/devnet/watch.hpp"

namespace consilium::devnet::test {

// Away from the demo's ports and from those that the system gives to outgoing connections.
inline constexpr std::uint16_t kTestPorts = 17'000;

class TemporaryFolder {
  public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

class Testnet {
  public:
    // Fails the current test when something cannot be started; then is_good() is false. `epsilon`:
    // with differential privacy.
    explicit Testnet(std::uint32_t rounds, std::optional<double> epsilon = std::nullopt);

    [[nodiscard]] bool is_good() const { return is_good_; }
    [[nodiscard]] const Setup& setup() const { return *setup_; }
    [[nodiscard]] Network& network() { return *network_; }
    [[nodiscard]] Console& console() { return console_; }
    // Trainers registered and approved; and the task opened, trainers and explorer started.
    void admit_trainers();
    void open_task_and_train();

    // Follows the chain until the condition holds; false after that time.
    bool follow(const std::function<bool()>& condition, std::uint64_t timeout_ms);
    [[nodiscard]] const std::vector<RoundRow>& rows() const { return rows_; }
    [[nodiscard]] Watch& watch() { return *watch_; }

    void kill(Process* process);
    void start_again(Process* process);
    // A hospital's key: validator, council or trainer.
    [[nodiscard]] KeyPair key_of(std::size_t hospital, const std::string& role) const;
    struct Committed {
        Height height;
        std::uint64_t took_ms = 0;
    };
    // Sends a transaction through node 1 (a ballot on nobody: committed, refused by its module) and
    // waits until it stands in a block. Fails the test and returns nothing when none comes.
    std::optional<Committed> commit_one(std::uint64_t patience_ms);
    // One hospital's node's answer; null when there is none.
    [[nodiscard]] nlohmann::json ask(std::size_t hospital, const std::string& target);

  private:
    void expect(const Result<void>& done);

    TemporaryFolder folder_;
    Console console_;
    std::unique_ptr<Setup> setup_;
    std::unique_ptr<Network> network_;
    std::unique_ptr<Watch> watch_;
    std::vector<RoundRow> rows_;
    std::optional<KeyPair> council_;  // of hospital 1, once it was needed
    bool is_good_ = true;
};

// Value of a metric of Prometheus' text format; 0 when it is absent.
[[nodiscard]] double metric_of(const std::string& text, const std::string& name);
[[nodiscard]] std::uint64_t resident_kib(pid_t pid);

}  // namespace consilium::devnet::test
