// consilium-wallet: keys, transactions, governance and verified reading.
#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "wallet/cli.hpp"
#include "wallet/keystore/hardening.hpp"

int main(int argc, char** argv) {
    using namespace consilium;
    if (auto hardened = keystore::harden_process(); !hardened) {
        std::cerr << "error: " << hardened.error().context << std::endl;
        return static_cast<int>(wallet::ExitCode::kFailed);
    }
    if (const auto warning = keystore::keep_secrets_in_memory()) {
        std::cerr << "warning: " << *warning << std::endl;
    }
    // A node that closes its connection is an error to report, not a reason to die.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return wallet::run_wallet(std::vector<std::string>(argv + 1, argv + argc),
                                  wallet::real_surroundings());
    } catch (const std::exception& exception) {
        std::cerr << "error: " << exception.what() << " [internal]" << std::endl;
        return static_cast<int>(wallet::ExitCode::kFailed);
    }
}
