// validators show | propose | review | cancel: who validates, and changing it by vote.
#include <algorithm>

#include <CLI/CLI.hpp>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/records.hpp"
#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;
using schema::ChangeValidators;
using schema::MembershipRecord;
using schema::Validator;
namespace keys = schema::keys;

constexpr std::uint64_t kDefaultLead = 100;  // blocks, counted from the proposal

struct Nothing {};
struct Number {
    std::uint64_t value = 0;
};
struct ChangeOrder {
    std::vector<std::string> added;     // KEY or KEY=host:port
    std::vector<std::string> removed;   // KEY or name
    std::vector<std::string> replaced;  // OLD=NEW or OLD=NEW=host:port
    std::uint64_t in_blocks = kDefaultLead;
    std::uint64_t at_height = 0;  // 0: in_blocks counts
};

template <typename T>
Fallible<T> read_proven(Session& session, const Bytes& key, const std::string& what) {
    auto reading = session.reader();
    if (!reading) return tl::unexpected(reading.error());
    const auto record = (*reading)->read_record<T>(key);
    if (!record) return fail_with(ErrorSource::kNode, record.error());
    if (!*record) {
        return tl::unexpected(Failure{ExitCode::kFailed, "not_found", what + " (proven)",
                                      "list accounts with: consilium-wallet accounts"});
    }
    return **record;
}

Fallible<MembershipRecord> read_membership(Session& session) {
    return read_proven<MembershipRecord>(session, keys::membership(), "no validators");
}

json shown(const Validator& entry) {
    return {{"organisation", entry.organisation},
            {"key", entry.key.hex()},
            {"address", entry.address.empty() ? json() : json(entry.address)}};
}

json shown(const std::vector<Validator>& list) {
    json all = json::array();
    for (const Validator& entry : list) all.push_back(shown(entry));
    return all;
}

bool has_key(const std::vector<Validator>& list, const PublicKey& key) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Validator& entry) { return entry.key == key; });
}

// What people vote on: who joins, who leaves, the whole new list, and what it bears.
json shown_change(const MembershipRecord& record, const ChangeValidators& change) {
    json joins = json::array();
    json leaves = json::array();
    for (const Validator& entry : change.validators) {
        if (!has_key(record.validators, entry.key)) joins.push_back(shown(entry));
    }
    for (const Validator& entry : record.validators) {
        if (!has_key(change.validators, entry.key)) leaves.push_back(shown(entry));
    }
    const std::size_t n = change.validators.size();
    return {{"from_epoch", change.epoch.value},
            {"not_before_height", change.activation.value},
            {"joins", std::move(joins)},
            {"leaves", std::move(leaves)},
            {"validators", shown(change.validators)},
            {"validators_count", n},
            {"faults_borne", fault_bound(n)},
            {"quorum", quorum_size(n)},
            {"is_for_present_epoch", change.epoch == record.epoch}};
}

CommandResult show(Session& session, const Nothing& /*values*/) {
    const auto record = read_membership(session);
    if (!record) return tl::unexpected(record.error());
    const std::size_t n = record->validators.size();
    json result = {{"epoch", record->epoch.value},
                   {"validators", shown(record->validators)},
                   {"faults_borne", fault_bound(n)},
                   {"quorum", quorum_size(n)},
                   {"pending", nullptr},
                   {"proven", true}};
    if (record->pending) result["pending"] = shown_change(*record, *record->pending);
    return Answer{std::move(result), ""};
}

CommandResult review(Session& session, const Number& values) {
    const auto record = read_membership(session);
    if (!record) return tl::unexpected(record.error());
    const auto proposal = read_proven<schema::ProposalRecord>(session, keys::proposal(values.value),
                                                              "no such proposal");
    if (!proposal) return tl::unexpected(proposal.error());
    const auto change = decode<ChangeValidators>(proposal->payload);
    if (proposal->kind != schema::ProposalKind::kChangeValidators || !change) {
        return fail_usage("the proposal changes no validators",
                          "see it with: consilium-wallet proposals ID");
    }
    json result = shown_change(*record, *change);
    result["proposal"] = proposal->id;
    result["status"] = std::string(to_string(proposal->status));
    result["proven"] = true;
    return Answer{std::move(result), ""};
}

