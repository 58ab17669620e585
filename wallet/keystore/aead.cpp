// AES-256-GCM and HKDF through OpenSSL's EVP interface.
#include "wallet/keystore/aead.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <limits>
#include <memory>

#include "core/check.hpp"

namespace consilium::keystore {
namespace {

constexpr std::size_t kInputBytesMax = std::size_t{1} << 30;  // fits OpenSSL's int lengths

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

int length_of(ByteView bytes) {
    CHECK(bytes.size() <= kInputBytesMax);
    return static_cast<int>(bytes.size());
}

}  // namespace

Result<Bytes> aead_seal(const AeadKey& key, const AeadNonce& nonce, ByteView associated,
                        ByteView plain) {
    const CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    Bytes sealed(plain.size() + kAeadTagBytes);
    int written = 0;
    int tail = 0;
    const bool done = context != nullptr &&
                      EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), key.view().data(),
                                          nonce.data(), nullptr) == 1 &&
                      EVP_EncryptUpdate(context.get(), nullptr, &written, associated.data(),
                                        length_of(associated)) == 1 &&
                      EVP_EncryptUpdate(context.get(), sealed.data(), &written, plain.data(),
                                        length_of(plain)) == 1 &&
                      EVP_EncryptFinal_ex(context.get(), sealed.data() + written, &tail) == 1 &&
                      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes,
                                          sealed.data() + plain.size()) == 1;
    if (!done) return make_error(ErrorCode::kInternal, "OpenSSL could not encrypt");
    return sealed;
}

Result<SecretBytes> aead_open(const AeadKey& key, const AeadNonce& nonce, ByteView associated,
                              ByteView sealed) {
    if (sealed.size() < kAeadTagBytes) {
        return make_error(ErrorCode::kRefused, "the ciphertext does not open");
    }
    const ByteView body = sealed.first(sealed.size() - kAeadTagBytes);
    Bytes tag = to_bytes(sealed.last(kAeadTagBytes));
    const CipherContext context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    SecretBytes plain(body.size());
    int written = 0;
    int tail = 0;
    const bool ready =
        context != nullptr &&
        EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), key.view().data(), nonce.data(),
                            nullptr) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &written, associated.data(),
                          length_of(associated)) == 1 &&
        EVP_DecryptUpdate(context.get(), plain.mutable_view().data(), &written, body.data(),
                          length_of(body)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1;
    if (!ready) return make_error(ErrorCode::kInternal, "OpenSSL could not decrypt");
    if (EVP_DecryptFinal_ex(context.get(), plain.mutable_view().data() + written, &tail) != 1) {
        return make_error(ErrorCode::kRefused, "the ciphertext does not open");
    }
    return plain;
}

AeadKey hkdf_sha256(ByteView secret, ByteView salt, ByteView info) {
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
        EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
    CHECK(kdf != nullptr);
    CHECK(!secret.empty());
    CHECK(!salt.empty());
    CHECK(!info.empty());
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
        EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free);
    CHECK(context != nullptr);
    char digest[] = "SHA256";
    const auto octets = [](const char* name, ByteView bytes) {
        return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                                 bytes.size());
    };
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, secret),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };
    AeadKey derived;
    CHECK(EVP_KDF_derive(context.get(), derived.mutable_view().data(), 32, params) == 1);
    return derived;
}

}  // namespace consilium::keystore
