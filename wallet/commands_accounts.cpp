// register, approve, reject, suspend, reinstate, retire.
#include <CLI/CLI.hpp>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/names.hpp"
#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

struct Registration {
    std::string role = "trainer";
    std::string organisation;
};
struct Target {
    std::string account;
};

std::optional<schema::Role> find_role(std::string_view name) {
    for (const schema::Role role : {schema::Role::kCouncil, schema::Role::kOperator,
                                    schema::Role::kTrainer, schema::Role::kAuditor}) {
        if (to_string(role) == name) return role;
    }
    return std::nullopt;
}

CommandResult register_account(Session& session, const Registration& values) {
    const auto role = find_role(values.role);
    if (!role) return fail_usage("no role \"" + values.role + "\"", "see --help");
    if (!schema::is_valid_name(values.organisation)) {
        return fail_usage("\"" + values.organisation + "\" is no name of an organisation",
                          std::string(cure_of("name_invalid")));
    }
    return session.carry_out({"registration", "register",
                              encode(schema::Register{*role, values.organisation}),
                              "registering a " + values.role + " of " + values.organisation});
}

// Each ballot command is the same but for its action.
auto ballot_on(const char* action, const char* doing) {
    return [action, doing](Session& session, const Target& values) -> CommandResult {
        const auto account = decode_public_key_hex(values.account);
        if (!account) {
            return fail_usage(
                "\"" + values.account + "\" is no account: " + account.error().context,
                "give its public key of 64 hexadecimal digits; list them with: "
                "consilium-wallet accounts");
        }
        return session.carry_out({"registration", action, encode(schema::AccountBallot{*account}),
                                  std::string(doing) + " " + account->hex()});
    };
}

CommandResult retire(Session& session, const Target& values) {
    Target target = values;
    if (target.account.empty()) {
        const auto own = session.own_key();
        if (!own) return tl::unexpected(own.error());
        target.account = own->hex();
    }
    return ballot_on("retire", "retiring")(session, target);
}

}  // namespace

void add_account_commands(CLI::App& app, Session& session) {
    CLI::App* registering =
        app.add_subcommand("register", "ask for an account for the key in --keystore");
    Registration& registration =
        bind_command<Registration>(*registering, session, register_account);
    registering->add_option("--role", registration.role, "council, operator, trainer or auditor")
        ->check(CLI::IsMember({"council", "operator", "trainer", "auditor"}))
        ->capture_default_str();
    registering
        ->add_option("--organisation", registration.organisation,
                     "an existing one, spelled alike, or a new one")
        ->required();
    registering->footer(
        "Example: consilium-wallet register --role trainer --organisation \"St Anna\" "
        "--keystore trainer.key\nThe council then approves the key: consilium-wallet approve KEY");

    const auto add_ballot = [&](const char* name, const char* doing, const char* help) {
        CLI::App* ballot = app.add_subcommand(name, help);
        Target& target = bind_command<Target>(*ballot, session, ballot_on(name, doing));
        ballot->add_option("account", target.account, "public key, 64 hexadecimal digits")
            ->required();
    };
    add_ballot("approve", "approving", "council: vote to approve a pending account");
    add_ballot("reject", "rejecting", "council: vote to reject a pending account");
    add_ballot("suspend", "suspending", "council: vote to suspend an approved account");
    add_ballot("reinstate", "reinstating", "council: vote to reinstate a suspended account");
    CLI::App* retiring =
        app.add_subcommand("retire", "retire your own account, or council: vote to retire another");
    Target& retired = bind_command<Target>(*retiring, session, retire);
    retiring->add_option("account", retired.account, "public key; yours when left out");
}

}  // namespace consilium::wallet
