// The laboratory as a program: runs what was asked for, shows progress, prints and writes tables.
#pragma once
#include <atomic>

namespace consilium::lab {

// Exit code: 0 done, 1 something failed, 2 wrong usage, 130 `stop` became true on the way.
[[nodiscard]] int run_lab(int argc, const char* const* argv, const std::atomic<bool>& stop);

}  // namespace consilium::lab
