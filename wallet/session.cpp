// Lazy parts of a run, and the way of a transaction from order to outcome.
#include "wallet/session.hpp"

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "contracts/schema/codes.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/genesis_json.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/tables.hpp"
#include "core/check.hpp"
#include "wallet/keystore/key_file.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;

constexpr const char* kDocumentFormat = "consilium-transaction-1";

p2p::WaitFor wait_for(Wait wait) {
    switch (wait) {
        case Wait::kNone:
            return p2p::WaitFor::kNothing;
        case Wait::kAccepted:
            return p2p::WaitFor::kAccepted;
        case Wait::kCommitted:
        case Wait::kProven:
            return p2p::WaitFor::kCommitted;
    }
    UNREACHABLE();
}

std::string name_of_code(std::uint16_t number) {
    const auto code = schema::find_code(number);
    return code ? std::string(to_string(*code)) : "code " + std::to_string(number);
}

json events_of(const Receipt& receipt) {
    json events = json::array();
    for (const Event& event : receipt.events) events.push_back(schema::render_event(event));
    return events;
}

// The number of the proposal that a receipt's events announce, for `vote`.
void lift_proposal(json& result) {
    for (const json& event : result["receipt"]["events"]) {
        if (!event.is_object() || event.value("name", json()) != "proposal_opened") continue;
        const json payload = event.value("payload", json::object());
        if (payload.is_object() && payload.contains("proposal")) {
            result["proposal"] = payload["proposal"];
        }
    }
}

}  // namespace

