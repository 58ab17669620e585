// Encrypted key files: one secp256k1 secret key under a password.
//
// File (canonical codec, core/codec.hpp):
//   magic      8 bytes "CNSLKEY" 0
//   version    u32, 1
//   length     u32, bytes of the header that follows
//   header     KDF memory_kib u32, passes u32, lanes u32; salt 16 bytes; nonce 12 bytes;
//              public key 32 bytes; label string <= 64
//   sealed     48 bytes: AES-256-GCM of the 32-byte secret, and its tag
// All bytes before `sealed` are authenticated as AAD, the KDF parameters with them. The AES key is
// Argon2id(password, salt). A wrong password and a changed file are one error, found at one point.
#pragma once
#include <cstdint>
#include <string>

#include "core/result.hpp"
#include "core/secret.hpp"
#include "core/signature.hpp"

namespace consilium::keystore {

// Argon2id cost (RFC 9106). Values outside floor and ceiling are refused on writing and loading:
// the floor keeps a weakened file out, the ceiling keeps a hostile one from taking the machine.
struct KdfParameters {
    std::uint32_t memory_kib{};
    std::uint32_t passes{};
    std::uint32_t lanes{};

    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("memory_kib", self.memory_kib);
        visit("passes", self.passes);
        visit("lanes", self.lanes);
    }
    friend bool operator==(const KdfParameters&, const KdfParameters&) = default;
};

// RFC 9106, second recommended choice.
inline constexpr KdfParameters kStandardKdf{64 * 1024, 3, 4};
// The floor (OWASP): for tests and throw-away networks that unlock many keys on one machine.
inline constexpr KdfParameters kFloorKdf{19 * 1024, 2, 1};
inline constexpr KdfParameters kCeilingKdf{1024 * 1024, 16, 16};

inline constexpr std::size_t kLabelBytesMax = 64;     // shown in lists; printable ASCII
inline constexpr std::size_t kPasswordBytesMin = 12;  // when a file is written
inline constexpr std::size_t kPasswordBytesMax =
    1024;  // bounds what a prompt or a file may feed in
inline constexpr std::size_t kKeyFileBytesMax = 4096;

struct KeyFileOptions {
    std::string label;  // what the owner calls this key; stands in the file in the clear
    KdfParameters kdf = kStandardKdf;
    bool overwrite = false;  // replaces an existing file; the key in it is lost
};

// What a key file says without its password. Not authenticated: a hint for lists.
struct KeyFileInfo {
    PublicKey public_key;
    std::string label;
    KdfParameters kdf;
};

// Encrypts `key` with fresh salt and nonce. kRefused for a short password, a bad label or
// parameters out of bounds.
[[nodiscard]] Result<Bytes> encrypt_key(const KeyPair& key, const SecretBytes& password,
                                        const KeyFileOptions& options);
// Decrypts, recomputes the public key, compares it with the header's, signs and verifies once.
// kMalformed: not a key file. kRefused: parameters out of bounds, or wrong password or damage.
[[nodiscard]] Result<KeyPair> decrypt_key(ByteView file, const SecretBytes& password);
[[nodiscard]] Result<KeyFileInfo> inspect_key(ByteView file);

// The same on files (secret_file.hpp): 0600, atomic, never over an existing file unless told to.
[[nodiscard]] Result<void> write_key_file(const std::string& path, const KeyPair& key,
                                          const SecretBytes& password,
                                          const KeyFileOptions& options);
[[nodiscard]] Result<KeyPair> load_key_file(const std::string& path, const SecretBytes& password);
[[nodiscard]] Result<KeyFileInfo> inspect_key_file(const std::string& path);

}  // namespace consilium::keystore
