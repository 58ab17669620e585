// tx send | show | sign | broadcast | actions: any action of any module, online or offline.
#include <CLI/CLI.hpp>

#include "contracts/schema/codes.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/tables.hpp"
#include "core/digest.hpp"
#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;

struct RawSend {
    std::string module;
    std::string action;
    std::string arguments;
};
struct OneFile {
    std::string path;
};
struct OneId {
    std::string id;
};
struct Nothing {};

CommandResult send_raw(Session& session, const RawSend& values) {
    const auto* action = schema::find_action(values.module, values.action);
    if (action == nullptr) {
        return fail_usage("there is no action " + values.module + "/" + values.action,
                          std::string(cure_of("unknown_action")));
    }
    json arguments;
    if (values.arguments.rfind('@', 0) == 0) {
        auto read = read_json_input(values.arguments.substr(1));
        if (!read) return tl::unexpected(read.error());
        arguments = *std::move(read);
    } else {
        auto parsed = schema::parse_json(values.arguments);
        if (!parsed) {
            return fail_usage("arguments: " + parsed.error().context,
                              "give them as JSON in quotes, or as @FILE");
        }
        arguments = *std::move(parsed);
    }
    auto bytes = schema::parse_arguments(static_cast<std::uint16_t>(action->module), action->action,
                                         arguments);
    if (!bytes) {
        return fail_usage(
            "arguments of " + values.module + "/" + values.action + ": " + bytes.error().context,
            "correct the field that is named");
    }
    if (bytes->size() > kMaxArgumentBytes) {
        return fail_usage("the arguments are longer than 255 KiB", "shorten them");
    }
    return session.carry_out({action->module_name, action->name, *std::move(bytes),
                              "sending " + values.module + "/" + values.action});
}

CommandResult show(Session& session, const OneId& values) {
    const auto id = decode_digest_hex(values.id);
    if (!id) {
        return fail_usage("\"" + values.id + "\" is no transaction id: " + id.error().context,
                          "give the 64 hexadecimal digits that the sending command printed");
    }
    auto reading = session.reader();
    if (!reading) return tl::unexpected(reading.error());
    const auto found = (*reading)->receipt(*id);
    if (!found) return fail_with(ErrorSource::kNode, found.error());
    json result = schema::render_receipt(found->receipt);
    result["height"] = found->header.height.value;
    result["time_ms"] = found->header.time.value;
    result["block_digest"] = found->certificate.digest.hex();
    result["proven"] = true;
    return Answer{std::move(result), ""};
}

CommandResult sign(Session& session, const OneFile& values) {
    auto transaction = read_transaction_document(values.path);
    if (!transaction) return tl::unexpected(transaction.error());
    const auto own = session.own_key();
    if (!own) return tl::unexpected(own.error());
    if (transaction->sender != *own) {
        return fail_usage("the transaction is for key " + transaction->sender.hex() +
                              ", the key file holds " + own->hex(),
                          "name the right key file with --keystore");
    }
    if (!session.options.genesis_file.empty()) {
        const auto genesis = session.genesis();
        if (!genesis) return tl::unexpected(genesis.error());
        if (transaction->genesis_hash != (*genesis)->hash()) {
            return fail_usage("the transaction is for another chain", "draft it again");
        }
    }
    // What is signed is shown as the bytes say, not as the document does.
    session.progress("signing:\n" + render_lines(schema::render_transaction(*transaction)));
    auto key = session.unlock();
    if (!key) return tl::unexpected(key.error());
    sign_transaction(*transaction, *key);
    const json document = transaction_document(*transaction);
    return Answer{document, document.dump(2) + "\n"};
}

CommandResult broadcast(Session& session, const OneFile& values) {
    const auto transaction = read_transaction_document(values.path);
    if (!transaction) return tl::unexpected(transaction.error());
    if (!has_valid_signature(*transaction)) {
        return fail_usage(values.path + " is not signed", "sign it: consilium-wallet tx sign FILE");
    }
    return session.send_signed(*transaction);
}

CommandResult list_actions(Session& /*session*/, const Nothing& /*values*/) {
    json list = json::array();
    std::string text;
    for (const schema::ActionInfo& info : schema::action_table()) {
        json roles = json::array();
        for (const schema::Role role :
             {schema::Role::kValidator, schema::Role::kCouncil, schema::Role::kOperator,
              schema::Role::kTrainer, schema::Role::kAuditor}) {
            if ((info.roles & role_bit(role)) != 0) roles.push_back(std::string(to_string(role)));
        }
        text += std::string(info.module_name) + " " + std::string(info.name) + "\n";
        list.push_back({{"module", std::string(info.module_name)},
                        {"action", std::string(info.name)},
                        {"roles", std::move(roles)}});
    }
    return Answer{{{"actions", std::move(list)}}, std::move(text)};
}

}  // namespace

void add_transaction_commands(CLI::App& app, Session& session) {
    CLI::App* tx = app.add_subcommand("tx", "transactions in the raw, and signing offline");
    tx->require_subcommand(1);
    CLI::App* send = tx->add_subcommand("send", "send any action with JSON arguments");
    auto& raw = bind_command<RawSend>(*send, session, send_raw);
    send->add_option("module", raw.module, "such as governance")->required();
    send->add_option("action", raw.action, "such as vote")->required();
    send->add_option("arguments", raw.arguments, "JSON object, or @FILE")->required();
    send->footer(
        "Example: consilium-wallet tx send governance vote '{\"proposal\": 1, \"is_yes\": true}'");
    CLI::App* showing = tx->add_subcommand("show", "a transaction's receipt, proven");
    auto& id = bind_command<OneId>(*showing, session, show);
    showing->add_option("id", id.id, "64 hexadecimal digits")->required();
    CLI::App* signing = tx->add_subcommand("sign", "sign a document made by --generate-only");
    auto& unsigned_file = bind_command<OneFile>(*signing, session, sign);
    signing->add_option("file", unsigned_file.path, "the document, - for standard input")
        ->required();
    signing->footer(
        "Offline signing, the key never on a networked machine:\n"
        "  online:  consilium-wallet vote 1 yes --generate-only --sender KEY > draft.json\n"
        "  offline: consilium-wallet tx sign draft.json --keystore key > signed.json\n"
        "  online:  consilium-wallet tx broadcast signed.json");
    CLI::App* casting = tx->add_subcommand("broadcast", "send a signed document");
    auto& signed_file = bind_command<OneFile>(*casting, session, broadcast);
    casting->add_option("file", signed_file.path, "the document, - for standard input")->required();
    bind_command<Nothing>(*tx->add_subcommand("actions", "all modules and actions"), session,
                          list_actions);
}

}  // namespace consilium::wallet
