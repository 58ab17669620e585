// Answers of the node API that come from the snapshot and from storage.
#include <algorithm>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/schema_json/genesis_json.hpp"
#include "contracts/schema_json/render.hpp"
#include "contracts/schema_json/tables.hpp"
#include "node/api.hpp"
#include "node/api_text.hpp"
#include "node/openapi.hpp"
#include "p2p/blob_put.hpp"

namespace consilium::node {
namespace {

using nlohmann::json;

constexpr std::uint64_t kPageBlocks = 100;
constexpr std::size_t kPageRecords = 100;  // a record of a round has some kilobytes

std::string_view name_of(driver::DriverMode mode) {
    switch (mode) {
        case driver::DriverMode::kVoting:
            return "voting";
        case driver::DriverMode::kObserving:
            return "observing";
        case driver::DriverMode::kSyncing:
            return "syncing";
        case driver::DriverMode::kDegraded:
            return "degraded";
    }
    UNREACHABLE();
}

json block_summary(const driver::CertifiedBlock& block) {
    json summary = schema::render_header(block.block.header);
    summary["transactions"] = block.block.transactions.size();
    summary["view"] = block.certificate.view.value;
    return summary;
}

}  // namespace

p2p::HttpResponse Api::read(const p2p::HttpRequest& request, const Segments& segments) const {
    if (segments.size() == 1) {
        if (segments[0] == "healthz") return health(false);
        if (segments[0] == "readyz") return health(true);
        if (segments[0] == "metrics") return metrics();
    }
    if (segments.empty() || segments[0] != "v1") {
        return problem(404, "not_found", "see /v1/openapi.json for what is here");
    }
    if (segments.size() == 2) {
        if (segments[1] == "status") return status();
        if (segments[1] == "genesis") {
            return json_response(schema::genesis_to_json(runtime_.genesis()));
        }
        if (segments[1] == "openapi.json") {
            static const std::string description = schema::complete_openapi(kOpenApi);
            return p2p::make_response(200, "application/json", description);
        }
        if (segments[1] == "blocks") return blocks(request);
        if (segments[1] == "evidence") return evidence();
        for (const char* list : {"accounts", "organisations", "tasks", "rounds", "proposals",
                                 "verdicts", "models", "epochs", "batches"}) {
            if (segments[1] != list) continue;
            const std::string plural(list);
            const std::string record =
                plural == "batches" ? "batch" : plural.substr(0, plural.size() - 1);
            return records(request, record + "/");
        }
    }
    if (segments.size() == 3) {
        const auto number = parse_number<std::uint64_t>(segments[2]);
        if (segments[1] == "blocks") return block(request, segments[2]);
        if (segments[1] == "state") return state(request, segments[2]);
        if (segments[1] == "evidence") return evidence(segments[2]);
        if (segments[1] == "memberships" && segments[2] == "current") {
            return record(schema::keys::membership());
        }
        if (segments[1] == "memberships" && number) return membership(Epoch{*number});
        if (segments[1] == "rounds" && segments[2] == "current") return current_round();
        if (segments[1] == "epochs" && segments[2] == "current") return current_epoch();
        if (segments[1] == "rounds" && number) return record(schema::keys::round(*number));
        if (segments[1] == "verdicts" && number) return record(schema::keys::verdict(*number));
        if (segments[1] == "proposals" && number) return record(schema::keys::proposal(*number));
        if (segments[1] == "epochs" && number) return record(schema::keys::epoch(*number));
        if (segments[1] == "tasks" && number && *number <= UINT32_MAX) {
            return record(schema::keys::task(static_cast<std::uint32_t>(*number)));
        }
    }
    if (segments.size() == 4 && segments[1] == "blobs") return chunk(request);
    if (segments.size() == 4 && (segments[1] == "models" || segments[1] == "metrics")) {
        const auto task = parse_number<std::uint32_t>(segments[2]);
        const auto version = parse_number<std::uint32_t>(segments[3]);
        if (task && version) {
            return record(segments[1] == "models" ? schema::keys::model(*task, *version)
                                                  : schema::keys::metrics(*task, *version));
        }
    }
    return problem(404, "not_found", "see /v1/openapi.json for what is here");
}

p2p::HttpResponse Api::status() const {
    const auto now = runtime_.snapshot();
    const driver::DriverStatus driver = runtime_.status();
    json peers = json::array();
    for (std::size_t i = 0; i < now->membership.size(); ++i) {
        const Member& member = now->membership.members[i];
        const bool is_self = member.validator_key == runtime_.own_key();
        const auto index = runtime_.mesh().find_peer(member.validator_key);
        peers.push_back({{"index", i},
                         {"name", member.name},
                         {"key", member.validator_key.hex()},
                         {"is_self", is_self},
                         {"connected", is_self || (index && runtime_.mesh().is_up(*index))}});
    }
    return json_response(
        {{"chain_id", runtime_.identity().chain_id},
         {"genesis_hash", runtime_.identity().genesis_hash.hex()},
         {"height", now->header.height.value},
         {"head_digest", header_digest(now->header).hex()},
         {"state_root", now->header.state_root.hex()},
         {"time_ms", now->header.time.value},
         {"view", driver.view.value},
         {"epoch", now->membership.epoch.value},
         {"mode", std::string(name_of(driver.mode))},
         {"syncing", driver.mode == driver::DriverMode::kSyncing},
         {"is_primary", driver.is_primary},
         {"validator_key", runtime_.own_key().hex()},
         {"peers", std::move(peers)},
         {"mempool",
          {{"transactions", driver.waiting_transactions}, {"bytes", driver.waiting_bytes}}},
         {"version", CONSILIUM_VERSION}});
}

p2p::HttpResponse Api::health(bool is_readiness) const {
    const driver::DriverStatus driver = runtime_.status();
    const bool is_degraded =
        driver.mode == driver::DriverMode::kDegraded || runtime_.blocks().has_background_error();
    const bool is_good =
        is_readiness ? driver.mode == driver::DriverMode::kVoting && !is_degraded : !is_degraded;
    std::string reason;
    if (is_degraded) {
        reason =
            runtime_.blocks().is_out_of_space()
                ? "the disk is full: the node does not vote and goes on by itself once 256 MiB "
                  "are free"
                : "a storage error: the node no longer votes; see its log and the disk, then "
                  "restart it";
    } else if (mpc_ != nullptr) {
        // The ledger goes on: no reason to take the node out of service.
        const mpc::WorkerStatus worker = mpc_->status();
        if (worker.is_set_back) {
            reason =
                "the chain was set back behind what this node answered: the MPC epoch is void, "
                "rounds go on in the next one";
        } else if (worker.is_behind) {
            reason =
                "secure computation is silent until the chain has the block again that was "
                "answered last";
        }
    }
    return json_response({{"status", is_good ? "ok" : "not ok"},
                          {"mode", std::string(name_of(driver.mode))},
                          {"reason", reason}},
                         is_good ? 200 : 503);
}

p2p::HttpResponse Api::block(const p2p::HttpRequest& request, const std::string& which) const {
    const auto number = which == "latest" ? std::optional(runtime_.snapshot()->header.height.value)
                                          : parse_number<std::uint64_t>(which);
    if (!number) return problem(400, "malformed", "a height is a whole number, or 'latest'");
    const auto block = runtime_.blocks().block_at(Height{*number});
    if (!block) return problem_of(block.error());
    if (query_value(request, "raw") == "1") {
        p2p::HttpResponse response;
        response.content_type = "application/octet-stream";
        response.body = encode(*block);
        p2p::add_security_headers(response);
        return response;
    }
    const auto receipts = runtime_.blocks().receipts_at(Height{*number});
    if (!receipts) return problem_of(receipts.error());
    json transactions = json::array();
    for (std::size_t i = 0; i < block->block.transactions.size(); ++i) {
        json transaction = schema::render_transaction(block->block.transactions[i]);
        transaction["receipt"] = schema::render_receipt(receipts->receipts.at(i));
        transactions.push_back(std::move(transaction));
    }
    json events = json::array();
    for (const Event& event : receipts->events) events.push_back(schema::render_event(event));
    return json_response({{"header", schema::render_header(block->block.header)},
                          {"certificate", schema::render_certificate(block->certificate)},
                          {"transactions", std::move(transactions)},
                          {"events", std::move(events)}});
}

p2p::HttpResponse Api::blocks(const p2p::HttpRequest& request) const {
    const std::uint64_t head = runtime_.snapshot()->header.height.value;
    const std::string from_text = query_value(request, "from");
    const std::string limit_text = query_value(request, "limit");
    const auto from = parse_number<std::uint64_t>(from_text);
    const auto wanted = parse_number<std::uint64_t>(limit_text);
    if ((!from && !from_text.empty()) || (!wanted && !limit_text.empty())) {
        return problem(400, "malformed", "from and limit are whole numbers");
    }
    const std::uint64_t limit = std::min(wanted.value_or(20), kPageBlocks);
    json items = json::array();
    std::uint64_t height = std::min(from.value_or(head), head);
    while (items.size() < limit) {
        const auto block = runtime_.blocks().block_at(Height{height});
        if (!block) return problem_of(block.error());
        items.push_back(block_summary(*block));
        if (height == 0) break;
        --height;
    }
    return json_response({{"items", std::move(items)}, {"height", head}});
}

p2p::HttpResponse Api::state(const p2p::HttpRequest& request, const std::string& key_hex) const {
    const auto key = decode_hex(key_hex);
    if (!key) return problem_of(key.error());
    if (key->empty() || key->size() > kMaxStateKeyBytes) {
        return problem(400, "malformed", "a state key has 1 to 128 bytes");
    }
    const auto now = runtime_.snapshot();
    const auto value = now->state.get(*key);
    json answer = {{"height", now->header.height.value},
                   {"value", value ? json(to_hex(*value)) : json()}};
    if (value) answer["rendered"] = schema::render_record(*key, *value);
    if (query_value(request, "proof") == "1") {
        answer["proof"] = to_hex(encode(now->state.prove(*key)));
        answer["header"] = to_hex(encode(now->header));
        answer["certificate"] = to_hex(encode(now->certificate));
    }
    return json_response(answer);
}

p2p::HttpResponse Api::record(ByteView key) const {
    const auto now = runtime_.snapshot();
    const auto value = now->state.get(key);
    if (!value) return problem(404, "not_found", "there is no such record at this height");
    json answer = schema::render_record(key, *value);
    answer["height"] = now->header.height.value;
    return json_response(answer);
}

p2p::HttpResponse Api::records(const p2p::HttpRequest& request, std::string_view prefix) const {
    const std::string limit_text = query_value(request, "limit");
    const auto wanted = parse_number<std::size_t>(limit_text);
    const auto after = decode_hex(query_value(request, "after"));
    if (!after || (!wanted && !limit_text.empty())) {
        return problem(400, "malformed", "limit is a whole number, after what `next` said");
    }
    const std::size_t limit =
        std::clamp<std::size_t>(wanted.value_or(kPageRecords), 1, kPageRecords);
    const auto now = runtime_.snapshot();
    json items = json::array();
    json next;  // null: that was the last page
    Bytes last;
    now->state.for_each(as_bytes(prefix), [&](ByteView key, ByteView value) {
        if (std::lexicographical_compare(key.begin(), key.end(), after->begin(), after->end()) ||
            std::equal(key.begin(), key.end(), after->begin(), after->end())) {
            return;
        }
        if (items.size() == limit) {
            if (next.is_null()) next = to_hex(last);
            return;
        }
        json item = schema::render_record(key, value)["value"];
        if (prefix == "account/") item["key"] = to_hex(key.subspan(prefix.size()));
        items.push_back(std::move(item));
        last = to_bytes(key);
    });
    return json_response(
        {{"items", std::move(items)}, {"next", next}, {"height", now->header.height.value}});
}

p2p::HttpResponse Api::current_round() const {
    const auto now = runtime_.snapshot();
    const auto bytes = now->state.get(schema::keys::rounds());
    const auto rounds = bytes ? decode<schema::RoundsRecord>(*bytes)
                              : Result<schema::RoundsRecord>(schema::RoundsRecord{});
    if (!rounds) return problem_of(rounds.error());
    if (!rounds->current) {
        return json_response({{"record", "round"},
                              {"value", nullptr},
                              {"next_round", rounds->next_round},
                              {"height", now->header.height.value}});
    }
    return record(schema::keys::round(*rounds->current));
}

p2p::HttpResponse Api::current_epoch() const {
    const auto now = runtime_.snapshot();
    const auto bytes = now->state.get(schema::keys::mpc());
    if (!bytes) return problem(404, "not_found", "no MPC epoch was opened yet");
    return json_response({{"mpc", schema::render_record(schema::keys::mpc(), *bytes)["value"]},
                          {"height", now->header.height.value}});
}

p2p::HttpResponse Api::chunk(const p2p::HttpRequest& request) const {
    const auto path = p2p::decode_blob_path(request.path);
    if (!path) return problem_of(path.error());
    const auto blob = runtime_.blocks().open_blob(path->blob);
    if (!blob) return problem_of(blob.error());
    const std::size_t size = (*blob)->size_bytes();
    if (path->chunk >= p2p::blob_chunk_count(size)) {
        return problem(404, "not_found", "the blob has no such chunk");
    }
    const std::size_t offset = path->chunk * p2p::limits::kBlobChunkBytes;
    Bytes part(std::min(p2p::limits::kBlobChunkBytes, size - offset));
    if (auto read = (*blob)->read(offset, part); !read) return problem_of(read.error());
    p2p::HttpResponse response;
    response.content_type = "application/octet-stream";
    response.body = std::move(part);
    p2p::add_security_headers(response);
    return response;
}

}  // namespace consilium::node
