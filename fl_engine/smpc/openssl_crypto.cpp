// OpenSSL calls behind openssl_crypto.hpp; every return value is checked.
#include "fl_engine/smpc/openssl_crypto.hpp"

#include <algorithm>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/check.hpp"

namespace consilium::smpc {
namespace {

struct CipherDeleter {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter>;
struct PkeyDeleter {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyDeleter>;
struct PkeyContextDeleter {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kStreamChunkBytes = std::size_t{1} << 20;  // EVP lengths are int

void hmac_sha256(ByteView key, ByteView data, std::span<std::uint8_t, kHashBytes> out) {
    unsigned int length = 0;
    const auto* result = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(),
                              data.size(), out.data(), &length);
    CHECK(result != nullptr && length == kHashBytes);
}

Pkey private_key(std::span<const std::uint8_t, 32> secret) {
    Pkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size()));
    CHECK(key != nullptr);
    return key;
}

}  // namespace

SecretArray<32> hkdf_extract(ByteView salt, ByteView input) {
    SecretArray<32> result;
    hmac_sha256(salt, input, result.mutable_view());
    return result;
}

void hkdf_expand(ByteView key, ByteView info, std::span<std::uint8_t> out) {
    CHECK(out.size() <= 255 * kHashBytes);
    SecretArray<kHashBytes> block;
    Bytes message;
    std::uint8_t counter = 0;
    for (std::size_t done = 0; done < out.size();) {
        // T(i) = HMAC(key, T(i-1) || info || i); T(0) is empty.
        message.assign(block.view().begin(),
                       counter == 0 ? block.view().begin() : block.view().end());
        message.insert(message.end(), info.begin(), info.end());
        message.push_back(++counter);
        hmac_sha256(key, message, block.mutable_view());
        const std::size_t take = std::min(kHashBytes, out.size() - done);
        std::copy_n(block.view().begin(), take, out.begin() + static_cast<std::ptrdiff_t>(done));
        done += take;
    }
    erase_memory(message.data(), message.size());
}

struct AesCtrStream::Context {
    CipherContext cipher;
};

AesCtrStream::AesCtrStream(std::span<const std::uint8_t, 32> key, std::uint64_t first_block)
    : context_(std::make_unique<Context>()) {
    context_->cipher.reset(EVP_CIPHER_CTX_new());
    CHECK(context_->cipher != nullptr);
    std::array<std::uint8_t, 16> iv{};  // the counter, big-endian
    for (std::size_t i = 0; i < 8; ++i) {
        iv[15 - i] = static_cast<std::uint8_t>(first_block >> (8 * i));
    }
    CHECK(EVP_EncryptInit_ex(context_->cipher.get(), EVP_aes_256_ctr(), nullptr, key.data(),
                             iv.data()) == 1);
}
AesCtrStream::AesCtrStream(AesCtrStream&&) noexcept = default;
AesCtrStream& AesCtrStream::operator=(AesCtrStream&&) noexcept = default;
AesCtrStream::~AesCtrStream() = default;

void AesCtrStream::next(std::span<std::uint8_t> out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    while (!out.empty()) {
        const std::size_t size = std::min(out.size(), kStreamChunkBytes);
        int written = 0;
        CHECK(EVP_EncryptUpdate(context_->cipher.get(), out.data(), &written, out.data(),
                                static_cast<int>(size)) == 1);
        CHECK(static_cast<std::size_t>(written) == size);
        out = out.subspan(size);
    }
}

Block32 x25519_public_key(std::span<const std::uint8_t, 32> secret) {
    const Pkey key = private_key(secret);
    Block32 result{};
    std::size_t size = result.size();
    CHECK(EVP_PKEY_get_raw_public_key(key.get(), result.data(), &size) == 1);
    CHECK(size == result.size());
    return result;
}

std::optional<SecretArray<32>> x25519(std::span<const std::uint8_t, 32> secret,
                                      const Block32& peer) {
    const Pkey key = private_key(secret);
    const Pkey other(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.data(), peer.size()));
    CHECK(other != nullptr);
    const std::unique_ptr<EVP_PKEY_CTX, PkeyContextDeleter> context(
        EVP_PKEY_CTX_new(key.get(), nullptr));
    CHECK(context != nullptr);
    CHECK(EVP_PKEY_derive_init(context.get()) == 1);
    CHECK(EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1);
    SecretArray<32> shared;
    std::size_t size = 32;
    // OpenSSL itself refuses an all-zero result; the second test does not rely on it.
    if (EVP_PKEY_derive(context.get(), shared.mutable_view().data(), &size) != 1) {
        return std::nullopt;
    }
    CHECK(size == 32);
    const Block32 zero{};
    if (constant_time_equal(shared.view(), zero)) return std::nullopt;
    return shared;
}

Bytes gcm_seal(const GcmKey& key, ByteView associated, ByteView plaintext) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.key.view().data(),
                             key.iv.data()) == 1);
    int written = 0;
    CHECK(EVP_EncryptUpdate(context.get(), nullptr, &written, associated.data(),
                            static_cast<int>(associated.size())) == 1);
    Bytes sealed(plaintext.size() + kGcmTagBytes);
    CHECK(EVP_EncryptUpdate(context.get(), sealed.data(), &written, plaintext.data(),
                            static_cast<int>(plaintext.size())) == 1);
    CHECK(static_cast<std::size_t>(written) == plaintext.size());
    CHECK(EVP_EncryptFinal_ex(context.get(), sealed.data() + written, &written) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes,
                              sealed.data() + plaintext.size()) == 1);
    return sealed;
}

std::optional<SecretBytes> gcm_open(const GcmKey& key, ByteView associated, ByteView sealed) {
    CHECK(sealed.size() >= kGcmTagBytes);
    const std::size_t size = sealed.size() - kGcmTagBytes;
    const CipherContext context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.key.view().data(),
                             key.iv.data()) == 1);
    int written = 0;
    CHECK(EVP_DecryptUpdate(context.get(), nullptr, &written, associated.data(),
                            static_cast<int>(associated.size())) == 1);
    SecretBytes plaintext(size);
    CHECK(EVP_DecryptUpdate(context.get(), plaintext.mutable_view().data(), &written, sealed.data(),
                            static_cast<int>(size)) == 1);
    Bytes tag(sealed.begin() + static_cast<std::ptrdiff_t>(size), sealed.end());
    CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) == 1);
    std::array<std::uint8_t, 16> rest{};
    if (EVP_DecryptFinal_ex(context.get(), rest.data(), &written) != 1) return std::nullopt;
    return plaintext;
}

}  // namespace consilium::smpc
