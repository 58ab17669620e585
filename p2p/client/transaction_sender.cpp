// Following a transaction to its end over an ApiChannel.
#include "p2p/client/transaction_sender.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/check.hpp"
#include "p2p/client/bounded_json.hpp"

namespace consilium::p2p {
namespace {

using nlohmann::json;

constexpr unsigned kNotFound = 404;
constexpr unsigned kTooManyRequests = 429;
constexpr unsigned kServerErrors = 500;

std::optional<std::uint64_t> number_at(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
}

std::string text_at(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The JSON object of a successful answer.
Result<json> object_of(const Result<ApiAnswer>& answer, const char* what) {
    if (!answer) return tl::unexpected(answer.error());
    if (!answer->is_success()) {
        std::string context =
            std::string(what) + ": the node answers " + std::to_string(answer->status);
        if (const auto problem = parse_bounded_json(answer->body);
            problem && problem->is_object()) {
            context += " " + text_at(*problem, "code") + " " + text_at(*problem, "detail");
        }
        const bool is_absent = answer->status == kNotFound;
        return make_error(is_absent ? ErrorCode::kNotFound : ErrorCode::kUnavailable, context);
    }
    auto parsed = parse_bounded_json(answer->body);
    if (!parsed) return tl::unexpected(parsed.error());
    if (!parsed->is_object()) {
        return make_error(ErrorCode::kMalformed, std::string(what) + ": the answer is no object");
    }
    return parsed;
}

// A node that has the bytes already answers so; that is as good as taking them now.
bool is_known_already(const std::string& code) {
    return code == "already_known" || code == "duplicate" || code == "known";
}

}  // namespace

struct TransactionSender::Lookup {
    Height height;  // of the node, asked before the transaction was looked up
    std::optional<SendOutcome> committed;
};

struct TransactionSender::Attempt {
    bool is_accepted = false;    // some node said so
    bool is_on_the_way = false;  // a copy may be in some mempool
    bool is_refused = false;     // the last answer was a refusal
    std::string code;            // of the refusal
    std::string detail;          // of the refusal or the last failure
};

TransactionSender::TransactionSender(ApiChannel& channel, ChainIdentity chain,
                                     SenderOptions options)
    : channel_(channel), chain_(std::move(chain)), options_(options) {}

Result<Height> TransactionSender::height() {
    const auto status = object_of(channel_.get("/v1/status"), "status");
    if (!status) return tl::unexpected(status.error());
    if (text_at(*status, "chain_id") != chain_.chain_id ||
        text_at(*status, "genesis_hash") != chain_.genesis_hash.hex()) {
        return make_error(ErrorCode::kMismatch,
                          "the node is of chain \"" + text_at(*status, "chain_id") +
                              "\" with another genesis; give the genesis file of its chain");
    }
    const auto height = number_at(*status, "height");
    if (!height) return make_error(ErrorCode::kMalformed, "status: no height in the answer");
    return Height{*height};
}

Result<Transaction> TransactionSender::draft(const PublicKey& sender,
                                             const Instruction& instruction) {
    const auto head = height();
    if (!head) return tl::unexpected(head.error());
    const auto account = object_of(channel_.get("/v1/accounts/" + sender.hex()), "account");
    Transaction transaction;
    if (account) {
        const auto next = number_at(*account, "nonce");
        if (!next) return make_error(ErrorCode::kMalformed, "account: no nonce in the answer");
        transaction.nonce = std::max(*next, number_at(*account, "pending_nonce").value_or(*next));
    } else if (account.error().code != ErrorCode::kNotFound) {
        return tl::unexpected(account.error());
    }
    transaction.chain_id = chain_.chain_id;
    transaction.genesis_hash = chain_.genesis_hash;
    transaction.sender = sender;
    transaction.valid_until = Height{saturating_add(head->value, options_.expiry_blocks)};
    transaction.module = instruction.module;
    transaction.action = instruction.action;
    transaction.arguments = instruction.arguments;
    return transaction;
}

Result<Transaction> TransactionSender::prepare(const KeyPair& key, const Instruction& instruction) {
    auto transaction = draft(key.public_key(), instruction);
    if (transaction) sign_transaction(*transaction, key);
    return transaction;
}

std::optional<TransactionSender::Lookup> TransactionSender::look_up(const Digest& id) {
    const auto head = height();
    if (!head) return std::nullopt;
    const std::size_t node = channel_.node();
    const auto found = object_of(channel_.get("/v1/transactions/" + id.hex()), "transaction");
    if (!found) {
        // "Not there" counts only from the node that told the height.
        if (found.error().code != ErrorCode::kNotFound || channel_.node() != node) {
            return std::nullopt;
        }
        return Lookup{*head, std::nullopt};
    }
    const auto block = number_at(*found, "height");
    const auto receipt = found->find("receipt");
    if (!block || receipt == found->end() || !receipt->is_object()) return std::nullopt;
    const auto code = number_at(*receipt, "code");
    if (!code || *code > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    const json events = receipt->value("events", json::array());
    return Lookup{*head, SendOutcome{.id = id,
                                     .state = SendState::kCommitted,
                                     .height = Height{*block},
                                     .receipt_code = static_cast<std::uint16_t>(*code),
                                     .code = text_at(*receipt, "name"),
                                     .detail = {},
                                     .events_json = events.dump()}};
}

void TransactionSender::submit(ByteView bytes, Attempt& attempt) {
    const auto answer = channel_.post_transaction(bytes);
    attempt.is_refused = false;
    if (!answer) {
        // A connection to the wrong server, or none, carried nothing; which it was with a broken
        // one cannot be told, so the bytes may be on the way.
        const bool is_wrong_server = answer.error().code == ErrorCode::kInvalidSignature ||
                                     answer.error().code == ErrorCode::kMismatch;
        attempt.is_on_the_way = attempt.is_on_the_way || !is_wrong_server;
        attempt.detail = answer.error().context;
        return;
    }
    if (answer->is_success()) {
        attempt.is_accepted = true;
        attempt.is_on_the_way = true;
        return;
    }
    const auto problem = parse_bounded_json(answer->body);
    const bool has_reason = problem && problem->is_object();
    const std::string code = has_reason ? text_at(*problem, "code") : std::string();
    attempt.detail = has_reason ? text_at(*problem, "detail")
                                : "the node answers " + std::to_string(answer->status);
    if (is_known_already(code)) {
        attempt.is_accepted = true;
        attempt.is_on_the_way = true;
        return;
    }
    // Busy or degraded: the node did not judge the transaction, so ask again later.
    if (answer->status == kTooManyRequests || answer->status >= kServerErrors) return;
    attempt.is_refused = true;
    attempt.code = code.empty() ? "refused" : code;
}

std::optional<SendOutcome> TransactionSender::settle(const Transaction& transaction,
                                                     Attempt& attempt, WaitFor wait) {
    const Digest id = transaction_id(transaction);
    SendOutcome outcome;
    outcome.id = id;
    outcome.code = attempt.code;
    outcome.detail = attempt.detail;
    if (attempt.is_accepted && wait != WaitFor::kCommitted) {
        outcome.state = SendState::kAccepted;
        outcome.code = "accepted";
        return outcome;
    }
    const auto lookup = look_up(id);
    if (lookup && lookup->committed) return lookup->committed;
    // Refused at once: no copy can be executed. Refused later, a copy may sit in another mempool,
    // unless the chain says that the nonce is used up, by something else.
    if (attempt.is_refused &&
        (!attempt.is_on_the_way || (lookup && attempt.code == "nonce_used"))) {
        outcome.state = SendState::kRefused;
        return outcome;
    }
    if (lookup && lookup->height > transaction.valid_until) {
        outcome.state = SendState::kExpired;
        outcome.code = "expired";
        outcome.detail = "block " + std::to_string(transaction.valid_until.value) +
                         " passed without it; it can never be executed";
        return outcome;
    }
    return std::nullopt;
}

Result<SendOutcome> TransactionSender::send(const Transaction& transaction, WaitFor wait,
                                            const IsPointless& is_pointless) {
    if (transaction.chain_id != chain_.chain_id ||
        transaction.genesis_hash != chain_.genesis_hash) {
        return make_error(ErrorCode::kMismatch, "the transaction is for another chain");
    }
    if (!has_valid_signature(transaction)) {
        return make_error(ErrorCode::kInvalidSignature, "the transaction's signature is not valid");
    }
    const Bytes bytes = encode(transaction);
    const std::uint64_t begun = channel_.now_ms();
    std::uint64_t sent = begun;
    Attempt attempt;
    submit(bytes, attempt);
    for (;;) {
        if (auto outcome = settle(transaction, attempt, wait)) return *outcome;
        const std::uint64_t now = channel_.now_ms();
        if (wait == WaitFor::kNothing || now - begun >= options_.timeout_ms) break;
        channel_.pause_ms(options_.poll_ms);
        if (channel_.now_ms() - sent >= options_.resend_ms) {
            if (is_pointless && is_pointless()) break;
            sent = channel_.now_ms();
            submit(bytes, attempt);
        }
    }
    SendOutcome last;
    last.id = transaction_id(transaction);
    last.state = attempt.is_on_the_way ? SendState::kUnknown : SendState::kRefused;
    last.code = attempt.is_on_the_way ? "outcome_unknown" : "node_busy";
    last.detail = attempt.detail;
    return last;
}

Result<SendOutcome> TransactionSender::execute(const KeyPair& key, const Instruction& instruction,
                                               WaitFor wait, const IsPointless& is_pointless) {
    for (int tries = 0;; ++tries) {
        auto transaction = prepare(key, instruction);
        if (!transaction) return tl::unexpected(transaction.error());
        auto outcome = send(*transaction, wait, is_pointless);
        // nonce_waiting: another one waits with it, and no copy of this one is anywhere.
        const bool lost_the_nonce =
            outcome && outcome->state == SendState::kRefused &&
            (outcome->code == "nonce_used" || outcome->code == "nonce_waiting");
        if (!lost_the_nonce || tries == kNonceRetries) return outcome;
        channel_.pause_ms(options_.poll_ms);
    }
}

}  // namespace consilium::p2p
