// TLS contexts and identity proofs by OpenSSL.
#include "p2p/tls_identity.hpp"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.hpp"
#include "core/random.hpp"

namespace consilium::p2p {
namespace {

constexpr std::uint16_t kIdentityVersion = 1;
constexpr std::size_t kIdentityFrameSize = 2 + PublicKey::kSize + Signature::kSize;
constexpr long kCertificateSeconds = 10L * 365 * 24 * 3600;  // nobody checks it; long enough
constexpr long kMaxPeerCertificateBytes = 16 * 1024;
constexpr std::string_view kJsonHead = R"({"key":")";
constexpr std::string_view kJsonMiddle = R"(","signature":")";
constexpr std::string_view kJsonTail = R"("})";

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

int key_update_slot() {
    static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return slot;
}

// The counter lives in the slot's pointer itself.
std::uintptr_t key_updates_of(const SSL* tls) {
    return reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(tls, key_update_slot()));
}

void count_key_updates(int is_write, int /*version*/, int content_type, const void* data,
                       std::size_t size, SSL* tls, void* /*argument*/) {
    if (is_write != 0 || content_type != SSL3_RT_HANDSHAKE || size == 0) return;
    if (*static_cast<const unsigned char*>(data) != SSL3_MT_KEY_UPDATE) return;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a counter, never dereferenced
    SSL_set_ex_data(tls, key_update_slot(), reinterpret_cast<void*>(key_updates_of(tls) + 1));
}

// Identity is the exporter signature, not the certificate (header of tls_identity.hpp).
int accept_any_certificate(X509_STORE_CTX* /*store*/, void* /*argument*/) {
    return 1;
}

Certificate make_certificate(EVP_PKEY* key) {
    Certificate certificate(X509_new());
    if (certificate == nullptr) return nullptr;
    std::array<std::uint8_t, 8> random{};
    fill_random(random);
    std::uint64_t serial = 0;
    std::memcpy(&serial, random.data(), sizeof(serial));
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    static constexpr unsigned char kName[] = "consilium";
    const bool is_made =
        X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1U) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0) != nullptr &&
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kCertificateSeconds) != nullptr &&
        X509_set_pubkey(certificate.get(), key) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, kName, -1, -1, 0) == 1 &&
        X509_set_issuer_name(certificate.get(), name) == 1 &&
        X509_sign(certificate.get(), key, EVP_sha256()) > 0;
    return is_made ? std::move(certificate) : nullptr;
}

Context make_context(const SSL_METHOD* method, EVP_PKEY* key, X509* certificate) {
    Context context(SSL_CTX_new(method));
    if (context == nullptr) return nullptr;
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(raw, kMaxPeerCertificateBytes);
    SSL_CTX_set_cert_verify_callback(raw, accept_any_certificate, nullptr);
    SSL_CTX_set_msg_callback(raw, count_key_updates);
    const bool is_made =
        SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_num_tickets(raw, 0) == 1 && SSL_CTX_set_max_early_data(raw, 0) == 1 &&
        SSL_CTX_set1_groups_list(raw, "X25519:P-256") == 1 &&
        SSL_CTX_use_certificate(raw, certificate) == 1 && SSL_CTX_use_PrivateKey(raw, key) == 1;
    return is_made ? std::move(context) : nullptr;
}

ssl_ctx_st* share(const Context& context) {
    CHECK(SSL_CTX_up_ref(context.get()) == 1);
    return context.get();
}

template <std::size_t N>
Result<void> read_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
    auto bytes = decode_hex(text);
    if (!bytes || bytes->size() != N || to_hex(*bytes) != text) {
        return make_error(ErrorCode::kMalformed, "identity proof holds no lower-case hex");
    }
    std::copy(bytes->begin(), bytes->end(), out.begin());
    return {};
}

}  // namespace

IdentitySigner make_identity_signer(const KeyPair& key_pair) {
    return {key_pair.public_key(),
            [&key_pair](const Digest& message) { return key_pair.sign(message); }};
}

Digest identity_message(const Digest& genesis_hash, TlsRole signer_role,
                        const ExporterValue& exporter) {
    const std::array<std::uint8_t, 1> role{static_cast<std::uint8_t>(signer_role)};
    return tagged_hash(kIdentityTag, {genesis_hash.view(), ByteView(role), ByteView(exporter)});
}

IdentityProof make_identity_proof(const IdentitySigner& signer, const Digest& genesis_hash,
                                  TlsRole signer_role, const ExporterValue& exporter) {
    return {signer.key, signer.sign(identity_message(genesis_hash, signer_role, exporter))};
}

bool verify_identity_proof(const IdentityProof& proof, const Digest& genesis_hash,
                           TlsRole signer_role, const ExporterValue& exporter) {
    return verify_signature(proof.key, identity_message(genesis_hash, signer_role, exporter),
                            proof.signature);
}

