// AES-256-GCM over OpenSSL, for the files of the keystore.
#pragma once
#include <array>
#include <cstdint>

#include "core/bytes.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"

namespace consilium::keystore {

inline constexpr std::size_t kAeadNonceBytes = 12;
inline constexpr std::size_t kAeadTagBytes = 16;
using AeadKey = SecretArray<32>;
using AeadNonce = std::array<std::uint8_t, kAeadNonceBytes>;

// Ciphertext and tag of `plain`, which is shorter than 2 GiB. A nonce is used once per key.
[[nodiscard]] Result<Bytes> aead_seal(const AeadKey& key, const AeadNonce& nonce,
                                      ByteView associated, ByteView plain);
// kRefused when the tag does not fit; says nothing about which part is wrong.
[[nodiscard]] Result<SecretBytes> aead_open(const AeadKey& key, const AeadNonce& nonce,
                                            ByteView associated, ByteView sealed);

// HKDF-SHA256 (RFC 5869) with a 32-byte output; no part may be empty (OpenSSL refuses that).
[[nodiscard]] AeadKey hkdf_sha256(ByteView secret, ByteView salt, ByteView info);

}  // namespace consilium::keystore
