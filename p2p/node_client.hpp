// Client of the node API: typed where bytes have rules, raw JSON text where the caller parses.
//
// Threading and errors as HttpClient. Time is an argument of what needs it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"
#include "p2p/blob_put.hpp"
#include "p2p/http_client.hpp"

namespace consilium::p2p {

struct ApiAnswer {
    unsigned status = 0;
    std::string content_type;
    std::string body;
    [[nodiscard]] bool is_success() const { return status >= 200 && status < 300; }
};

struct BlobUpload {
    ByteView data;
    TimeMs now;  // the headers are valid until now + validity_ms
    std::uint64_t validity_ms = limits::kBlobPutValidityMs;
};

class NodeClient {
  public:
    explicit NodeClient(HttpClientOptions options);

    // GET of any path; JSON stays with the caller.
    [[nodiscard]] Result<ApiAnswer> get(std::string_view target);
    [[nodiscard]] Result<ApiAnswer> post(std::string_view target, std::string_view content_type,
                                         ByteView body);
    // POST /v1/transactions, raw bytes as octet-stream. 202 promises nothing.
    [[nodiscard]] Result<ApiAnswer> post_transaction(ByteView transaction);

    // PUT of all chunks in order, each signed. Stops at the first answer that is no success and
    // returns it; otherwise the last answer. kLimitExceeded over kBlobMaxBytes.
    [[nodiscard]] Result<ApiAnswer> put_blob(const KeyPair& account, const BlobUpload& upload);
    // GET of all chunks; the result has exactly that length and hash. kNotFound on 404, kMismatch
    // when length or hash differ, kUnavailable on another status.
    [[nodiscard]] Result<Bytes> get_blob(const Digest& hash, std::uint64_t length);

    [[nodiscard]] HttpClient& http() { return http_; }

  private:
    HttpClient http_;
};

}  // namespace consilium::p2p
