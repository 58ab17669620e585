// The server of the node API, its dispatcher, and what goes through the driver.
#include "node/api.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <future>

#include "contracts/executor.hpp"
#include "contracts/schema/codes.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/schema_json/render.hpp"
#include "contracts/schema_json/tables.hpp"
#include "node/api_text.hpp"
#include "p2p/blob_put.hpp"

namespace consilium::node {
namespace {

using nlohmann::json;

constexpr const char* kBusy = "the node is busy; try again in a second";

TimeMs wall_time() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return TimeMs{static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count())};
}

// Codes come through the driver as the error's text: "name", or "name: what it means here".
p2p::HttpResponse refusal(const driver::SubmissionResult& result) {
    if (result.error.code == ErrorCode::kRefused) {
        const std::string& context = result.error.context;
        const std::string name = context.substr(0, context.find(':'));
        const bool is_name = name.find(' ') == std::string::npos;
        return problem(409, is_name ? name : "refused", context);
    }
    if (result.error.code == ErrorCode::kLimitExceeded) {
        return problem(429, "mempool_full", result.error.context);
    }
    if (result.error.code == ErrorCode::kInvalidSignature) {
        return problem(401, "bad_signature", "the transaction's signature does not verify");
    }
    return problem_of(result.error);
}

std::size_t body_limit(std::string_view method, std::string_view path) {
    if (method == "PUT" && path.starts_with("/v1/blobs/")) return p2p::limits::kBlobChunkBytes;
    return p2p::limits::kHttpBodyBytes;
}

json block_event(const driver::CommittedBlock& committed) {
    json events = json::array();
    for (const Event& event : committed.receipts.events) {
        events.push_back(schema::render_event(event));
    }
    for (const Receipt& receipt : committed.receipts.receipts) {
        for (const Event& event : receipt.events) {
            json rendered = schema::render_event(event);
            rendered["tx_id"] = receipt.tx_id.hex();
            events.push_back(std::move(rendered));
        }
    }
    return {{"height", committed.block.header.height.value},
            {"digest", committed.certificate.digest.hex()},
            {"time_ms", committed.block.header.time.value},
            {"transactions", committed.block.transactions.size()},
            {"events", std::move(events)}};
}

}  // namespace

Result<std::unique_ptr<Api>> Api::create(Runtime& runtime, const KeyPair& key,
                                         const MpcThread* mpc) {
    std::unique_ptr<Api> api(new Api(runtime, mpc));
    const NodeConfig& config = runtime.config();
    p2p::HttpServerOptions options;
    options.listen_host = config.api_listen_host;
    options.listen_port = config.api_listen_port;
    options.tls = p2p::HttpTls{p2p::make_identity_signer(key), runtime.identity().genesis_hash};
    options.allowed_hosts = config.api_allowed_hosts;
    options.body_limit = body_limit;
    options.max_connections_per_ip = 128;  // trainer, explorer, wallet and monitors of one hospital
    Api* raw = api.get();
    auto server = p2p::HttpServer::create(
        std::move(options),
        [raw](const p2p::HttpRequest& request, const p2p::HttpResponder& responder) {
            raw->handle(request, responder);
        });
    if (!server) return tl::unexpected(server.error());
    api->server_ = std::move(*server);
    api->events_.emplace(api->server_->open_channel("/v1/events"));
    runtime.add_listener(
        [raw](const driver::CommittedBlock& committed) { raw->publish(committed); });
    return api;
}

Result<void> Api::start(boost::asio::io_context& io) {
    return server_->start(io);
}

void Api::stop() {
    const auto stopped = std::make_shared<std::promise<void>>();
    constexpr std::uint64_t kDrainMs = 1000;
    server_->stop(kDrainMs, [stopped] { stopped->set_value(); });
    stopped->get_future().wait();
}

void Api::publish(const driver::CommittedBlock& committed) {
    if (events_->subscribers() == 0) return;
    (void)events_->publish({std::to_string(committed.block.header.height.value), "block",
                            block_event(committed).dump()});
}

