// register, approve, reject, suspend, reinstate, retire, rotate-key, invite.
#include <CLI/CLI.hpp>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/invitation.hpp"
#include "contracts/schema/names.hpp"
#include "contracts/schema/rotation.hpp"
#include "wallet/commands.hpp"
#include "wallet/keystore/key_file.hpp"

namespace consilium::wallet {
namespace {

struct Registration {
    std::string role = "trainer";
    std::string organisation;
};
struct Target {
    std::string account;
};
struct Guest {
    std::string account;
    Registration registration;
};
struct Rotation {
    std::string keystore;
    std::string password_file;
};

std::optional<schema::Role> find_role(std::string_view name) {
    for (const schema::Role role :
         {schema::Role::kValidator, schema::Role::kCouncil, schema::Role::kOperator,
          schema::Role::kTrainer, schema::Role::kAuditor}) {
        if (to_string(role) == name) return role;
    }
    return std::nullopt;
}

Fallible<schema::Register> parse(const Registration& values) {
    const auto role = find_role(values.role);
    if (!role) return fail_usage("no role \"" + values.role + "\"", "see --help");
    if (!schema::is_valid_name(values.organisation)) {
        return fail_usage("\"" + values.organisation + "\" is no name of an organisation",
                          std::string(cure_of("name_invalid")));
    }
    return schema::Register{*role, values.organisation};
}

CommandResult register_account(Session& session, const Registration& values) {
    const auto arguments = parse(values);
    if (!arguments) return tl::unexpected(arguments.error());
    return session.carry_out({"registration", "register", encode(*arguments),
                              "registering a " + values.role + " of " + values.organisation});
}

Fallible<PublicKey> parse_account(const std::string& text) {
    const auto account = decode_public_key_hex(text);
    if (account) return *account;
    return fail_usage("\"" + text + "\" is no account: " + account.error().context,
                      "give its public key of 64 hexadecimal digits; list them with: "
                      "consilium-wallet accounts");
}

CommandResult invite(Session& session, const Guest& values) {
    const auto account = parse_account(values.account);
    if (!account) return tl::unexpected(account.error());
    const auto arguments = parse(values.registration);
    if (!arguments) return tl::unexpected(arguments.error());
    return session.carry_out(
        {"registration", "invite",
         encode(schema::Invite{*account, arguments->role, arguments->organisation}),
         "inviting " + account->hex() + " as " + values.registration.role + " of " +
             values.registration.organisation});
}

// Each ballot command is the same but for its action.
auto ballot_on(const char* action, const char* doing) {
    return [action, doing](Session& session, const Target& values) -> CommandResult {
        const auto account = parse_account(values.account);
        if (!account) return tl::unexpected(account.error());
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

// Both keys sign: the new one that it takes the account, the present one the transaction.
CommandResult rotate_key(Session& session, const Rotation& values) {
    const auto genesis = session.genesis();
    if (!genesis) return tl::unexpected(genesis.error());
    const auto present = session.own_key();
    if (!present) return tl::unexpected(present.error());
    keystore::PasswordSource source;
    source.prompt = "Password of " + values.keystore + ": ";
    if (!values.password_file.empty()) source.file = values.password_file;
    const auto password = session.surroundings().read_password(source);
    if (!password) return fail_with(ErrorSource::kKeyFile, password.error());
    const auto successor = keystore::load_key_file(values.keystore, *password);
    if (!successor) return fail_with(ErrorSource::kKeyFile, successor.error());
    const Digest statement =
        schema::rotation_digest((*genesis)->identity(), *present, successor->public_key());
    return session.carry_out(
        {"registration", "rotate_key",
         encode(schema::RotateKey{successor->public_key(), successor->sign(statement)}),
         "giving the account of " + present->hex() + " to " + successor->public_key().hex()});
}

void add_rotation(CLI::App& app, Session& session) {
    CLI::App* command = app.add_subcommand("rotate-key", "give your account to a new key");
    Rotation& rotation = bind_command<Rotation>(*command, session, rotate_key);
    command->add_option("--new-keystore", rotation.keystore, "key file of the new key")->required();
    command->add_option("--new-password-file", rotation.password_file,
                        "its password in a 0600 file; asked for when left out");
    command->footer(
        "Example: consilium-wallet key new --keystore new.key\n"
        "         consilium-wallet rotate-key --new-keystore new.key --keystore old.key\n"
        "The old key can do nothing any more, for ever. A trainer's key changes with the next MPC "
        "epoch\n(council: consilium-wallet propose open-mpc-epoch N). A validator's key: "
        "consilium-wallet validators propose --replace OLD=NEW.");
}

void add_registration_options(CLI::App& command, Registration& registration) {
    command
        .add_option("--role", registration.role, "validator, council, operator, trainer or auditor")
        ->check(CLI::IsMember({"validator", "council", "operator", "trainer", "auditor"}))
        ->capture_default_str();
    command
        .add_option("--organisation", registration.organisation,
                    "an existing one, spelled alike, or a new one")
        ->required();
}

void add_invitation(CLI::App& app, Session& session) {
    CLI::App* command =
        app.add_subcommand("invite", "council: keep a place for a key that is to register");
    Guest& guest = bind_command<Guest>(*command, session, invite);
    command->add_option("account", guest.account, "public key, 64 hexadecimal digits")->required();
    add_registration_options(*command, guest.registration);
    command->footer(
        "Example: consilium-wallet invite KEY --role trainer --organisation \"St Anna\"\n"
        "The key then registers with the same role and organisation even if strangers fill the "
        "places of\npending accounts, and takes your own organisation's place from a stranger "
        "that registered first.\nFour at a time; the council decides on the account as on any "
        "other.");
}

}  // namespace

void add_account_commands(CLI::App& app, Session& session) {
    CLI::App* registering =
        app.add_subcommand("register", "ask for an account for the key in --keystore");
    Registration& registration =
        bind_command<Registration>(*registering, session, register_account);
    add_registration_options(*registering, registration);
    registering->footer(
        "Example: consilium-wallet register --role trainer --organisation \"St Anna\" "
        "--keystore trainer.key\nThe council then approves the key: consilium-wallet approve KEY\n"
        "A validator's key is taken into the list instead: consilium-wallet validators propose "
        "--add KEY");

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
    add_invitation(app, session);
    add_rotation(app, session);
    CLI::App* retiring =
        app.add_subcommand("retire", "retire your own account, or council: vote to retire another");
    Target& retired = bind_command<Target>(*retiring, session, retire);
    retiring->add_option("account", retired.account, "public key; yours when left out");
}

}  // namespace consilium::wallet
