// What a wallet command ends with: an answer, or a failure with its cause and cure.
//
// The exit codes are part of the interface: scripts tell "failed" from "unknown" by them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "core/result.hpp"

namespace consilium::wallet {

enum class ExitCode : int {
    kOk = 0,
    kFailed = 1,       // refused, not carried out, not found, a local file does not do
    kUsage = 2,        // the command line or an input file is wrong; nothing was sent
    kUnreachable = 3,  // no node answered; nothing was sent
    kUnknown = 4,      // sent, but whether it stands or will stand in a block is not known
    kNotProven = 5,    // a node, certificate or proof is not what genesis says it must be
};

struct Failure {
    ExitCode exit = ExitCode::kFailed;
    std::string code;     // stable, for programs
    std::string message;  // the cause, for people
    std::string cure;     // what to do now
    nlohmann::json details = nullptr;
};

template <typename T>
using Fallible = tl::expected<T, Failure>;

// What a command prints on stdout: `result` with --json, otherwise `text`, or `result` rendered
// as indented lines when there is no text.
struct Answer {
    nlohmann::json result;
    std::string text;
};
using CommandResult = Fallible<Answer>;

// Where an error came from decides what it means to the user.
enum class ErrorSource : std::uint8_t { kNode, kKeyFile, kInput };
[[nodiscard]] tl::unexpected<Failure> fail_with(ErrorSource source, const Error& error);
[[nodiscard]] tl::unexpected<Failure> fail_usage(std::string message, std::string cure);

// What to do about a refusal, by its stable name (contracts/schema/codes.hpp); never empty.
[[nodiscard]] std::string_view cure_of(std::string_view code_name);

// Indented "name: value" lines for people; control characters are escaped.
[[nodiscard]] std::string render_lines(const nlohmann::json& value);
[[nodiscard]] nlohmann::json envelope(const CommandResult& result);

}  // namespace consilium::wallet