Surroundings real_surroundings() {
    return Surroundings{
        std::cout, std::cerr,
        [](const p2p::NodePoolOptions& options) -> std::unique_ptr<p2p::ApiChannel> {
            return std::make_unique<p2p::NodePool>(options);
        },
        [](const keystore::PasswordSource& source) { return keystore::read_password(source); },
        [] {
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            return TimeMs{static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
        }};
}

Session::Session(Surroundings surroundings) : surroundings_(std::move(surroundings)) {}

void Session::progress(const std::string& line) {
    surroundings_.err << line << std::endl;
}

Fallible<const Genesis*> Session::genesis() {
    if (genesis_) return &*genesis_;
    if (options.genesis_file.empty()) {
        return fail_usage("which chain? no genesis file was given",
                          "add --genesis FILE (or set CONSILIUM_GENESIS); any member of the "
                          "consortium has it");
    }
    auto loaded = schema::load_genesis_file(options.genesis_file);
    if (!loaded) {
        return fail_usage(options.genesis_file + ": " + loaded.error().context,
                          "take the genesis.json that the consortium agreed on");
    }
    genesis_ = *std::move(loaded);
    return &*genesis_;
}

Fallible<p2p::ApiChannel*> Session::channel() {
    if (channel_) return channel_.get();
    const auto known = genesis();
    if (!known) return tl::unexpected(known.error());
    p2p::NodePoolOptions pool;
    pool.genesis = **known;
    if (options.nodes.empty()) {
        return fail_usage("no node was given", "add --node host:port");
    }
    if (!options.node_keys.empty() && options.node_keys.size() != options.nodes.size()) {
        return fail_usage("there are " + std::to_string(options.nodes.size()) + " --node and " +
                              std::to_string(options.node_keys.size()) + " --node-key",
                          "give one --node-key per --node in the same order, or none");
    }
    for (std::size_t i = 0; i < options.nodes.size(); ++i) {
        auto endpoint = p2p::parse_endpoint(options.nodes[i]);
        if (!endpoint) return fail_with(ErrorSource::kInput, endpoint.error());
        if (!options.node_keys.empty()) {
            auto key = decode_public_key_hex(options.node_keys[i]);
            if (!key) {
                return fail_usage("--node-key: " + key.error().context,
                                  "give the 64 hexadecimal digits of the node's validator key");
            }
            endpoint->allowed_keys = {*key};
        }
        pool.endpoints.push_back(*std::move(endpoint));
    }
    channel_ = surroundings_.connect(pool);
    return channel_.get();
}

Fallible<p2p::VerifiedReader*> Session::reader() {
    if (reader_) return reader_.get();
    auto connected = channel();
    if (!connected) return tl::unexpected(connected.error());
    reader_ = std::make_unique<p2p::VerifiedReader>(**connected, *genesis_);
    return reader_.get();
}

Fallible<p2p::TransactionSender*> Session::sender() {
    if (sender_) return sender_.get();
    auto connected = channel();
    if (!connected) return tl::unexpected(connected.error());
    p2p::SenderOptions how;
    how.expiry_blocks = options.expiry_blocks;
    how.timeout_ms = options.timeout_s * 1000;
    sender_ = std::make_unique<p2p::TransactionSender>(**connected, genesis_->identity(), how);
    return sender_.get();
}

Fallible<PublicKey> Session::own_key() {
    if (options.is_generate_only && !options.sender.empty()) {
        auto key = decode_public_key_hex(options.sender);
        if (!key) return fail_with(ErrorSource::kInput, key.error());
        return *key;
    }
    if (options.keystore_file.empty()) {
        return fail_usage("which key? no key file was given",
                          "add --keystore FILE (or set CONSILIUM_KEYSTORE); make one with: "
                          "consilium-wallet key new");
    }
    const auto info = keystore::inspect_key_file(options.keystore_file);
    if (!info) return fail_with(ErrorSource::kKeyFile, info.error());
    return info->public_key;
}

Fallible<SecretBytes> Session::password(const std::string& prompt, bool is_new) {
    keystore::PasswordSource source;
    if (options.password_descriptor >= 0) source.descriptor = options.password_descriptor;
    if (!options.password_file.empty()) source.file = options.password_file;
    source.prompt = prompt;
    source.confirm = is_new;
    auto given = surroundings_.read_password(source);
    if (!given) return fail_with(ErrorSource::kKeyFile, given.error());
    return *std::move(given);
}

Fallible<KeyPair> Session::unlock() {
    // Before the password is asked for: a missing file should not cost one.
    if (auto key = own_key(); !key) return tl::unexpected(key.error());
    auto given = password("Password of " + options.keystore_file + ": ", false);
    if (!given) return tl::unexpected(given.error());
    auto key = keystore::load_key_file(options.keystore_file, *given);
    if (!key) return fail_with(ErrorSource::kKeyFile, key.error());
    return *std::move(key);
}

CommandResult Session::carry_out(const Order& order) {
    if (options.is_generate_only) return generate(order);
    const auto* action = schema::find_action(order.module, order.action);
    CHECK(action != nullptr);
    auto sending = sender();
    if (!sending) return tl::unexpected(sending.error());
    auto key = unlock();
    if (!key) return tl::unexpected(key.error());
    progress(order.doing + " ...");
    if (!order.blob.empty()) return carry_out_with_blob(order, *key);
    const auto outcome = (*sending)->execute(
        *key, {static_cast<std::uint16_t>(action->module), action->action, order.arguments},
        wait_for(options.wait));
    if (!outcome) return fail_with(ErrorSource::kNode, outcome.error());
    return conclude(*outcome);
}

// A node takes a blob only when a transaction that it knows names it, and proposes the transaction
// only when a quorum holds the blob: so the one is handed over, the other uploaded, and then both
// are waited for.
CommandResult Session::carry_out_with_blob(const Order& order, const KeyPair& key) {
    const auto* action = schema::find_action(order.module, order.action);
    CHECK(action != nullptr);
    p2p::TransactionSender& sending = *sender_;
    const auto transaction = sending.prepare(
        key, {static_cast<std::uint16_t>(action->module), action->action, order.arguments});
    if (!transaction) return fail_with(ErrorSource::kNode, transaction.error());
    const auto accepted = sending.send(*transaction, p2p::WaitFor::kAccepted);
    if (!accepted) return fail_with(ErrorSource::kNode, accepted.error());
    if (accepted->state != p2p::SendState::kAccepted) return conclude(*accepted);
    progress("uploading " + std::to_string(order.blob.size()) + " bytes ...");
    const auto uploaded = channel_->put_blob(key, {order.blob, surroundings_.wall_time()});
    if (!uploaded) {
        return tl::unexpected(Failure{
            ExitCode::kUnknown,
            "blob_not_taken",
            "a node has the transaction, but none took the blob: " + uploaded.error().context,
            "repeat the command once the transaction has expired",
            {}});
    }
    const auto outcome = sending.send(*transaction, wait_for(options.wait));
    if (!outcome) return fail_with(ErrorSource::kNode, outcome.error());
    return conclude(*outcome);
}

CommandResult Session::send_signed(const Transaction& transaction) {
    auto sending = sender();
    if (!sending) return tl::unexpected(sending.error());
    progress("sending " + transaction_id(transaction).hex() + " ...");
    const auto outcome = (*sending)->send(transaction, wait_for(options.wait));
    if (!outcome) return fail_with(ErrorSource::kInput, outcome.error());
    return conclude(*outcome);
}

CommandResult Session::generate(const Order& order) {
    const auto* action = schema::find_action(order.module, order.action);
    CHECK(action != nullptr);
    auto sending = sender();
    if (!sending) return tl::unexpected(sending.error());
    const auto key = own_key();
    if (!key) return tl::unexpected(key.error());
    auto transaction = (*sending)->draft(
        *key, {static_cast<std::uint16_t>(action->module), action->action, order.arguments});
    if (!transaction) return fail_with(ErrorSource::kNode, transaction.error());
    progress("not signed, not sent; next: consilium-wallet tx sign FILE, tx broadcast FILE");
    const json document = transaction_document(*transaction);
    return Answer{document, document.dump(2) + "\n"};
}

CommandResult Session::conclude(const p2p::SendOutcome& outcome) {
    const json id = {{"tx_id", outcome.id.hex()}};
    const std::string reason = outcome.detail.empty() ? "" : ": " + outcome.detail;
    switch (outcome.state) {
        case p2p::SendState::kCommitted:
            return conclude_committed(outcome);
        case p2p::SendState::kAccepted:
            return Answer{{{"tx_id", outcome.id.hex()}, {"state", "accepted"}},
                          "accepted " + outcome.id.hex() +
                              " (a node will propose it; that promises nothing)\n"};
        case p2p::SendState::kRefused:
            return tl::unexpected(
                Failure{ExitCode::kFailed, outcome.code,
                        "the node refused the transaction (" + outcome.code + ")" + reason,
                        std::string(cure_of(outcome.code)), id});
        case p2p::SendState::kExpired:
            return tl::unexpected(Failure{ExitCode::kFailed, "expired",
                                          "the transaction expired" + reason,
                                          std::string(cure_of("expired")), id});
        case p2p::SendState::kUnknown:
            return tl::unexpected(Failure{
                ExitCode::kUnknown, "outcome_unknown",
                "the transaction was sent, but it was seen neither in a block nor to expire "
                "within " +
                    std::to_string(options.timeout_s) + " s" + reason,
                "ask again before you repeat it: consilium-wallet tx show " + outcome.id.hex(),
                id});
    }
    UNREACHABLE();
}

CommandResult Session::conclude_committed(const p2p::SendOutcome& outcome) {
    json result = {{"tx_id", outcome.id.hex()},
                   {"state", "committed"},
                   {"height", outcome.height.value},
                   {"proven", false}};
    std::uint16_t code = outcome.receipt_code;
    json events = json::array();
    if (auto told = schema::parse_json(outcome.events_json)) events = *std::move(told);
    if (options.wait == Wait::kProven) {
        progress("checking the certificate and the receipt's proof ...");
        auto reading = reader();
        if (!reading) return tl::unexpected(reading.error());
        const auto proven = (*reading)->receipt(outcome.id);
        if (!proven) {
            Failure failure{ExitCode::kNotProven, "not_proven",
                            "a node says the transaction was committed, but does not prove it: " +
                                proven.error().context,
                            "ask another node: consilium-wallet tx show " + outcome.id.hex(),
                            result};
            return tl::unexpected(std::move(failure));
        }
        code = proven->receipt.code;
        events = events_of(proven->receipt);
        result["height"] = proven->header.height.value;
        result["proven"] = true;
    }
    const std::string name = name_of_code(code);
    result["receipt"] = {{"code", code}, {"name", name}, {"events", std::move(events)}};
    if (code != 0) {
        return tl::unexpected(Failure{ExitCode::kFailed, name,
                                      "the transaction stands in block " + result["height"].dump() +
                                          " but was not carried out: " + name,
                                      std::string(cure_of(name)), result});
    }
    lift_proposal(result);
    std::string text = "done in block " + result["height"].dump() +
                       (options.wait == Wait::kProven ? ", proven" : "") + ", transaction " +
                       outcome.id.hex() + "\n";
    if (result.contains("proposal")) {
        text += "proposal " + result["proposal"].dump() + "\n";
    }
    return Answer{std::move(result), std::move(text)};
}

Fallible<std::string> read_input(const std::string& path) {
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
        if (!file) return fail_usage("cannot open " + path, "check the file's name and rights");
    }
    std::istream& in = path == "-" ? std::cin : file;
    std::string text(kInputFileBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kInputFileBytesMax) {
        return fail_usage(path + " is longer than 1 MiB", "give a smaller file");
    }
    return text;
}

