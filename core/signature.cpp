// BIP340 by libsecp256k1, with a context blinded once per process.
#include "core/signature.hpp"

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

#include <algorithm>

#include "core/check.hpp"
#include "core/random.hpp"

namespace consilium {
namespace {

const secp256k1_context* shared_context() {
    static const secp256k1_context* const context = [] {
        secp256k1_context* fresh = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
        CHECK(fresh != nullptr);
        SecretArray<32> seed;
        fill_random(seed.mutable_view());
        CHECK(secp256k1_context_randomize(fresh, seed.view().data()) == 1);
        return fresh;
    }();
    return context;
}

// The library's key pair, erased when it leaves scope.
struct LibraryKeyPair {
    secp256k1_keypair value{};
    LibraryKeyPair() = default;
    LibraryKeyPair(const LibraryKeyPair&) = delete;
    LibraryKeyPair& operator=(const LibraryKeyPair&) = delete;
    LibraryKeyPair(LibraryKeyPair&&) = delete;
    LibraryKeyPair& operator=(LibraryKeyPair&&) = delete;
    ~LibraryKeyPair() { erase_memory(&value, sizeof(value)); }
};

}  // namespace

bool is_valid_key(const PublicKey& key) {
    secp256k1_xonly_pubkey parsed;
    return secp256k1_xonly_pubkey_parse(shared_context(), &parsed, key.bytes.data()) == 1;
}

Result<PublicKey> decode_public_key_hex(std::string_view text) {
    auto bytes = decode_hex(text);
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->size() != PublicKey::kSize) {
        return make_error(ErrorCode::kMalformed, "a public key has 64 hexadecimal characters");
    }
    PublicKey key;
    std::copy(bytes->begin(), bytes->end(), key.bytes.begin());
    if (!is_valid_key(key)) {
        return make_error(ErrorCode::kInvalidKey, "not a point of secp256k1");
    }
    return key;
}

bool verify_signature(const PublicKey& key, const Digest& message, const Signature& signature) {
    secp256k1_xonly_pubkey parsed;
    if (secp256k1_xonly_pubkey_parse(shared_context(), &parsed, key.bytes.data()) != 1) {
        return false;
    }
    return secp256k1_schnorrsig_verify(shared_context(), signature.bytes.data(),
                                       message.bytes.data(), Digest::kSize, &parsed) == 1;
}

KeyPair KeyPair::generate() {
    for (;;) {
        SecretArray<32> secret;
        fill_random(secret.mutable_view());
        auto pair = from_secret(secret.view());
        if (pair) return std::move(*pair);
    }
}

Result<KeyPair> KeyPair::from_secret(std::span<const std::uint8_t, 32> secret) {
    LibraryKeyPair pair;
    if (secp256k1_keypair_create(shared_context(), &pair.value, secret.data()) != 1) {
        return make_error(ErrorCode::kInvalidKey,
                          "secret key is zero or not below the group order");
    }
    secp256k1_xonly_pubkey parsed;
    CHECK(secp256k1_keypair_xonly_pub(shared_context(), &parsed, nullptr, &pair.value) == 1);
    PublicKey public_key;
    CHECK(secp256k1_xonly_pubkey_serialize(shared_context(), public_key.bytes.data(), &parsed) ==
          1);
    return KeyPair(SecretArray<32>(secret), public_key);
}

Signature KeyPair::sign(const Digest& message) const {
    SecretArray<32> auxiliary;
    fill_random(auxiliary.mutable_view());
    return sign_with_auxiliary(message, auxiliary.view());
}

Signature KeyPair::sign_with_auxiliary(const Digest& message,
                                       std::span<const std::uint8_t, 32> auxiliary) const {
    LibraryKeyPair pair;
    CHECK(secp256k1_keypair_create(shared_context(), &pair.value, secret_.view().data()) == 1);
    Signature signature;
    CHECK(secp256k1_schnorrsig_sign32(shared_context(), signature.bytes.data(),
                                      message.bytes.data(), &pair.value, auxiliary.data()) == 1);
    CHECK(verify_signature(public_key_, message, signature));
    return signature;
}

}  // namespace consilium
