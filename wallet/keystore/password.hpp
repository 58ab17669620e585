// Where a password comes from: the terminal, an open descriptor or a file.
//
// Never from the command line or the environment, which other users and child processes can read.
// One trailing line end is dropped; everything else counts.
#pragma once
#include <optional>
#include <string>

#include "core/result.hpp"
#include "core/secret.hpp"

namespace consilium::keystore {

// The first one set wins: descriptor, file, then the terminal.
struct PasswordSource {
    std::optional<int> descriptor;    // read to its end or first line end
    std::optional<std::string> file;  // refused when group or others may read it
    std::string prompt = "Password: ";
    bool confirm = false;  // at the terminal: ask twice, for a new key
};

// kRefused: empty, cancelled, not repeated alike, or a file open to others. kLimitExceeded: longer
// than kPasswordBytesMax. kUnavailable: no terminal to ask at.
[[nodiscard]] Result<SecretBytes> read_password(const PasswordSource& source);

}  // namespace consilium::keystore
