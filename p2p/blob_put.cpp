// Signing and checking the headers of a blob upload.
#include "p2p/blob_put.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/check.hpp"
#include "p2p/limits.hpp"

namespace consilium::p2p {
namespace {

constexpr std::string_view kBlobPrefix = "/v1/blobs/";

template <typename Integer>
void append_integer(Bytes& out, Integer value) {
    for (std::size_t i = 0; i < sizeof(value); ++i) {
        out.push_back(static_cast<std::uint8_t>((value >> (8 * i)) & 0xffU));
    }
}

void append_text(Bytes& out, std::string_view text) {
    append_integer(out, static_cast<std::uint32_t>(text.size()));
    const auto bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

// A decimal number without sign or leading zero.
template <typename Integer>
std::optional<Integer> parse_decimal(std::string_view text) {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    Integer value{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

Result<std::string_view> required_header(const HttpRequest& request, std::string_view name) {
    const auto value = find_header(request, lower_case(name));
    if (!value) {
        return make_error(ErrorCode::kMalformed, "header " + std::string(name) + " is missing");
    }
    return *value;
}

Result<void> check_expiry(TimeMs expiry, TimeMs now) {
    if (expiry.value <= now.value) {
        return make_error(ErrorCode::kRefused, "the signed upload has expired");
    }
    if (expiry.value - now.value > limits::kBlobPutMaxValidityMs) {
        return make_error(ErrorCode::kRefused, "the signed upload is valid for too long");
    }
    return {};
}

}  // namespace

Digest blob_put_message(const BlobPut& put) {
    Bytes message;
    append_text(message, put.method);
    append_text(message, put.path);
    const Digest body = sha256(put.body);
    message.insert(message.end(), body.bytes.begin(), body.bytes.end());
    append_integer(message, put.expiry.value);
    return tagged_hash(kBlobPutTag, message);
}

std::vector<std::pair<std::string, std::string>> sign_blob_put(const KeyPair& account,
                                                               const BlobPut& put) {
    const Signature signature = account.sign(blob_put_message(put));
    return {{std::string(kAccountHeader), account.public_key().hex()},
            {std::string(kExpiryHeader), std::to_string(put.expiry.value)},
            {std::string(kSignatureHeader), to_hex(signature.bytes)}};
}

Result<PublicKey> verify_blob_put(const HttpRequest& request, TimeMs now) {
    const auto account_text = required_header(request, kAccountHeader);
    if (!account_text) return tl::unexpected(account_text.error());
    const auto expiry_text = required_header(request, kExpiryHeader);
    if (!expiry_text) return tl::unexpected(expiry_text.error());
    const auto signature_text = required_header(request, kSignatureHeader);
    if (!signature_text) return tl::unexpected(signature_text.error());

    auto account = decode_public_key_hex(*account_text);
    if (!account) return account;
    const auto expiry = parse_decimal<std::uint64_t>(*expiry_text);
    if (!expiry) return make_error(ErrorCode::kMalformed, "the expiry is not a number");
    const auto signature_bytes = decode_hex(*signature_text);
    if (!signature_bytes || signature_bytes->size() != Signature::kSize) {
        return make_error(ErrorCode::kMalformed, "the signature is not 128 hexadecimal characters");
    }
    if (auto valid = check_expiry(TimeMs{*expiry}, now); !valid) {
        return tl::unexpected(valid.error());
    }
    Signature signature;
    std::copy(signature_bytes->begin(), signature_bytes->end(), signature.bytes.begin());
    const BlobPut put{request.method, request.path, request.body, TimeMs{*expiry}};
    if (!verify_signature(*account, blob_put_message(put), signature)) {
        return make_error(ErrorCode::kInvalidSignature, "the upload's signature does not verify");
    }
    return account;
}

std::string encode_blob_path(const BlobChunkPath& path) {
    return std::string(kBlobPrefix) + path.blob.hex() + "/" + std::to_string(path.chunk);
}

Result<BlobChunkPath> decode_blob_path(std::string_view path) {
    constexpr std::size_t kHashHex = 2 * Digest::kSize;
    if (!path.starts_with(kBlobPrefix) || path.size() < kBlobPrefix.size() + kHashHex + 2 ||
        path[kBlobPrefix.size() + kHashHex] != '/') {
        return make_error(ErrorCode::kMalformed, "not a path of a blob chunk");
    }
    const auto hash_text = path.substr(kBlobPrefix.size(), kHashHex);
    const auto hash = decode_digest_hex(hash_text);
    const auto chunk = parse_decimal<std::uint32_t>(path.substr(kBlobPrefix.size() + kHashHex + 1));
    if (!hash || !chunk || hash->hex() != hash_text) {
        return make_error(ErrorCode::kMalformed, "not a path of a blob chunk");
    }
    if (*chunk >= blob_chunk_count(limits::kBlobMaxBytes)) {
        return make_error(ErrorCode::kLimitExceeded, "no blob has that many chunks");
    }
    return BlobChunkPath{*hash, *chunk};
}

std::uint32_t blob_chunk_count(std::uint64_t length) {
    CHECK(length <= limits::kBlobMaxBytes);
    if (length == 0) return 1;
    const std::uint64_t count = (length + limits::kBlobChunkBytes - 1) / limits::kBlobChunkBytes;
    return static_cast<std::uint32_t>(count);
}

}  // namespace consilium::p2p
