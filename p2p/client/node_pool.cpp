// Failover between nodes, and which keys they may prove.
#include "p2p/client/node_pool.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "core/check.hpp"
#include "p2p/client/memberships.hpp"

namespace consilium::p2p {
namespace {

bool is_wrong_identity(const Error& error) {
    return error.code == ErrorCode::kInvalidSignature || error.code == ErrorCode::kMismatch;
}

Result<NodeEndpoint> parse_host_and_port(std::string_view text) {
    const auto malformed = [&] {
        return make_error(
            ErrorCode::kMalformed,
            "\"" + std::string(text) + "\" is not host:port, such as 127.0.0.1:27100");
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return malformed();
    std::string_view host = text.substr(0, colon);
    if (host.front() == '[') {
        if (host.size() < 3 || host.back() != ']') return malformed();
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return malformed();
    }
    const std::string_view digits = text.substr(colon + 1);
    NodeEndpoint endpoint;
    endpoint.host = std::string(host);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || endpoint.port == 0) {
        return malformed();
    }
    return endpoint;
}

}  // namespace

Result<NodeEndpoint> parse_endpoint(std::string_view text) {
    const std::size_t equals = text.find('=');
    auto endpoint = parse_host_and_port(text.substr(0, equals));
    if (!endpoint || equals == std::string_view::npos) return endpoint;
    const auto key = decode_public_key_hex(text.substr(equals + 1));
    if (!key) return tl::unexpected(key.error());
    endpoint->allowed_keys = {*key};
    return endpoint;
}

NodePool::NodePool(NodePoolOptions options)
    : options_(std::move(options)),
      genesis_hash_(options_.genesis.hash()),
      light_client_(options_.genesis.identity(), options_.genesis.membership()),
      clients_(options_.endpoints.size()) {
    CHECK(!options_.endpoints.empty());
    add_validators(light_client_.membership());
}

void NodePool::add_validators(const Membership& membership) {
    for (const Member& member : membership.members) {
        const PublicKey& key = member.validator_key;
        if (std::find(validators_.begin(), validators_.end(), key) == validators_.end()) {
            validators_.push_back(key);
        }
    }
}

ExpectedServer NodePool::expected_server(std::size_t endpoint) const {
    const auto& named = options_.endpoints[endpoint].allowed_keys;
    return {named.empty() ? validators_ : named, genesis_hash_};
}

NodeClient NodePool::connect(std::size_t index, std::optional<ExpectedServer> server) const {
    HttpClientOptions http;
    http.host = options_.endpoints[index].host;
    http.port = options_.endpoints[index].port;
    http.timeout_ms = options_.request_timeout_ms;
    http.response_limit = options_.response_limit;
    http.cancel_flag = options_.cancel_flag;
    http.expected_server = std::move(server);
    return NodeClient(std::move(http));
}

NodeClient& NodePool::client_of(std::size_t index) {
    auto& client = clients_[index];
    if (!client) client.emplace(connect(index, expected_server(index)));
    return *client;
}

void NodePool::learn_validators(std::size_t index) {
    NodeClient unproven = connect(index, std::nullopt);
    const ApiGet get = [&](std::string_view target) { return unproven.get(target); };
    while (follow_next_membership(light_client_, get)) add_validators(light_client_.membership());
}

template <typename Call>
std::invoke_result_t<Call&, NodeClient&> NodePool::ask_one(std::size_t index, Call& call) {
    auto answer = call(client_of(index));
    if (answer || !is_wrong_identity(answer.error())) return answer;
    const std::size_t tried = clients_[index]->http().options().expected_server->keys.size();
    clients_[index].reset();
    if (options_.endpoints[index].allowed_keys.empty()) learn_validators(index);
    if (expected_server(index).keys.size() == tried) return answer;
    return call(client_of(index));
}

template <typename Call>
std::invoke_result_t<Call&, NodeClient&> NodePool::ask(Call call) {
    std::string reasons;
    std::optional<Error> wrong_identity;
    for (std::size_t tries = 0; tries < clients_.size(); ++tries) {
        const std::size_t index = (current_ + tries) % clients_.size();
        auto answer = ask_one(index, call);
        if (answer) {
            current_ = index;
            return answer;
        }
        const NodeEndpoint& endpoint = options_.endpoints[index];
        const std::string reason =
            endpoint.host + ":" + std::to_string(endpoint.port) + ": " + answer.error().context;
        reasons += (reasons.empty() ? "" : "; ") + reason;
        if (is_wrong_identity(answer.error())) {
            wrong_identity = Error{answer.error().code, reason};
        }
    }
    if (wrong_identity) return tl::unexpected(*wrong_identity);
    return make_error(ErrorCode::kUnavailable, "no node answers (" + reasons + ")");
}

Result<ApiAnswer> NodePool::get(std::string_view target) {
    return ask([&](NodeClient& client) { return client.get(target); });
}

Result<ApiAnswer> NodePool::post_transaction(ByteView transaction) {
    return ask([&](NodeClient& client) { return client.post_transaction(transaction); });
}

Result<Bytes> NodePool::get_blob(const Digest& hash, std::uint64_t length) {
    return ask([&](NodeClient& client) { return client.get_blob(hash, length); });
}

Result<std::size_t> NodePool::put_blob(const KeyPair& account, const BlobUpload& upload) {
    std::size_t taken = 0;
    Error last{ErrorCode::kUnavailable, "no node was asked"};
    const auto put = [&](NodeClient& client) { return client.put_blob(account, upload); };
    for (std::size_t index = 0; index < clients_.size(); ++index) {
        auto call = put;
        const auto answer = ask_one(index, call);
        if (answer && answer->is_success()) {
            ++taken;
        } else if (answer) {
            last = Error{ErrorCode::kRefused, "a node answers " + std::to_string(answer->status)};
        } else {
            last = answer.error();
        }
    }
    if (taken == 0) return tl::unexpected(last);
    return taken;
}

std::uint64_t NodePool::now_ms() const {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

void NodePool::pause_ms(std::uint64_t duration_ms) {
    constexpr std::uint64_t kSliceMs = 50;
    while (duration_ms > 0) {
        if (options_.cancel_flag != nullptr && options_.cancel_flag->load()) return;
        const std::uint64_t slice = std::min(duration_ms, kSliceMs);
        std::this_thread::sleep_for(std::chrono::milliseconds(slice));
        duration_ms -= slice;
    }
}

}  // namespace consilium::p2p
