// Sealing of mask keys to per-epoch X25519 keys (section 2.1, step 7).
//
// Sealed form: ephemeral public key (32) || AES-256-GCM ciphertext || tag (16). Key and IV come
// from HKDF-SHA256(X25519(ephemeral, recipient), salt = ephemeral || recipient key, info =
// context), so each pair is used once; the context is also the associated data. Randomness is an
// argument: the caller draws a fresh ephemeral secret for every sealed message.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/secret.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/kdf.hpp"
#include "fl_engine/smpc/keys.hpp"

namespace consilium::smpc {

using TransportPublicKey = std::array<std::uint8_t, kKeyBytes>;

class TransportSecretKey {
  public:
    // Any 32 random bytes; X25519 clamps them.
    explicit TransportSecretKey(Secret32 random) : secret_(std::move(random)) {}
    [[nodiscard]] TransportPublicKey public_key() const;
    [[nodiscard]] const Secret32& secret() const { return secret_; }

  private:
    Secret32 secret_;
};

// Where a ciphertext belongs; opening it anywhere else fails.
struct SealContext {
    std::string_view chain_id;
    std::uint64_t mpc_epoch{};
    std::string_view label;  // one of those below
    MemberIndex sender{};
    // client i for CLIENT_KEYS, the challenge's first 8 bytes for RECOVERY, else bitmap(A)
    std::uint64_t subject{};
    std::uint64_t recipient{};  // member index or client index
};
[[nodiscard]] Bytes encode_seal_context(const SealContext& context);

inline constexpr std::string_view kKeyCommitLabel = "KEY_COMMIT";
inline constexpr std::string_view kClientKeysLabel = "CLIENT_KEYS";
// An opening that a member of A sends another one who asked for it.
inline constexpr std::string_view kKeyReplyLabel = "KEY_REPLY";
// Keys of an epoch that a member sends another one that has lost its disk.
inline constexpr std::string_view kRecoveryLabel = "RECOVERY";
inline constexpr std::size_t kSealOverheadBytes = 32 + 16;
inline constexpr std::size_t kMaxSealedPlaintext = 64 * 1024;  // C(12,4) keys are 15,840 bytes

// kInvalidKey when the recipient's key makes the shared secret zero.
[[nodiscard]] Result<Bytes> seal(const SealContext& context, const TransportPublicKey& recipient,
                                 const TransportSecretKey& ephemeral, ByteView plaintext);
// kMalformed for a wrong length, kInvalidKey for a zero shared secret, kMismatch when the bytes
// were not sealed for this context and key.
[[nodiscard]] Result<SecretBytes> open_sealed(const SealContext& context,
                                              const TransportSecretKey& recipient, ByteView sealed);

// The blob of KEY_COMMIT: per entry in the transaction's order, one sealed opening for each member
// of A except the sender, ascending. The blob of CLIENT_KEYS is one sealed client bundle.
inline constexpr std::size_t kSealedOpeningBytes = kSubsetOpeningBytes + kSealOverheadBytes;
[[nodiscard]] std::size_t key_commit_blob_bytes(const Committee& committee, std::size_t entries);
[[nodiscard]] std::size_t client_keys_blob_bytes(const Committee& committee);
struct SealedOpeningPlace {
    std::size_t entry{};  // position in the transaction, from 0
    SubsetRank rank{};
    MemberIndex sender{};
    MemberIndex recipient{};
};
// Where the recipient's sealed opening begins; nullopt unless both are different members of A.
[[nodiscard]] std::optional<std::size_t> sealed_opening_offset(const Committee& committee,
                                                               const SealedOpeningPlace& place);

}  // namespace consilium::smpc
