// fork, exec, wait and kill.
#include "deploy/devnet/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>
#include <thread>

#include "deploy/devnet/interrupt.hpp"

namespace consilium::devnet {
namespace {

constexpr std::uint64_t kStopGraceMs = 5'000;
constexpr std::uint64_t kLookMs = 10;
constexpr int kExecFailed = 127;

// Waits go on while the user waits for the end: they must not stop at the flag of Ctrl-C.
void sleep_ms(std::uint64_t duration_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms));
}

struct ChildStart {
    char* const* arguments;
    const char* folder;  // or nullptr
    pid_t parent;
    const int* streams;
};

// The child's side: system calls that are safe after fork(), nothing else.
[[noreturn]] void become(const ChildStart& start) {
    if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || ::getppid() != start.parent) {
        ::_exit(kExecFailed);
    }
    if (::setpgid(0, 0) != 0) ::_exit(kExecFailed);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int target = 0; target < 3; ++target) {
        if (::dup2(start.streams[target], target) < 0) ::_exit(kExecFailed);
    }
    if (start.folder != nullptr && ::chdir(start.folder) != 0) ::_exit(kExecFailed);
    ::execv(start.arguments[0], start.arguments);
    ::_exit(kExecFailed);
}

Result<int> open_file(const std::filesystem::path& path, int flags) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return make_error(ErrorCode::kUnavailable, path.string() + ": " + std::strerror(errno));
    }
    return descriptor;
}

struct Streams {
    int descriptors[3] = {-1, -1, -1};
    Streams() = default;
    Streams(const Streams&) = delete;
    Streams& operator=(const Streams&) = delete;
    ~Streams() {
        for (const int descriptor : descriptors) {
            if (descriptor >= 0) ::close(descriptor);
        }
    }
};

Result<void> open_streams(const Launch& launch, Streams& streams) {
    constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;
    const auto none = open_file("/dev/null", O_RDONLY);
    if (!none) return tl::unexpected(none.error());
    streams.descriptors[0] = *none;
    const auto output = launch.output.empty()
                            ? open_file(launch.log, kAppend)
                            : open_file(launch.output, O_WRONLY | O_CREAT | O_TRUNC);
    if (!output) return tl::unexpected(output.error());
    streams.descriptors[1] = *output;
    const auto log = open_file(launch.log, kAppend);
    if (!log) return tl::unexpected(log.error());
    streams.descriptors[2] = *log;
    return {};
}

}  // namespace

std::string Ending::text() const {
    if (signal != 0) {
        return "ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    }
    return "ended with code " + std::to_string(code);
}

Result<std::unique_ptr<Process>> Process::start(Launch launch) {
    if (::access(launch.command.front().c_str(), X_OK) != 0) {
        return make_error(ErrorCode::kNotFound,
                          "cannot start " + launch.name + ": there is no program " +
                              launch.command.front() + "; build it with ./run build");
    }
    Streams streams;
    if (auto opened = open_streams(launch, streams); !opened) {
        return tl::unexpected(opened.error());
    }
    std::vector<char*> arguments;
    for (std::string& part : launch.command) arguments.push_back(part.data());
    arguments.push_back(nullptr);
    const ChildStart child{arguments.data(),
                           launch.folder.empty() ? nullptr : launch.folder.c_str(), ::getpid(),
                           streams.descriptors};
    const pid_t pid = ::fork();
    if (pid == 0) become(child);
    if (pid < 0) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot start " + launch.name + ": " + std::strerror(errno));
    }
    return std::unique_ptr<Process>(new Process(std::move(launch), pid));
}

Process::~Process() {
    send_signal(SIGKILL);
    while (!ending()) sleep_ms(kLookMs);
}

std::optional<Ending> Process::ending() {
    if (ending_) return ending_;
    int status = 0;
    const pid_t found = ::waitpid(pid_, &status, WNOHANG);
    if (found == 0) return std::nullopt;
    if (found == pid_) {
        ending_ =
            WIFSIGNALED(status) ? Ending{0, WTERMSIG(status)} : Ending{WEXITSTATUS(status), 0};
    } else if (errno != EINTR) {
        ending_ = Ending{-1, 0};  // nobody's child any more: it is gone
    }
    return ending_;
}

void Process::send_signal(int number) {
    // A child that was not reaped keeps its number, so this cannot hit a stranger.
    if (is_running()) ::kill(pid_, number);
}

std::optional<Ending> Process::wait(std::uint64_t timeout_ms) {
    const std::uint64_t end = monotonic_ms() + timeout_ms;
    while (!ending() && monotonic_ms() < end) sleep_ms(kLookMs);
    return ending();
}

std::string tail_of(const std::filesystem::path& file, std::size_t lines) {
    std::ifstream stream(file);
    std::deque<std::string> last;
    for (std::string line; std::getline(stream, line);) {
        last.push_back("    " + line + "\n");
        if (last.size() > lines) last.pop_front();
    }
    std::string text;
    for (const std::string& line : last) text += line;
    return text;
}

void stop_all(const std::vector<Process*>& processes) {
    for (Process* process : processes) process->send_signal(SIGTERM);
    const std::uint64_t end = monotonic_ms() + kStopGraceMs;
    for (Process* process : processes) {
        const std::uint64_t now = monotonic_ms();
        (void)process->wait(now < end ? end - now : 0);
    }
    for (Process* process : processes) {
        process->send_signal(SIGKILL);
        (void)process->wait(kStopGraceMs);
    }
}

}  // namespace consilium::devnet