Fallible<json> read_json_input(const std::string& path) {
    const auto text = read_input(path);
    if (!text) return tl::unexpected(text.error());
    auto parsed = schema::parse_json(*text);
    if (!parsed) {
        return fail_usage(path + ": " + parsed.error().context, "correct the JSON in it");
    }
    return *std::move(parsed);
}

json transaction_document(const Transaction& transaction) {
    return {{"format", kDocumentFormat},
            {"signed", has_valid_signature(transaction)},
            {"reads", schema::render_transaction(transaction)},
            {"transaction", to_hex(encode(transaction))}};
}

Fallible<Transaction> read_transaction_document(const std::string& path) {
    const auto document = read_json_input(path);
    if (!document) return tl::unexpected(document.error());
    // The --json form of the command that made it is welcome too.
    const json& inner =
        document->is_object() && document->contains("result") ? (*document)["result"] : *document;
    if (!inner.is_object() || inner.value("format", json()) != kDocumentFormat ||
        !inner.contains("transaction") || !inner["transaction"].is_string()) {
        return fail_usage(path + " is no transaction document",
                          "make one with --generate-only on a command that sends");
    }
    const auto bytes = decode_hex(inner["transaction"].get<std::string>());
    if (!bytes) return fail_with(ErrorSource::kInput, bytes.error());
    auto transaction = decode_transaction(*bytes);
    if (!transaction) return fail_with(ErrorSource::kInput, transaction.error());
    return *std::move(transaction);
}

}  // namespace consilium::wallet
