// What the parties of the secure computation may use of the simulated world around them.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "node/driver/driver.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/random.hpp"

namespace consilium::simulation {

class Stage {
  public:
    Stage() = default;
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    Stage(Stage&&) = delete;
    Stage& operator=(Stage&&) = delete;
    virtual ~Stage() = default;

    [[nodiscard]] virtual Random& random() = 0;
    [[nodiscard]] virtual std::uint64_t now_ms() const = 0;
    virtual void schedule(std::uint64_t delay_ms, std::function<void()> action) = 0;

    [[nodiscard]] virtual std::size_t process_count() const = 0;
    [[nodiscard]] virtual driver::Driver* driver_of(std::size_t process) = 0;  // nullptr: down
    [[nodiscard]] virtual SimulatedDisk& disk_of(std::size_t process) = 0;
    // A running process that follows the protocol of the ledger, if the one drawn is.
    [[nodiscard]] virtual std::optional<std::size_t> random_process() = 0;
    virtual void feed(std::size_t process, const driver::Event& event) = 0;
    // A letter on the link between two processes, outside the ledger's frames: it may be lost, come
    // late or twice. `deliver` is called with every process of the key `to` that it reaches.
    virtual void carry(std::size_t from, const PublicKey& to,
                       const std::function<void(std::size_t)>& deliver) = 0;
    // A ProcessCrash inside ends the process, as a crash of its driver would.
    virtual void run_guarded(std::size_t process, const std::function<void()>& action) = 0;

    // The process ends at once and comes back later.
    virtual void crash(std::size_t process, std::uint64_t down_ms) = 0;
    [[nodiscard]] virtual bool is_committed(const Digest& transaction) const = 0;
    [[nodiscard]] virtual Height top() const = 0;
    virtual void count(const std::string& fault) = 0;
    virtual void fail(const std::string& what) = 0;
    virtual void log(std::size_t process, const std::string& what) = 0;
};

}  // namespace consilium::simulation
