// Requests to the node API, and the subscription that shortens the wait for the next block.
#include "explorer/network_source.hpp"

#include <nlohmann/json.hpp>

#include <utility>

#include "contracts/schema_json/json_text.hpp"
#include "p2p/client/api_values.hpp"

namespace consilium::explorer {
namespace {

constexpr std::uint64_t kRequestTimeoutMs = 10'000;
constexpr std::uint64_t kSubscribeTimeoutMs = 3'000;
constexpr std::uint64_t kSubscribeAgainMs = 10'000;
constexpr int kMaxQueuedHints = 1'024;
constexpr std::size_t kMaxStatusBytes = std::size_t{1024} * 1024;
constexpr std::size_t kMaxEvidenceIds = 1'024;  // 8 of each of at most 64 members, twice

}  // namespace

NetworkSource::NetworkSource(const Genesis& genesis, std::vector<p2p::NodeEndpoint> nodes,
                             const std::atomic<bool>& cancel_flag)
    : cancel_flag_(cancel_flag) {
    for (p2p::NodeEndpoint& endpoint : nodes) {
        p2p::NodePoolOptions options;
        options.endpoints = {endpoint};
        options.genesis = genesis;
        options.request_timeout_ms = kRequestTimeoutMs;
        options.cancel_flag = &cancel_flag;
        nodes_.push_back({std::move(endpoint), std::make_unique<p2p::NodePool>(options)});
    }
    CHECK(!nodes_.empty());
}

std::string NetworkSource::name(std::size_t node) const {
    const p2p::NodeEndpoint& endpoint = nodes_[node].endpoint;
    return endpoint.host + ":" + std::to_string(endpoint.port);
}

Result<CertifiedBlock> NetworkSource::block(std::size_t node, Height height) {
    const auto answer = p2p::successful(
        nodes_[node].pool->get("/v1/blocks/" + std::to_string(height.value) + "?raw=1"), "block");
    if (!answer) return tl::unexpected(answer.error());
    auto block = decode<CertifiedBlock>(as_bytes(answer->body));
    if (!block) return make_error(ErrorCode::kMalformed, block.error().context);
    return *std::move(block);
}

Result<Bytes> NetworkSource::blob(std::size_t node, const Digest& hash, std::uint64_t length) {
    return nodes_[node].pool->get_blob(hash, length);
}

Result<Height> NetworkSource::height(std::size_t node) {
    const auto answer = p2p::successful(nodes_[node].pool->get("/v1/status"), "status");
    if (!answer) return tl::unexpected(answer.error());
    const auto json = schema::parse_json(answer->body, kMaxStatusBytes);
    if (!json) return tl::unexpected(json.error());
    const auto found = json->is_object() ? json->find("height") : json->end();
    if (found == json->end() || !found->is_number_unsigned()) {
        return make_error(ErrorCode::kUnavailable, "the status names no height");
    }
    return Height{found->get<std::uint64_t>()};
}

Result<std::vector<Digest>> NetworkSource::evidence_ids(std::size_t node) {
    const auto answer = p2p::successful(nodes_[node].pool->get("/v1/evidence"), "evidence");
    if (!answer) return tl::unexpected(answer.error());
    const auto json = schema::parse_json(answer->body, kMaxStatusBytes);
    if (!json) return tl::unexpected(json.error());
    const auto items = json->is_object() ? json->find("items") : json->end();
    if (items == json->end() || !items->is_array()) {
        return make_error(ErrorCode::kMalformed, "no list of evidence");
    }
    std::vector<Digest> ids;
    for (const auto& item : *items) {
        const auto found = item.is_object() ? item.find("id") : item.end();
        if (found == item.end() || !found->is_string()) continue;
        const auto id = decode_digest_hex(found->get_ref<const std::string&>());
        if (id && ids.size() < kMaxEvidenceIds) ids.push_back(*id);
    }
    return ids;
}

Result<Bytes> NetworkSource::evidence(std::size_t node, const Digest& id) {
    const auto answer =
        p2p::successful(nodes_[node].pool->get("/v1/evidence/" + id.hex()), "evidence");
    if (!answer) return tl::unexpected(answer.error());
    const auto json = schema::parse_json(answer->body);
    if (!json) return tl::unexpected(json.error());
    const auto found = json->is_object() ? json->find("evidence") : json->end();
    if (found == json->end() || !found->is_string()) {
        return make_error(ErrorCode::kMalformed, "no evidence in the answer");
    }
    return decode_hex(found->get_ref<const std::string&>());
}

Result<void> NetworkSource::subscribe(std::size_t node) {
    const Node& target = nodes_[node];
    p2p::HttpClientOptions options;
    options.host = target.endpoint.host;
    options.port = target.endpoint.port;
    options.timeout_ms = kSubscribeTimeoutMs;
    options.cancel_flag = &cancel_flag_;
    options.expected_server = target.pool->expected_server(0);
    events_.emplace(options);
    events_of_ = node;
    auto connected = events_->connect("/v1/events");
    if (!connected) events_.reset();
    return connected;
}

void NetworkSource::wait_for_news(std::size_t node, std::uint64_t timeout_ms) {
    if (events_ && events_of_ != node) events_.reset();
    if (!events_ && now_ms() >= next_subscription_) {
        next_subscription_ = now_ms() + kSubscribeAgainMs;
        // A block may have come before the subscription stood: ask once more.
        if (subscribe(node)) return;
    }
    if (!events_) {
        pause_ms(timeout_ms);
        return;
    }
    auto hint = events_->next_text(timeout_ms);
    // One hint is as good as many: the blocks they announce are fetched one after the other.
    for (int i = 0; hint && *hint && i < kMaxQueuedHints; ++i) hint = events_->next_text(1);
    if (!hint) events_.reset();
}

void NetworkSource::pause_ms(std::uint64_t duration_ms) {
    nodes_.front().pool->pause_ms(duration_ms);
}

}  // namespace consilium::explorer
