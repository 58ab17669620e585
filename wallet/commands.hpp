// The groups of subcommands. Each adds its subcommands, which put what is to be run into
// Session::command. Values that CLI11 parses into live as long as their shared owner.
#pragma once
#include <memory>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include "wallet/session.hpp"

namespace consilium::wallet {

void add_key_commands(CLI::App& app, Session& session);
void add_account_commands(CLI::App& app, Session& session);
void add_governance_commands(CLI::App& app, Session& session);
void add_reference_commands(CLI::App& app, Session& session);
// Into the group "propose".
void add_weight_proposal(CLI::App& group, Session& session);
void add_validator_commands(CLI::App& app, Session& session);
void add_read_commands(CLI::App& app, Session& session);
void add_transaction_commands(CLI::App& app, Session& session);

// At most 19 digits and nothing else: CLI11 by itself reads "-1", and whatever does not fit into 64
// bits, as 2^64 - 1.
[[nodiscard]] inline CLI::Validator whole_number() {
    return CLI::Validator(
        [](std::string& text) {
            const bool is_whole = !text.empty() && text.size() <= 19 &&
                                  text.find_first_not_of("0123456789") == std::string::npos;
            return is_whole ? std::string() : "\"" + text + "\" is not a whole number";
        },
        "NUMBER");
}

// A subcommand whose parsed values `Values` are passed to `run` once the line is understood.
// Returns the values to bind options to.
template <typename Values, typename Run>
Values& bind_command(CLI::App& command, Session& session, Run run) {
    // Shared: CLI11 keeps a copy of the callback, the session keeps the other.
    auto values = std::make_shared<Values>();
    command.callback([&session, values, run] {
        session.command = [&session, values, run] { return run(session, *values); };
    });
    return *values;
}

}  // namespace consilium::wallet
