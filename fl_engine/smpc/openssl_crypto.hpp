// The only place of this library that calls OpenSSL: HKDF, AES-256-CTR, X25519, AES-256-GCM.
//
// Inputs have fixed or checked sizes, so a failing library call means a broken installation and
// stops the process; only a hostile key or ciphertext gives an empty result.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "core/secret.hpp"

namespace consilium::smpc {

using Block32 = std::array<std::uint8_t, 32>;

// RFC 5869 with SHA-256. Expand: at most 255 * 32 bytes.
[[nodiscard]] SecretArray<32> hkdf_extract(ByteView salt, ByteView input);
void hkdf_expand(ByteView key, ByteView info, std::span<std::uint8_t> out);

// The key stream of AES-256-CTR with a zero IV, in order, from the given 16-byte block on.
class AesCtrStream {
  public:
    explicit AesCtrStream(std::span<const std::uint8_t, 32> key, std::uint64_t first_block = 0);
    AesCtrStream(AesCtrStream&&) noexcept;
    AesCtrStream& operator=(AesCtrStream&&) noexcept;
    ~AesCtrStream();
    void next(std::span<std::uint8_t> out);

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

[[nodiscard]] Block32 x25519_public_key(std::span<const std::uint8_t, 32> secret);
// nullopt when the shared secret is all zero (a point of small order).
[[nodiscard]] std::optional<SecretArray<32>> x25519(std::span<const std::uint8_t, 32> secret,
                                                    const Block32& peer);

inline constexpr std::size_t kGcmIvBytes = 12;
inline constexpr std::size_t kGcmTagBytes = 16;
struct GcmKey {
    SecretArray<32> key;
    std::array<std::uint8_t, kGcmIvBytes> iv{};
};
// Ciphertext with the tag behind it.
[[nodiscard]] Bytes gcm_seal(const GcmKey& key, ByteView associated, ByteView plaintext);
// nullopt unless the tag is right; `sealed` is at least a tag long.
[[nodiscard]] std::optional<SecretBytes> gcm_open(const GcmKey& key, ByteView associated,
                                                  ByteView sealed);

}  // namespace consilium::smpc
