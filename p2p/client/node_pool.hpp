// The node API of several nodes behind one channel: the next one is asked when one does not answer.
//
// Every connection is TLS, and the server must prove a key that is allowed for it before anything
// is sent: the one that its endpoint names, else that of any validator of the chain. Who validates
// is known from genesis and, when a server proves another key, asked of that server: what it tells
// proves itself, and it is asked for nothing else before. Transactions are the same bytes wherever
// they go, so moving on is safe. Not thread-safe.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/genesis.hpp"
#include "core/light_client.hpp"
#include "core/signature.hpp"
#include "p2p/client/api_channel.hpp"

namespace consilium::p2p {

struct NodeEndpoint {
    std::string host;
    std::uint16_t port = 0;
    std::vector<PublicKey> allowed_keys;  // the server proves one of them; empty: any validator's
};

// "host:port" without keys, or "host:port=KEY" for a server that has to prove this validator key of
// 64 hexadecimal digits; an IPv6 host in brackets. kMalformed otherwise.
[[nodiscard]] Result<NodeEndpoint> parse_endpoint(std::string_view text);

struct NodePoolOptions {
    std::vector<NodeEndpoint> endpoints;  // not empty; asked in this order
    Genesis genesis;
    std::uint64_t request_timeout_ms = 10'000;
    std::size_t response_limit = 16 * limits::kMebibyte;
    // See HttpClientOptions::cancel_flag; a pause ends with it too.
    const std::atomic<bool>* cancel_flag = nullptr;
};

class NodePool final : public ApiChannel {
  public:
    explicit NodePool(NodePoolOptions options);

    [[nodiscard]] Result<ApiAnswer> get(std::string_view target) override;
    [[nodiscard]] Result<ApiAnswer> post_transaction(ByteView transaction) override;
    // From the first node that has it; length and hash are checked. Errors as NodeClient::get_blob.
    [[nodiscard]] Result<Bytes> get_blob(const Digest& hash, std::uint64_t length) override;
    // To every node, so that one that withholds it does no harm; how many took it, or the last
    // failure when none did.
    [[nodiscard]] Result<std::size_t> put_blob(const KeyPair& account,
                                               const BlobUpload& upload) override;
    [[nodiscard]] std::size_t node() const override { return current_; }
    [[nodiscard]] std::uint64_t now_ms() const override;
    void pause_ms(std::uint64_t duration_ms) override;

    // What the server of this endpoint has to prove, as far as is known by now.
    [[nodiscard]] ExpectedServer expected_server(std::size_t endpoint) const;

  private:
    template <typename Call>
    std::invoke_result_t<Call&, NodeClient&> ask(Call call);
    template <typename Call>
    std::invoke_result_t<Call&, NodeClient&> ask_one(std::size_t index, Call& call);
    [[nodiscard]] NodeClient& client_of(std::size_t index);
    [[nodiscard]] NodeClient connect(std::size_t index, std::optional<ExpectedServer> server) const;
    // Asks the server, unproven, for the changes of the validators that are not known yet.
    void learn_validators(std::size_t index);
    void add_validators(const Membership& membership);

    NodePoolOptions options_;
    Digest genesis_hash_;
    LightClient light_client_;
    // Of all memberships that were followed: who has left may go on serving.
    std::vector<PublicKey> validators_;
    std::vector<std::optional<NodeClient>> clients_;  // one per endpoint
    std::size_t current_ = 0;
};

}  // namespace consilium::p2p
