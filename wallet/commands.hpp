// The groups of subcommands. Each adds its subcommands, which put what is to be run into
// Session::command. Values that CLI11 parses into live as long as their shared owner.
#pragma once
#include <memory>
#include <string>

#include <CLI/App.hpp>

#include "wallet/session.hpp"

namespace consilium::wallet {

void add_key_commands(CLI::App& app, Session& session);
void add_account_commands(CLI::App& app, Session& session);
void add_governance_commands(CLI::App& app, Session& session);
void add_read_commands(CLI::App& app, Session& session);
void add_transaction_commands(CLI::App& app, Session& session);

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
