// Sealing of small local secrets under a key that an account's secret key yields.
//
// A SealingKey is HKDF-SHA256(secret key, purpose): its holder can open its own files and nothing
// else. Each seal draws a fresh 32-byte salt, derives a one-time AES-256-GCM key from it and binds
// the caller's context (file name, batch number) as AAD, so sealed strings cannot be swapped and no
// number of writes exhausts a nonce.
// Sealed form: magic 8 bytes "CNSLSEA" 0, version u32 = 1, salt 32 bytes, ciphertext, tag 16 bytes.
#pragma once
#include <string>
#include <string_view>

#include "core/bytes.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "core/signature.hpp"
#include "wallet/keystore/secret_file.hpp"

namespace consilium::keystore {

inline constexpr std::size_t kSealedBytesMax = std::size_t{64} << 20;  // larger secrets are split
inline constexpr std::size_t kSealOverhead = 8 + 4 + 32 + 16;

class SealingKey {
  public:
    // `purpose` is a constant of the calling program, such as "mpc-secrets"; one per kind of file;
    // not empty.
    [[nodiscard]] static SealingKey derive(const KeyPair& account, std::string_view purpose);

    // A key that needs this one and `other`: what it sealed is lost with either.
    [[nodiscard]] SealingKey combine(const SecretArray<32>& other) const;

    // kLimitExceeded above kSealedBytesMax.
    [[nodiscard]] Result<Bytes> seal(ByteView plain, std::string_view context) const;
    // kMalformed: not a sealed string. kRefused: other key, purpose or context, or damage.
    [[nodiscard]] Result<SecretBytes> open(ByteView sealed, std::string_view context) const;

    // The same on files; the file name without its directory is the context.
    [[nodiscard]] Result<void> seal_file(const std::string& path, ByteView plain,
                                         WriteMode mode) const;
    [[nodiscard]] Result<SecretBytes> open_file(const std::string& path) const;

  private:
    explicit SealingKey(SecretArray<32> key) : key_(std::move(key)) {}

    SecretArray<32> key_;
};

}  // namespace consilium::keystore
