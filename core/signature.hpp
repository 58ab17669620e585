// BIP340 Schnorr signatures over secp256k1 (libsecp256k1).
//
// A message is always a 32-byte tagged hash (core/digest.hpp), one tag per message type, so a
// signature made for one purpose never verifies for another. There is one valid encoding each.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"

namespace consilium {

// x-only public key (BIP340). May hold any 32 bytes; is_valid_key() says whether it is a point.
struct PublicKey {
    static constexpr std::size_t kSize = 32;
    std::array<std::uint8_t, kSize> bytes{};

    [[nodiscard]] ByteView view() const { return bytes; }
    [[nodiscard]] std::string hex() const { return to_hex(bytes); }
    friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
};

struct Signature {
    static constexpr std::size_t kSize = 64;
    std::array<std::uint8_t, kSize> bytes{};

    [[nodiscard]] ByteView view() const { return bytes; }
    friend auto operator<=>(const Signature&, const Signature&) = default;
};

[[nodiscard]] bool is_valid_key(const PublicKey& key);
[[nodiscard]] Result<PublicKey> decode_public_key_hex(std::string_view text);

[[nodiscard]] bool verify_signature(const PublicKey& key, const Digest& message,
                                    const Signature& signature);

// A secret key and its public half. Movable only; erased on destruction.
class KeyPair {
  public:
    // Fresh key from the operating system's randomness.
    [[nodiscard]] static KeyPair generate();
    // kInvalidKey unless 0 < secret < group order.
    [[nodiscard]] static Result<KeyPair> from_secret(std::span<const std::uint8_t, 32> secret);

    [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
    [[nodiscard]] const SecretArray<32>& secret() const { return secret_; }

    // Signs with fresh auxiliary randomness (BIP340, default signing) and verifies the result
    // before it is returned, against faults.
    [[nodiscard]] Signature sign(const Digest& message) const;
    // The same with given auxiliary bytes: for the official vectors and seeded tests only.
    [[nodiscard]] Signature sign_with_auxiliary(const Digest& message,
                                                std::span<const std::uint8_t, 32> auxiliary) const;

  private:
    KeyPair(SecretArray<32> secret, const PublicKey& public_key)
        : secret_(std::move(secret)), public_key_(public_key) {}

    SecretArray<32> secret_;
    PublicKey public_key_;
};

}  // namespace consilium
