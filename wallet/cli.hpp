// The command line of consilium-wallet.
#pragma once
#include <string>
#include <vector>

#include "wallet/session.hpp"

namespace consilium::wallet {

// Parses, runs one command, prints its answer to `out` or its failure to `err` (with --json the
// envelope to `out` in both cases) and returns the exit code. `arguments` without the program name.
[[nodiscard]] int run_wallet(const std::vector<std::string>& arguments, Surroundings surroundings);

}  // namespace consilium::wallet
