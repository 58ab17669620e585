// The processes of a devnet: nodes, trainers, explorer; started, watched, killed, started again.
//
// DIR/network.json always tells the current pids, ports, folders, keys and command lines.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "deploy/devnet/console.hpp"
#include "deploy/devnet/process.hpp"
#include "deploy/devnet/setup.hpp"

namespace consilium::devnet {

class Network {
  public:
    // Both outlive the network.
    Network(const Setup& setup, Console& console);
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;
    ~Network();  // stops everything

    // Starts all nodes and waits until each takes part in consensus; an error names the node and
    // shows the end of its log.
    [[nodiscard]] Result<void> start_nodes();
    [[nodiscard]] Result<void> start_trainers();
    [[nodiscard]] Result<void> start_explorer();  // and waits until it answers

    // Hospitals count from 1. nullptr when it was never started.
    [[nodiscard]] Process* node(std::size_t hospital) { return find("node " + number(hospital)); }
    [[nodiscard]] Process* trainer(std::size_t hospital) {
        return find("trainer " + number(hospital));
    }
    [[nodiscard]] Process* explorer() { return find("explorer"); }
    // Starts the ended process again, as it was started, but never as if for the first time.
    [[nodiscard]] Result<void> start_again(Process& ended);
    // Waits until the node votes; an error shows the end of its log.
    [[nodiscard]] Result<void> wait_for_node(const Hospital& hospital, std::uint64_t timeout_ms);

    // Tells once of each process that ended unasked, and how to start it again. True when too few
    // nodes are left for the chain to go on.
    [[nodiscard]] bool tell_ended();
    // Stops everything that this object started; says what was stopped.
    void stop();
    [[nodiscard]] std::string explorer_url() const;

  private:
    [[nodiscard]] static std::string number(std::size_t value) { return std::to_string(value); }
    [[nodiscard]] Process* find(const std::string& name);
    [[nodiscard]] Result<void> launch(Launch launch);
    [[nodiscard]] Launch node_launch(const Hospital& hospital, bool is_first) const;
    [[nodiscard]] Launch trainer_launch(const Hospital& hospital) const;
    [[nodiscard]] Launch explorer_launch() const;
    [[nodiscard]] Result<void> write_description() const;
    [[nodiscard]] std::string program(const std::string& name) const;

    const Setup& setup_;
    Console& console_;
    std::map<std::string, std::unique_ptr<Process>> processes_;  // by the launch's name
    std::map<std::string, pid_t> told_;                          // whose end was told
};

// As a user would type it: program without its folder, arguments quoted where needed.
[[nodiscard]] std::string command_text(const std::vector<std::string>& command);

}  // namespace consilium::devnet
