// SHA-256 by OpenSSL's EVP interface, with the midstate of each tag cached per thread.
#include "core/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <map>

#include "core/check.hpp"

namespace consilium {

struct Sha256::Context {
    EVP_MD_CTX* handle = EVP_MD_CTX_new();
    Context() { CHECK(handle != nullptr); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    Context(Context&&) = delete;
    Context& operator=(Context&&) = delete;
    ~Context() { EVP_MD_CTX_free(handle); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    CHECK(EVP_DigestInit_ex(context_->handle, EVP_sha256(), nullptr) == 1);
}

Sha256::Sha256(const Sha256& other) : context_(std::make_unique<Context>()) {
    CHECK(EVP_MD_CTX_copy_ex(context_->handle, other.context_->handle) == 1);
}

Sha256& Sha256::operator=(const Sha256& other) {
    if (this != &other) {
        CHECK(EVP_MD_CTX_copy_ex(context_->handle, other.context_->handle) == 1);
    }
    return *this;
}

Sha256::~Sha256() = default;

Sha256& Sha256::update(ByteView data) {
    CHECK(EVP_DigestUpdate(context_->handle, data.data(), data.size()) == 1);
    return *this;
}

Digest Sha256::finish() {
    Digest digest;
    unsigned int length = 0;
    CHECK(EVP_DigestFinal_ex(context_->handle, digest.bytes.data(), &length) == 1);
    CHECK(length == Digest::kSize);
    return digest;
}

Digest sha256(ByteView data) {
    return Sha256().update(data).finish();
}

Digest tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts) {
    thread_local std::map<std::string, Sha256, std::less<>> midstates;
    auto found = midstates.find(tag);
    if (found == midstates.end()) {
        const Digest tag_digest = sha256(as_bytes(tag));
        Sha256 midstate;
        midstate.update(tag_digest.view()).update(tag_digest.view());
        found = midstates.emplace(std::string(tag), std::move(midstate)).first;
    }
    Sha256 hasher = found->second;
    for (const ByteView part : parts) hasher.update(part);
    return hasher.finish();
}

Result<Digest> decode_digest_hex(std::string_view text) {
    auto bytes = decode_hex(text);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->size() != Digest::kSize) {
        return make_error(ErrorCode::kMalformed, "a digest has 64 hexadecimal characters");
    }
    Digest digest;
    std::copy(bytes->begin(), bytes->end(), digest.bytes.begin());
    return digest;
}

}  // namespace consilium
