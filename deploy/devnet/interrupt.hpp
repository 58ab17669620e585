// Whether the user asked the program to stop; waits end when it is so.
#pragma once
#include <atomic>
#include <cstdint>

namespace consilium::devnet {

// SIGINT, SIGTERM and SIGHUP set the flag from now on.
void catch_stop_signals();
[[nodiscard]] const std::atomic<bool>& stop_flag();
// Returns early, and false, when the user asked to stop.
bool pause_ms(std::uint64_t duration_ms);
[[nodiscard]] std::uint64_t monotonic_ms();

}  // namespace consilium::devnet
