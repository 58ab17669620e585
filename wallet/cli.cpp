// Global options, help, and the one place where answers and failures are printed.
#include "wallet/cli.hpp"

#include <algorithm>
#include <map>

#include <CLI/CLI.hpp>

#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

constexpr const char* kFooter =
    "Start here:\n"
    "  consilium-wallet key new --keystore council.key\n"
    "  consilium-wallet status --genesis genesis.json --node 127.0.0.1:27100\n"
    "  consilium-wallet accounts --pending        who waits for approval\n"
    "  consilium-wallet approve KEY --keystore council.key\n"
    "  consilium-wallet create-task --example > task.json\n"
    "\n"
    "The result goes to standard output, everything else to standard error. Passwords come from\n"
    "a prompt, --password-file or --password-fd, never from arguments or the environment.\n"
    "\n"
    "Exit codes: 0 done; 1 refused, not carried out or not found; 2 wrong usage; 3 no node\n"
    "reached, nothing sent; 4 sent, outcome unknown (ask again before repeating); 5 a node,\n"
    "certificate or proof is not what genesis says.";

void add_options(CLI::App& app, GlobalOptions& options) {
    static const std::map<std::string, Wait> waits{{"none", Wait::kNone},
                                                   {"accepted", Wait::kAccepted},
                                                   {"committed", Wait::kCommitted},
                                                   {"proven", Wait::kProven}};
    app.add_option("--genesis", options.genesis_file, "genesis.json of the chain")
        ->envname("CONSILIUM_GENESIS");
    app.add_option("--node", options.nodes, "host:port of a node's API; again for fallbacks")
        ->envname("CONSILIUM_NODE")
        ->allow_extra_args(false)
        ->capture_default_str();
    app.add_option("--node-key", options.node_keys,
                   "validator key the node must prove, one per --node; any validator's if left out")
        ->allow_extra_args(false);
    app.add_option("--keystore", options.keystore_file, "encrypted key file")
        ->envname("CONSILIUM_KEYSTORE");
    app.add_option("--password-file", options.password_file, "0600 file with the password");
    app.add_option("--password-fd", options.password_descriptor,
                   "open descriptor to read the password from");
    app.add_flag("--json", options.is_json, "print {\"ok\", \"result\" or \"error\"} on stdout");
    app.add_option("--wait", options.wait,
                   "how long to wait: none, accepted, committed, proven (default committed)")
        ->transform(CLI::CheckedTransformer(waits))
        ->option_text("WHEN");
    app.add_option("--timeout", options.timeout_s, "seconds to wait for a block")
        ->check(CLI::Range(1U, 86'400U))
        ->capture_default_str();
    app.add_option("--expiry-blocks", options.expiry_blocks,
                   "a transaction is void this many blocks from now")
        ->check(CLI::Range(1U, 1'000'000U))
        ->capture_default_str();
    app.add_flag("--generate-only", options.is_generate_only,
                 "print the transaction unsigned instead of sending it");
    app.add_option("--sender", options.sender,
                   "public key, with --generate-only in place of a key file");
}

int print(const CommandResult& result, bool is_json, Surroundings& surroundings) {
    if (is_json) {
        surroundings.out << envelope(result).dump(2, ' ', false,
                                                  nlohmann::json::error_handler_t::replace)
                         << std::endl;
    } else if (result) {
        surroundings.out << (result->text.empty() ? render_lines(result->result) : result->text)
                         << std::flush;
    } else {
        const Failure& failure = result.error();
        surroundings.err << "error: " << failure.message << " [" << failure.code << "]\n"
                         << "  cure: " << failure.cure << std::endl;
    }
    return static_cast<int>(result ? ExitCode::kOk : result.error().exit);
}

// Parses and returns the failure to print, if any; `is_help` when help was printed instead.
std::optional<Failure> parse(CLI::App& app, const std::vector<std::string>& arguments,
                             Surroundings& surroundings, bool& is_help) {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
        app.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
            is_help = true;
            app.exit(error, surroundings.out, surroundings.err);
            return std::nullopt;
        }
        return Failure{ExitCode::kUsage, "usage", error.what(),
                       "see: consilium-wallet --help, or COMMAND --help"};
    }
    return std::nullopt;
}

}  // namespace

int run_wallet(const std::vector<std::string>& arguments, Surroundings surroundings) {
    Session session(surroundings);
    CLI::App app(
        "consilium-wallet: keys, accounts, governance and verified reading of a Consilium chain",
        "consilium-wallet");
    app.footer(kFooter);
    app.fallthrough();
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "help of all commands");
    add_options(app, session.options);
    add_key_commands(app, session);
    add_account_commands(app, session);
    add_governance_commands(app, session);
    add_reference_commands(app, session);
    add_validator_commands(app, session);
    add_read_commands(app, session);
    add_transaction_commands(app, session);

    bool is_help = false;
    const auto failure = parse(app, arguments, surroundings, is_help);
    if (is_help) return static_cast<int>(ExitCode::kOk);
    if (failure) {
        // The line was not understood, so ask it directly which form of answer it wants.
        const bool wants_json =
            std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
        return print(tl::unexpected(*failure), wants_json, surroundings);
    }
    return print(session.command(), session.options.is_json, surroundings);
}

}  // namespace consilium::wallet