struct NamedKey {
    PublicKey key;
    std::string address;
};

Fallible<NamedKey> parse_key(const std::string& text) {
    const std::size_t equals = text.find('=');
    const auto key = decode_public_key_hex(text.substr(0, equals));
    if (!key) {
        return fail_usage("\"" + text + "\" is no key: " + key.error().context,
                          "give 64 hexadecimal digits, and =host:port for an address");
    }
    NamedKey named{*key, equals == std::string::npos ? "" : text.substr(equals + 1)};
    if (!named.address.empty() && !schema::parse_address(named.address)) {
        return fail_usage("\"" + named.address + "\" is no address",
                          std::string(cure_of("address_invalid")));
    }
    return named;
}

// The registered organisation of the key, proven: names are never typed.
Fallible<Validator> find_validator(Session& session, const NamedKey& named) {
    const auto account = read_proven<schema::AccountRecord>(session, keys::account(named.key),
                                                            "no account " + named.key.hex());
    if (!account) return tl::unexpected(account.error());
    if (account->role != schema::Role::kValidator) {
        return fail_usage(named.key.hex() + " is registered as " +
                              std::string(to_string(account->role)) + ", not as validator",
                          std::string(cure_of("not_a_validator_key")));
    }
    const auto organisation = read_proven<schema::OrganisationRecord>(
        session, keys::organisation(account->organisation), "no organisation");
    if (!organisation) return tl::unexpected(organisation.error());
    return Validator{organisation->name, named.key, named.address};
}

Fallible<std::vector<Validator>::iterator> find_present(std::vector<Validator>& list,
                                                        const std::string& text) {
    const auto found = std::find_if(list.begin(), list.end(), [&](const Validator& entry) {
        return entry.organisation == text || entry.key.hex() == text;
    });
    if (found == list.end()) {
        return fail_usage("\"" + text + "\" is no validator",
                          "list them with: consilium-wallet validators show");
    }
    return found;
}

Fallible<std::vector<Validator>> changed_list(Session& session, std::vector<Validator> list,
                                              const ChangeOrder& values) {
    for (const std::string& text : values.removed) {
        const auto found = find_present(list, text);
        if (!found) return tl::unexpected(found.error());
        list.erase(*found);
    }
    for (const std::string& text : values.replaced) {
        const std::size_t equals = text.find('=');
        const auto found = find_present(list, text.substr(0, equals));
        if (!found) return tl::unexpected(found.error());
        const auto named = parse_key(equals == std::string::npos ? "" : text.substr(equals + 1));
        if (!named) return tl::unexpected(named.error());
        const auto entry = find_validator(session, *named);
        if (!entry) return tl::unexpected(entry.error());
        **found = *entry;
    }
    for (const std::string& text : values.added) {
        const auto named = parse_key(text);
        if (!named) return tl::unexpected(named.error());
        const auto entry = find_validator(session, *named);
        if (!entry) return tl::unexpected(entry.error());
        list.push_back(*entry);
    }
    return list;
}

Fallible<Height> height_now(Session& session) {
    auto reading = session.reader();
    if (!reading) return tl::unexpected(reading.error());
    const auto read = (*reading)->read(keys::membership());
    if (!read) return fail_with(ErrorSource::kNode, read.error());
    return read->header.height;
}

// A proposal's payload is bounded, and addresses are what makes a list long.
Fallible<Bytes> encode_bounded(const ChangeValidators& change) {
    Bytes payload = encode(change);
    if (payload.size() <= schema::kMaxProposalPayloadBytes) return payload;
    std::size_t addresses = 0;
    for (const Validator& entry : change.validators) addresses += entry.address.size();
    const bool is_curable = payload.size() - addresses <= schema::kMaxProposalPayloadBytes;
    return fail_usage(
        "the new list of " + std::to_string(change.validators.size()) + " validators takes " +
            std::to_string(payload.size()) + " bytes, its addresses " + std::to_string(addresses) +
            " of them; a proposal holds " + std::to_string(schema::kMaxProposalPayloadBytes),
        is_curable ? "name fewer addresses; --replace KEY=KEY takes away that of a validator who "
                     "stays, whose peers then need it in their own files ([[peers]])"
                   : "name fewer validators, or such with shorter names");
}

