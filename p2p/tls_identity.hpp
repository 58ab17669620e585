// TLS 1.3 with throw-away certificates, and the proof that binds a channel to a secp256k1 key.
//
// Any certificate passes TLS. Who the other end is follows from its BIP340 signature over
//   tagged_hash("consilium/tls-identity/v1", {genesis hash, role byte, exporter value})
// where the exporter value (RFC 8446 section 7.5, label "EXPORTER-consilium-identity", no context,
// 32 bytes) is the same at both ends of one channel and different on every other: a man in the
// middle has two channels, so a proof made on one never verifies on the other.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace consilium::p2p {

inline constexpr std::string_view kExporterLabel = "EXPORTER-consilium-identity";
inline constexpr std::string_view kIdentityTag = "consilium/tls-identity/v1";

// Which end of the TLS channel the signer is.
enum class TlsRole : std::uint8_t { kClient = 1, kServer = 2 };

using ExporterValue = std::array<std::uint8_t, 32>;

// The key a process proves, and the way to sign with it. `sign` is called on the threads of the
// io_context, must not block for long, and must not throw. The key itself stays with the caller.
struct IdentitySigner {
    PublicKey key;
    std::function<Signature(const Digest&)> sign;
};
// Signs with a key pair that must outlive every user of the signer.
[[nodiscard]] IdentitySigner make_identity_signer(const KeyPair& key_pair);

struct IdentityProof {
    PublicKey key;
    Signature signature;
};

[[nodiscard]] Digest identity_message(const Digest& genesis_hash, TlsRole signer_role,
                                      const ExporterValue& exporter);
[[nodiscard]] IdentityProof make_identity_proof(const IdentitySigner& signer,
                                                const Digest& genesis_hash, TlsRole signer_role,
                                                const ExporterValue& exporter);
[[nodiscard]] bool verify_identity_proof(const IdentityProof& proof, const Digest& genesis_hash,
                                         TlsRole signer_role, const ExporterValue& exporter);

// The one JSON text of a proof: {"key":"<64 hex>","signature":"<128 hex>"}. Lower case, no spaces.
[[nodiscard]] std::string encode_identity_proof_json(const IdentityProof& proof);
// Accepts exactly that text, so that no JSON parser meets bytes of an unproven server.
[[nodiscard]] Result<IdentityProof> decode_identity_proof_json(std::string_view text);

// Payload of the mesh's identity frame: u16 version 1 (little-endian), key, signature.
[[nodiscard]] Bytes encode_identity_frame(const IdentityProof& proof);
[[nodiscard]] Result<IdentityProof> decode_identity_frame(ByteView payload);

// Exporter value of an established TLS 1.3 channel.
[[nodiscard]] Result<ExporterValue> export_channel_binding(ssl_st* tls);
// KeyUpdate messages received on a channel made from a TlsIdentity context.
[[nodiscard]] std::uint32_t received_key_updates(const ssl_st* tls);

// One process's certificate (P-256, self-signed, made in memory, never stored) and the TLS 1.3-only
// contexts made from it: no tickets, no resumption, no early data. Immutable after generate();
// safe to share between threads.
class TlsIdentity {
  public:
    [[nodiscard]] static Result<TlsIdentity> generate();
    TlsIdentity(TlsIdentity&& other) noexcept;
    TlsIdentity& operator=(TlsIdentity&& other) noexcept;
    ~TlsIdentity();

    // Each call returns a reference the caller owns (SSL_CTX_free). A mutual context asks for the
    // client's certificate and accepts any.
    [[nodiscard]] ssl_ctx_st* server_context(bool is_mutual) const;
    [[nodiscard]] ssl_ctx_st* client_context() const;

  private:
    struct Contexts;
    explicit TlsIdentity(std::unique_ptr<Contexts> contexts);
    std::unique_ptr<Contexts> contexts_;
};

}  // namespace consilium::p2p
