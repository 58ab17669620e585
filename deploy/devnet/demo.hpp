// The demonstration: prepares, starts, lets the council act, trains, compares, reports.
#pragma once
#include "deploy/devnet/options.hpp"

namespace consilium::devnet {

// Prints to standard output, errors to standard error; returns the program's exit code. Whatever
// it started has ended when it returns.
[[nodiscard]] int run_demo(const Options& options);

}  // namespace consilium::devnet