CommandResult propose(Session& session, const ChangeOrder& values) {
    if (values.added.empty() && values.removed.empty() && values.replaced.empty()) {
        return fail_usage("nothing would change", "give --add, --remove or --replace");
    }
    const auto record = read_membership(session);
    if (!record) return tl::unexpected(record.error());
    auto list = changed_list(session, record->validators, values);
    if (!list) return tl::unexpected(list.error());
    ChangeValidators change{record->epoch, Height{values.at_height}, std::move(*list)};
    if (values.at_height == 0) {
        const auto now = height_now(session);
        if (!now) return tl::unexpected(now.error());
        change.activation = Height{saturating_add(now->value, values.in_blocks)};
    }
    session.progress("the new list:\n" + render_lines(shown_change(*record, change)));
    auto payload = encode_bounded(change);
    if (!payload) return tl::unexpected(payload.error());
    const schema::Propose order{schema::ProposalKind::kChangeValidators, std::move(*payload)};
    return session.carry_out(
        {"governance", "propose", encode(order),
         "proposing validators from height " + std::to_string(change.activation.value) + " on"});
}

CommandResult cancel(Session& session, const Nothing& /*values*/) {
    const auto record = read_membership(session);
    if (!record) return tl::unexpected(record.error());
    const schema::Propose order{schema::ProposalKind::kCancelValidatorChange,
                                encode(schema::MembershipReference{record->epoch})};
    return session.carry_out({"governance", "propose", encode(order),
                              "proposing to drop the pending change of validators"});
}

void add_proposing(CLI::App& group, Session& session) {
    CLI::App* command = group.add_subcommand(
        "propose", "council: propose the complete new list, made from the present one");
    auto& order = bind_command<ChangeOrder>(*command, session, propose);
    command->add_option("--add", order.added,
                        "KEY or KEY=host:port: registered with role validator; may be repeated");
    command->add_option("--remove", order.removed, "key or name of a validator; may be repeated");
    command->add_option("--replace", order.replaced,
                        "OLD=NEW or OLD=NEW=host:port: another key in the same place");
    auto* lead = command
                     ->add_option("--in", order.in_blocks,
                                  "blocks from now until the change; votes need their time, too")
                     ->check(whole_number())
                     ->capture_default_str();
    command->add_option("--at", order.at_height, "height of the change instead of --in")
        ->check(whole_number())
        ->excludes(lead);
    command->footer(
        "At most as many may leave or join at once as docs/architecture.md, section 5, says; "
        "a refusal names the rule.");
}

}  // namespace

void add_validator_commands(CLI::App& app, Session& session) {
    CLI::App* group = app.add_subcommand("validators", "who validates, and changing it by vote");
    group->require_subcommand(1);
    CLI::App* showing = group->add_subcommand("show", "validators and a change to come, proven");
    bind_command<Nothing>(*showing, session, show);
    add_proposing(*group, session);
    CLI::App* reviewing =
        group->add_subcommand("review", "who joins and leaves by a proposal, before you vote");
    auto& number = bind_command<Number>(*reviewing, session, review);
    reviewing->add_option("proposal", number.value, "number of the proposal")
        ->required()
        ->check(whole_number());
    CLI::App* cancelling =
        group->add_subcommand("cancel", "council: propose to drop a change that has passed");
    bind_command<Nothing>(*cancelling, session, cancel);
    group->footer(
        "Example, a fifth hospital: consilium-wallet register --role validator --organisation "
        "\"St Elsewhere\" --keystore validator.key\n"
        "         consilium-wallet validators propose --add KEY=node5.example:27000 "
        "--keystore council.key\n"
        "         consilium-wallet validators review 7\n"
        "         consilium-wallet vote 7 yes --keystore other-council.key\n"
        "The new node runs before the change and follows the chain: consilium-node --first-start.");
}

}  // namespace consilium::wallet
