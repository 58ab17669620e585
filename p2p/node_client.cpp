// Client of the node API on top of HttpClient.
#include "p2p/node_client.hpp"

#include <algorithm>
#include <utility>

namespace consilium::p2p {
namespace {

constexpr std::string_view kOctets = "application/octet-stream";

Result<ApiAnswer> to_answer(Result<HttpClientResponse> response) {
    if (!response) return tl::unexpected(response.error());
    ApiAnswer answer;
    answer.status = response->status;
    answer.content_type = std::string(response->header("content-type").value_or(""));
    answer.body = std::string(response->text());
    return answer;
}

}  // namespace

NodeClient::NodeClient(HttpClientOptions options) : http_(std::move(options)) {}

Result<ApiAnswer> NodeClient::get(std::string_view target) {
    return to_answer(http_.request("GET", target));
}

Result<ApiAnswer> NodeClient::post(std::string_view target, std::string_view content_type,
                                   ByteView body) {
    return to_answer(
        http_.request("POST", target, {{"Content-Type", std::string(content_type)}}, body));
}

Result<ApiAnswer> NodeClient::post_transaction(ByteView transaction) {
    return post("/v1/transactions", kOctets, transaction);
}

Result<ApiAnswer> NodeClient::put_blob(const KeyPair& account, const BlobUpload& upload) {
    if (upload.data.size() > limits::kBlobMaxBytes) {
        return make_error(ErrorCode::kLimitExceeded, "the blob is too long");
    }
    const Digest hash = sha256(upload.data);
    const TimeMs expiry{saturating_add(upload.now.value, upload.validity_ms)};
    const std::uint32_t count = blob_chunk_count(upload.data.size());
    Result<ApiAnswer> answer = make_error(ErrorCode::kInternal, "no chunk was sent");
    for (std::uint32_t chunk = 0; chunk < count; ++chunk) {
        const std::size_t offset = std::size_t{chunk} * limits::kBlobChunkBytes;
        const ByteView body = upload.data.subspan(
            offset, std::min(limits::kBlobChunkBytes, upload.data.size() - offset));
        const std::string path = encode_blob_path({hash, chunk});
        HttpHeaders headers = sign_blob_put(account, {"PUT", path, body, expiry});
        headers.emplace_back("Content-Type", kOctets);
        answer = to_answer(http_.request("PUT", path, headers, body));
        if (!answer || !answer->is_success()) return answer;
    }
    return answer;
}

Result<Bytes> NodeClient::get_blob(const Digest& hash, std::uint64_t length) {
    if (length > limits::kBlobMaxBytes) {
        return make_error(ErrorCode::kLimitExceeded, "the blob is too long");
    }
    Bytes blob;
    const std::uint32_t count = blob_chunk_count(length);
    for (std::uint32_t chunk = 0; chunk < count; ++chunk) {
        auto answer = http_.request("GET", encode_blob_path({hash, chunk}));
        if (!answer) return tl::unexpected(answer.error());
        if (answer->status == 404) return make_error(ErrorCode::kNotFound, "no such blob");
        if (answer->status != 200) {
            return make_error(ErrorCode::kUnavailable,
                              "the node answered " + std::to_string(answer->status));
        }
        const std::uint64_t left = length - blob.size();
        if (answer->body.size() != std::min<std::uint64_t>(left, limits::kBlobChunkBytes)) {
            return make_error(ErrorCode::kMismatch, "a chunk has another length");
        }
        blob.insert(blob.end(), answer->body.begin(), answer->body.end());
    }
    if (sha256(blob) != hash) {
        return make_error(ErrorCode::kMismatch, "the blob has another hash");
    }
    return blob;
}

}  // namespace consilium::p2p
