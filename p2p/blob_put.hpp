// The signed headers under which an account uploads a chunk of a blob.
//
// Signature: BIP340 by the account over tagged_hash("consilium/blob-put/v1", m), where m is
//   u32 length and bytes of the method, u32 length and bytes of the path, SHA-256 of the body,
//   u64 expiry (Unix ms); integers little-endian.
// Pure functions: the clock is an argument.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"
#include "p2p/http_message.hpp"

namespace consilium::p2p {

inline constexpr std::string_view kBlobPutTag = "consilium/blob-put/v1";
inline constexpr std::string_view kAccountHeader = "X-Consilium-Account";
inline constexpr std::string_view kExpiryHeader = "X-Consilium-Expiry";
inline constexpr std::string_view kSignatureHeader = "X-Consilium-Signature";

struct BlobPut {
    std::string_view method;  // "PUT"
    std::string_view path;    // as in the request line, for example /v1/blobs/<hash>/0
    ByteView body;
    TimeMs expiry;
};

[[nodiscard]] Digest blob_put_message(const BlobPut& put);
// The three headers, ready to send.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> sign_blob_put(const KeyPair& account,
                                                                             const BlobPut& put);

// The account that signed the request. kMalformed: a header is missing or no number or hex.
// kRefused: expired at `now`, or valid for longer than 10 minutes. kInvalidSignature.
// Whether that account may upload is the caller's question.
[[nodiscard]] Result<PublicKey> verify_blob_put(const HttpRequest& request, TimeMs now);

// "/v1/blobs/<64 lower-case hex>/<decimal chunk number>"
struct BlobChunkPath {
    Digest blob;
    std::uint32_t chunk = 0;
};
[[nodiscard]] std::string encode_blob_path(const BlobChunkPath& path);
[[nodiscard]] Result<BlobChunkPath> decode_blob_path(std::string_view path);
// Chunks of a blob of that length; an empty blob has one, empty.
[[nodiscard]] std::uint32_t blob_chunk_count(std::uint64_t length);

}  // namespace consilium::p2p