void Api::handle(const p2p::HttpRequest& request, const p2p::HttpResponder& responder) {
    const Segments segments = split_path(request.path);
    if (handle_write(request, segments, responder)) return;
    if (request.method != "GET") {
        responder.send(problem(405, "method_not_allowed", "this path takes GET only"));
        return;
    }
    if (segments.size() == 3 && segments[1] == "accounts") {
        get_account(segments[2], responder);
    } else if (segments.size() == 3 && segments[1] == "transactions") {
        get_transaction(request, segments[2], responder);
    } else {
        responder.send(read(request, segments));
    }
}

bool Api::handle_write(const p2p::HttpRequest& request, const Segments& segments,
                       const p2p::HttpResponder& responder) {
    if (request.method == "POST" && segments == Segments{"v1", "transactions"}) {
        post_transaction(request, responder);
        return true;
    }
    if (request.method == "PUT" && segments.size() == 4 && segments[1] == "blobs") {
        put_chunk(request, responder);
        return true;
    }
    return false;
}

bool Api::refuse_if_scarce(const p2p::HttpResponder& responder) {
    if (!disk_.is_scarce()) return false;
    responder.send(problem(503, "disk_nearly_full",
                           "the node's disk is nearly full and takes nothing new; make room on "
                           "it, or use another node"));
    return true;
}

void Api::post_transaction(const p2p::HttpRequest& request, const p2p::HttpResponder& responder) {
    ++transactions_posted_;
    if (refuse_if_scarce(responder)) {
        ++transactions_refused_;
        return;
    }
    const auto transaction = decode_transaction(request.body);
    if (!transaction) {
        ++transactions_refused_;
        responder.send(problem_of(transaction.error()));
        return;
    }
    const std::string id = transaction_id(*transaction).hex();
    const auto located = runtime_.blocks().find_transaction(transaction_id(*transaction));
    if (located && located->has_value()) {
        responder.send(json_response({{"tx_id", id}}, 202));
        return;
    }
    const auto now = runtime_.snapshot();
    const schema::Code code = contracts::check_admission(
        now->state, *transaction, {now->header.height.next(), driver::limits::kNonceGap});
    if (code != schema::Code::kOk) {
        ++transactions_refused_;
        responder.send(problem(409, schema::to_string(code),
                               "the transaction cannot stand in the next block (height " +
                                   std::to_string(now->header.height.value + 1) + ")"));
        return;
    }
    const bool is_queued = runtime_.submit(
        {0, request.body, {}}, [this, responder, id](const driver::SubmissionResult& result) {
            if (result.status == driver::SubmissionStatus::kRefused) {
                ++transactions_refused_;
                responder.send(refusal(result));
            } else {
                responder.send(json_response({{"tx_id", id}}, 202));
            }
        });
    if (!is_queued) responder.send(problem(503, "busy", kBusy));
}

void Api::put_chunk(const p2p::HttpRequest& request, const p2p::HttpResponder& responder) {
    ++blob_chunks_;
    if (refuse_if_scarce(responder)) {
        ++blob_chunks_refused_;
        return;
    }
    const auto refuse = [&](const p2p::HttpResponse& response) {
        ++blob_chunks_refused_;
        responder.send(response);
    };
    const auto path = p2p::decode_blob_path(request.path);
    if (!path) return refuse(problem_of(path.error()));
    const auto account = p2p::verify_blob_put(request, wall_time());
    if (!account) return refuse(problem_of(account.error()));
    const auto record = runtime_.snapshot()->state.get(schema::keys::account(*account));
    if (!record) return refuse(problem(403, "unknown_account", "no account has this key"));
    // Only the driver knows what waiting transactions name besides the state.
    const bool is_queued = runtime_.call([this, request, responder, hash = path->blob,
                                          sender = *account](driver::Driver& target, driver::Now) {
        const auto length = target.wanted_blob(hash, sender);
        if (length) {
            take_chunk(request, *length, sender, responder);
        } else if (runtime_.blocks().has_blob(hash)) {
            responder.send(json_response({{"stored", true}}));
        } else {
            ++blob_chunks_refused_;
            responder.send(problem(409, "blob_not_wanted",
                                   "no pledge and no waiting transaction names this blob"));
        }
    });
    if (!is_queued) responder.send(problem(503, "busy", kBusy));
}