std::string encode_identity_proof_json(const IdentityProof& proof) {
    std::string text(kJsonHead);
    text += proof.key.hex();
    text += kJsonMiddle;
    text += to_hex(proof.signature.bytes);
    text += kJsonTail;
    return text;
}

Result<IdentityProof> decode_identity_proof_json(std::string_view text) {
    constexpr std::size_t kKeyHex = 2 * PublicKey::kSize;
    constexpr std::size_t kSignatureHex = 2 * Signature::kSize;
    constexpr std::size_t kMiddleAt = kJsonHead.size() + kKeyHex;
    constexpr std::size_t kSignatureAt = kMiddleAt + kJsonMiddle.size();
    if (text.size() != kSignatureAt + kSignatureHex + kJsonTail.size() ||
        !text.starts_with(kJsonHead) || text.substr(kMiddleAt, kJsonMiddle.size()) != kJsonMiddle ||
        !text.ends_with(kJsonTail)) {
        return make_error(ErrorCode::kMalformed, "identity proof has another form");
    }
    IdentityProof proof;
    if (auto read = read_hex(text.substr(kJsonHead.size(), kKeyHex), proof.key.bytes); !read) {
        return tl::unexpected(read.error());
    }
    if (auto read = read_hex(text.substr(kSignatureAt, kSignatureHex), proof.signature.bytes);
        !read) {
        return tl::unexpected(read.error());
    }
    return proof;
}

Bytes encode_identity_frame(const IdentityProof& proof) {
    Bytes payload{kIdentityVersion & 0xffU, kIdentityVersion >> 8U};
    payload.insert(payload.end(), proof.key.bytes.begin(), proof.key.bytes.end());
    payload.insert(payload.end(), proof.signature.bytes.begin(), proof.signature.bytes.end());
    return payload;
}

Result<IdentityProof> decode_identity_frame(ByteView payload) {
    if (payload.size() != kIdentityFrameSize) {
        return make_error(ErrorCode::kMalformed, "identity frame has another length");
    }
    if (payload[0] != (kIdentityVersion & 0xffU) || payload[1] != (kIdentityVersion >> 8U)) {
        return make_error(ErrorCode::kMalformed, "identity frame of another version");
    }
    IdentityProof proof;
    std::copy_n(payload.begin() + 2, PublicKey::kSize, proof.key.bytes.begin());
    std::copy_n(payload.begin() + 2 + static_cast<long>(PublicKey::kSize), Signature::kSize,
                proof.signature.bytes.begin());
    return proof;
}

Result<ExporterValue> export_channel_binding(ssl_st* tls) {
    if (SSL_version(tls) != TLS1_3_VERSION) {
        return make_error(ErrorCode::kRefused, "the channel is not TLS 1.3");
    }
    ExporterValue value{};
    if (SSL_export_keying_material(tls, value.data(), value.size(), kExporterLabel.data(),
                                   kExporterLabel.size(), nullptr, 0, 0) != 1) {
        return make_error(ErrorCode::kInternal, "TLS gave no exporter value");
    }
    return value;
}

std::uint32_t received_key_updates(const ssl_st* tls) {
    return static_cast<std::uint32_t>(key_updates_of(tls));
}

struct TlsIdentity::Contexts {
    Context server;
    Context mutual_server;
    Context client;
};

TlsIdentity::TlsIdentity(std::unique_ptr<Contexts> contexts) : contexts_(std::move(contexts)) {}
TlsIdentity::TlsIdentity(TlsIdentity&& other) noexcept = default;
TlsIdentity& TlsIdentity::operator=(TlsIdentity&& other) noexcept = default;
TlsIdentity::~TlsIdentity() = default;

Result<TlsIdentity> TlsIdentity::generate() {
    CHECK(key_update_slot() >= 0);
    const Key key(EVP_EC_gen("P-256"));
    if (key == nullptr) return make_error(ErrorCode::kInternal, "no P-256 key from OpenSSL");
    const Certificate certificate = make_certificate(key.get());
    if (certificate == nullptr) return make_error(ErrorCode::kInternal, "no certificate made");
    auto contexts = std::make_unique<Contexts>();
    contexts->server = make_context(TLS_server_method(), key.get(), certificate.get());
    contexts->mutual_server = make_context(TLS_server_method(), key.get(), certificate.get());
    contexts->client = make_context(TLS_client_method(), key.get(), certificate.get());
    if (contexts->server == nullptr || contexts->mutual_server == nullptr ||
        contexts->client == nullptr) {
        return make_error(ErrorCode::kInternal, "no TLS context from OpenSSL");
    }
    SSL_CTX_set_verify(contexts->mutual_server.get(),
                       SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_verify(contexts->client.get(), SSL_VERIFY_PEER, nullptr);
    return TlsIdentity(std::move(contexts));
}

ssl_ctx_st* TlsIdentity::server_context(bool is_mutual) const {
    return share(is_mutual ? contexts_->mutual_server : contexts_->server);
}
ssl_ctx_st* TlsIdentity::client_context() const {
    return share(contexts_->client);
}

}  // namespace consilium::p2p
