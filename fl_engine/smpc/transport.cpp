// Sealing and opening of key material.
#include "fl_engine/smpc/transport.hpp"

#include <algorithm>

#include "fl_engine/smpc/openssl_crypto.hpp"

namespace consilium::smpc {
namespace {

struct Exchange {
    const TransportPublicKey& ephemeral;
    const TransportPublicKey& recipient;
};

// 32 bytes of key and 12 of IV from one expansion.
GcmKey derive_gcm_key(const SecretArray<32>& shared, const Exchange& exchange, ByteView info) {
    Bytes salt(exchange.ephemeral.begin(), exchange.ephemeral.end());
    salt.insert(salt.end(), exchange.recipient.begin(), exchange.recipient.end());
    const SecretArray<32> extracted = hkdf_extract(salt, shared.view());
    SecretArray<kKeyBytes + kGcmIvBytes> expanded;
    hkdf_expand(extracted.view(), info, expanded.mutable_view());
    GcmKey key{SecretArray<32>(expanded.view().first<kKeyBytes>()), {}};
    const auto iv = expanded.view().last<kGcmIvBytes>();
    std::copy(iv.begin(), iv.end(), key.iv.begin());
    return key;
}

}  // namespace

TransportPublicKey TransportSecretKey::public_key() const {
    return x25519_public_key(secret_.view());
}

Bytes encode_seal_context(const SealContext& context) {
    Bytes out;
    const auto text = [&out](std::string_view part) {
        out.insert(out.end(), part.begin(), part.end());
        out.push_back('|');
    };
    const auto number = [&out](std::uint64_t value) {
        for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        out.push_back('|');
    };
    text(context.chain_id);
    number(context.mpc_epoch);
    text(context.label);
    number(context.sender);
    number(context.subject);
    number(context.recipient);
    return out;
}

Result<Bytes> seal(const SealContext& context, const TransportPublicKey& recipient,
                   const TransportSecretKey& ephemeral, ByteView plaintext) {
    if (plaintext.size() > kMaxSealedPlaintext) {
        return make_error(ErrorCode::kLimitExceeded, "plaintext too long to seal");
    }
    const auto shared = x25519(ephemeral.secret().view(), recipient);
    if (!shared) return make_error(ErrorCode::kInvalidKey, "X25519 key of small order");
    const TransportPublicKey own = ephemeral.public_key();
    const Bytes info = encode_seal_context(context);
    const GcmKey key = derive_gcm_key(*shared, {own, recipient}, info);
    const Bytes body = gcm_seal(key, info, plaintext);
    Bytes sealed(own.begin(), own.end());
    sealed.insert(sealed.end(), body.begin(), body.end());
    return sealed;
}

Result<SecretBytes> open_sealed(const SealContext& context, const TransportSecretKey& recipient,
                                ByteView sealed) {
    if (sealed.size() < kSealOverheadBytes ||
        sealed.size() > kSealOverheadBytes + kMaxSealedPlaintext) {
        return make_error(ErrorCode::kMalformed, "sealed bytes of a wrong length");
    }
    TransportPublicKey ephemeral{};
    std::copy_n(sealed.begin(), ephemeral.size(), ephemeral.begin());
    const auto shared = x25519(recipient.secret().view(), ephemeral);
    if (!shared) return make_error(ErrorCode::kInvalidKey, "X25519 key of small order");
    const Bytes info = encode_seal_context(context);
    const GcmKey key = derive_gcm_key(*shared, {ephemeral, recipient.public_key()}, info);
    auto plaintext = gcm_open(key, info, sealed.subspan(ephemeral.size()));
    if (!plaintext) return make_error(ErrorCode::kMismatch, "sealed for another context or key");
    return std::move(*plaintext);
}

std::size_t key_commit_blob_bytes(const Committee& committee, std::size_t entries) {
    return entries * (committee.subset_size() - 1) * kSealedOpeningBytes;
}

std::size_t client_keys_blob_bytes(const Committee& committee) {
    return client_bundle_bytes(committee) + kSealOverheadBytes;
}

std::optional<std::size_t> sealed_opening_offset(const Committee& committee,
                                                 const SealedOpeningPlace& place) {
    std::size_t before = 0;  // members of A that stand in front of the recipient
    bool has_sender = false;
    bool has_recipient = false;
    for (const MemberIndex member : committee.members(place.rank)) {
        has_sender |= member == place.sender;
        has_recipient |= member == place.recipient;
        if (member < place.recipient && member != place.sender) ++before;
    }
    if (!has_sender || !has_recipient || place.sender == place.recipient) return std::nullopt;
    return key_commit_blob_bytes(committee, place.entry) + before * kSealedOpeningBytes;
}

}  // namespace consilium::smpc