void Api::take_chunk(const p2p::HttpRequest& request, std::uint64_t length,
                     const PublicKey& account, const p2p::HttpResponder& responder) {
    const auto path = p2p::decode_blob_path(request.path);
    auto whole = uploads_.add(path->blob, length, path->chunk, request.body);
    if (!whole) {
        ++blob_chunks_refused_;
        responder.send(problem_of(whole.error()));
        return;
    }
    if (!*whole) {
        responder.send(json_response({{"stored", false}}, 202));
        return;
    }
    const bool is_queued = runtime_.submit_blob(
        account, std::move(**whole), [responder](const driver::SubmissionResult& result) {
            responder.send(result.status == driver::SubmissionStatus::kRefused
                               ? refusal(result)
                               : json_response({{"stored", true}}));
        });
    if (!is_queued) responder.send(problem(503, "busy", kBusy));
}

void Api::get_account(const std::string& key_hex, const p2p::HttpResponder& responder) {
    const auto key = decode_public_key_hex(key_hex);
    if (!key) {
        responder.send(problem_of(key.error()));
        return;
    }
    const auto now = runtime_.snapshot();
    const auto record = now->state.get(schema::keys::account(*key));
    const std::uint64_t nonce = contracts::next_nonce(now->state, *key).value_or(0);
    json answer = {{"nonce", nonce}, {"account", nullptr}};
    if (record) {
        answer["account"] = schema::render_record(schema::keys::account(*key), *record)["value"];
    }
    const bool is_queued =
        runtime_.call([responder, answer, key = *key](driver::Driver& target, driver::Now) mutable {
            answer["pending_nonce"] = target.next_nonce(key);
            responder.send(json_response(answer));
        });
    if (!is_queued) responder.send(problem(503, "busy", kBusy));
}

void Api::get_transaction(const p2p::HttpRequest& request, const std::string& id_hex,
                          const p2p::HttpResponder& responder) {
    const auto id = decode_digest_hex(id_hex);
    if (!id) {
        responder.send(problem_of(id.error()));
        return;
    }
    const auto located = runtime_.blocks().find_transaction(*id);
    if (!located) {
        responder.send(problem_of(located.error()));
        return;
    }
    if (!located->has_value()) {
        const bool is_queued =
            runtime_.call([responder, id = *id](driver::Driver& target, driver::Now) {
                if (target.is_waiting(id)) {
                    responder.send(json_response({{"tx_id", id.hex()}, {"status", "pending"}}));
                } else {
                    responder.send(problem(404, "not_found",
                                           "no block holds this transaction and it does not wait"));
                }
            });
        if (!is_queued) responder.send(problem(503, "busy", kBusy));
        return;
    }
    const auto block = runtime_.blocks().block_at((*located)->height);
    const auto receipts = runtime_.blocks().receipts_at((*located)->height);
    if (!block || !receipts || (*located)->index >= receipts->receipts.size()) {
        responder.send(problem(500, "internal", "the stored block is damaged"));
        return;
    }
    const std::uint32_t index = (*located)->index;
    const Receipt& receipt = receipts->receipts[index];
    json answer = {{"tx_id", id->hex()},
                   {"status", "committed"},
                   {"height", (*located)->height.value},
                   {"index", index},
                   {"block_digest", block->certificate.digest.hex()},
                   {"transaction", schema::render_transaction(block->block.transactions.at(index))},
                   {"receipt", schema::render_receipt(receipt)}};
    if (query_value(request, "proof") == "1") {
        answer["header"] = to_hex(encode(block->block.header));
        answer["certificate"] = to_hex(encode(block->certificate));
        answer["receipt_bytes"] = to_hex(encode(receipt));
        answer["receipt_proof"] =
            to_hex(encode(prove_leaf(receipt_leaves(*receipts), std::size_t{index} + 1)));
    }
    responder.send(json_response(answer));
}

}  // namespace consilium::node
