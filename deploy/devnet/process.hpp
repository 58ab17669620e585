// Child processes: started, watched, and stopped with certainty; no other process is ever touched.
//
// A child runs in a process group of its own, so that Ctrl-C reaches the launcher only, which then
// stops the children in order; it gets SIGTERM from the kernel should the launcher die first. Start
// children from one thread only: the kernel ties that signal to the thread that started them.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace consilium::devnet {

struct Launch {
    std::string name;                  // for people, such as "node 2"
    std::vector<std::string> command;  // program and arguments
    std::filesystem::path log;         // stderr goes here, appended
    std::filesystem::path output;      // stdout goes here; empty: to the log
    std::filesystem::path folder;      // to run in; empty: the launcher's
};

// How a process ended.
struct Ending {
    int code = 0;    // exit code, meaningful when signal is 0
    int signal = 0;  // that ended it, or 0
    [[nodiscard]] std::string text() const;
};

class Process {
  public:
    // kUnavailable when it cannot be started.
    [[nodiscard]] static Result<std::unique_ptr<Process>> start(Launch launch);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();  // kills and reaps what still runs

    [[nodiscard]] const Launch& launch() const { return launch_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    // nullopt while it runs.
    [[nodiscard]] std::optional<Ending> ending();
    [[nodiscard]] bool is_running() { return !ending(); }
    // Only while it runs; a number that the system may have given to somebody else is never used.
    void send_signal(int number);
    // nullopt when it still runs after that time.
    [[nodiscard]] std::optional<Ending> wait(std::uint64_t timeout_ms);

  private:
    Process(Launch launch, pid_t pid) : launch_(std::move(launch)), pid_(pid) {}

    Launch launch_;
    pid_t pid_;
    std::optional<Ending> ending_;
};

// The last lines of a text file, for messages; empty when there is none.
[[nodiscard]] std::string tail_of(const std::filesystem::path& file, std::size_t lines);

// SIGTERM to all that run, SIGKILL to those that still do after five seconds.
void stop_all(const std::vector<Process*>& processes);

}  // namespace consilium::devnet
