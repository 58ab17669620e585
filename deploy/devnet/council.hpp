// The council's steps through real wallet commands, shown as they run.
//
// Each command is a process of consilium-wallet, run in the devnet's folder, so that what is shown
// can be typed there again.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "deploy/devnet/console.hpp"
#include "deploy/devnet/setup.hpp"

namespace consilium::devnet {

class Council {
  public:
    // Both outlive it.
    Council(const Setup& setup, Console& console) : setup_(setup), console_(console) {}

    // Registers every trainer and has it approved by floor(2c/3)+1 members of the council.
    [[nodiscard]] Result<void> admit_trainers();
    // Makes reference.bin from the public records, uploads and proposes it, and votes until it is
    // approved: its hash.
    [[nodiscard]] Result<Digest> approve_reference();
    // Proposes the task of task.json and votes until it passes.
    [[nodiscard]] Result<void> open_task();
    // Ends the MPC epoch of that number, so that one with fresh keys follows.
    [[nodiscard]] Result<void> renew_keys(std::uint64_t mpc_epoch);
    [[nodiscard]] std::size_t votes_needed() const { return 2 * setup_.hospitals.size() / 3 + 1; }
    [[nodiscard]] std::size_t commands_run() const { return commands_; }

  private:
    struct Order {
        const Hospital* hospital = nullptr;  // whose key signs, through whose node
        std::string key;                     // "council" or "trainer"
        std::vector<std::string> words;      // of the command
    };
    // Runs the proposing command and the votes that let it pass.
    [[nodiscard]] Result<void> pass(const std::vector<std::string>& proposing);
    // All at once, each of another account. Their standard outputs, in order.
    [[nodiscard]] Result<std::vector<std::string>> run(const std::vector<Order>& orders);
    [[nodiscard]] std::vector<std::string> command_of(const Order& order) const;

    const Setup& setup_;
    Console& console_;
    std::size_t commands_ = 0;
};

}  // namespace consilium::devnet
