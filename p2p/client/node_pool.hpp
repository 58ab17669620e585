// The node API of several nodes behind one channel: the next one is asked when one does not answer.
//
// Every connection is TLS, and the server must prove one of the keys that are allowed for it before
// anything is sent. Transactions are the same bytes wherever they go, so moving on is safe. Not
// thread-safe.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/digest.hpp"
#include "core/signature.hpp"
#include "p2p/client/api_channel.hpp"

namespace consilium::p2p {

struct NodeEndpoint {
    std::string host;
    std::uint16_t port = 0;
    std::vector<PublicKey> allowed_keys;  // the server proves one of them; not empty
};

// "host:port" without keys, or "host:port=KEY" for a server that has to prove this validator key of
// 64 hexadecimal digits; an IPv6 host in brackets. kMalformed otherwise.
[[nodiscard]] Result<NodeEndpoint> parse_endpoint(std::string_view text);

struct NodePoolOptions {
    std::vector<NodeEndpoint> endpoints;  // not empty; asked in this order
    Digest genesis_hash;
    std::uint64_t request_timeout_ms = 10'000;
    std::size_t response_limit = 16 * limits::kMebibyte;
    // See HttpClientOptions::cancel_flag; a pause ends with it too.
    const std::atomic<bool>* cancel_flag = nullptr;
};

class NodePool final : public ApiChannel {
  public:
    explicit NodePool(NodePoolOptions options);
    ~NodePool() override;

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

  private:
    struct Connection;
    template <typename Call>
    std::invoke_result_t<Call&, NodeClient&> ask(Call call);
    template <typename Call>
    std::invoke_result_t<Call&, NodeClient&> ask_one(std::size_t index, Call& call);

    NodePoolOptions options_;
    std::vector<std::unique_ptr<Connection>> connections_;  // one per endpoint
    std::size_t current_ = 0;
};

}  // namespace consilium::p2p
