// The signal handler's flag, and waits that look at it.
#include "deploy/devnet/interrupt.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

namespace consilium::devnet {
namespace {

std::atomic<bool> stop_requested{false};

}  // namespace

void catch_stop_signals() {
    const auto request_stop = [](int) { stop_requested = true; };
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, request_stop);
}

const std::atomic<bool>& stop_flag() {
    return stop_requested;
}

bool pause_ms(std::uint64_t duration_ms) {
    constexpr std::uint64_t kSliceMs = 50;
    while (duration_ms > 0 && !stop_requested) {
        const std::uint64_t slice = std::min(duration_ms, kSliceMs);
        std::this_thread::sleep_for(std::chrono::milliseconds(slice));
        duration_ms -= slice;
    }
    return !stop_requested;
}

std::uint64_t monotonic_ms() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

}  // namespace consilium::devnet
