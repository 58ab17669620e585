// A way to ask a node's API, as an interface: what waits and retries is tested without a network.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "p2p/node_client.hpp"

namespace consilium::p2p {

class ApiChannel {
  public:
    ApiChannel() = default;
    ApiChannel(const ApiChannel&) = delete;
    ApiChannel& operator=(const ApiChannel&) = delete;
    ApiChannel(ApiChannel&&) = delete;
    ApiChannel& operator=(ApiChannel&&) = delete;
    virtual ~ApiChannel() = default;

    // Errors as HttpClient: kUnavailable when no node answers, kInvalidSignature or kMismatch when
    // what answers is not the node it should be.
    [[nodiscard]] virtual Result<ApiAnswer> get(std::string_view target) = 0;
    [[nodiscard]] virtual Result<ApiAnswer> post_transaction(ByteView transaction) = 0;
    // Gives a blob to every node that may take it: how many did, or the last failure when none did.
    [[nodiscard]] virtual Result<std::size_t> put_blob(const KeyPair& account,
                                                       const BlobUpload& upload) = 0;
    // The content of this hash and length. Errors as NodeClient::get_blob.
    [[nodiscard]] virtual Result<Bytes> get_blob(const Digest& hash, std::uint64_t length) = 0;
    // Number of the node that gave the last answer. Two answers are comparable in time only when
    // they came from one node.
    [[nodiscard]] virtual std::size_t node() const = 0;
    [[nodiscard]] virtual std::uint64_t now_ms() const = 0;  // monotonic
    virtual void pause_ms(std::uint64_t duration_ms) = 0;
};

}  // namespace consilium::p2p
