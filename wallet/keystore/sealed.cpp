// HKDF-derived sealing keys.
#include "wallet/keystore/sealed.hpp"

#include <algorithm>
#include <array>

#include "core/random.hpp"
#include "wallet/keystore/aead.hpp"

namespace consilium::keystore {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {'C', 'N', 'S', 'L', 'S', 'E', 'A', 0};
constexpr std::array<std::uint8_t, 4> kVersion = {1, 0, 0, 0};
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kPrefixBytes = kMagic.size() + kVersion.size() + kSaltBytes;
static_assert(kSealOverhead == kPrefixBytes + kAeadTagBytes);

// The key is used once, because its salt is fresh; so the nonce may be constant.
constexpr AeadNonce kNonce{};

std::string file_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

Bytes associated_data(ByteView prefix, std::string_view context) {
    Bytes data = to_bytes(prefix);
    const ByteView text = as_bytes(context);
    data.insert(data.end(), text.begin(), text.end());
    return data;
}

}  // namespace

SealingKey SealingKey::derive(const KeyPair& account, std::string_view purpose) {
    return SealingKey(hkdf_sha256(account.secret().view(), as_bytes("consilium/sealing-key/v1"),
                                  as_bytes(purpose)));
}

SealingKey SealingKey::combine(const SecretArray<32>& other) const {
    return SealingKey(
        hkdf_sha256(key_.view(), other.view(), as_bytes("consilium/combined-sealing-key/v1")));
}

Result<Bytes> SealingKey::seal(ByteView plain, std::string_view context) const {
    if (plain.size() > kSealedBytesMax) {
        return make_error(ErrorCode::kLimitExceeded, "a secret is too long to be sealed in one");
    }
    Bytes sealed(kPrefixBytes);
    std::copy(kMagic.begin(), kMagic.end(), sealed.begin());
    std::copy(kVersion.begin(), kVersion.end(), sealed.begin() + kMagic.size());
    const auto salt = std::span(sealed).last(kSaltBytes);
    fill_random(salt);
    const AeadKey key = hkdf_sha256(key_.view(), salt, as_bytes("consilium/seal/v1"));
    auto body = aead_seal(key, kNonce, associated_data(sealed, context), plain);
    if (!body) return tl::unexpected(body.error());
    sealed.insert(sealed.end(), body->begin(), body->end());
    return sealed;
}

Result<SecretBytes> SealingKey::open(ByteView sealed, std::string_view context) const {
    if (sealed.size() < kSealOverhead || sealed.size() > kSealedBytesMax + kSealOverhead ||
        !std::equal(kMagic.begin(), kMagic.end(), sealed.begin()) ||
        !std::equal(kVersion.begin(), kVersion.end(), sealed.begin() + kMagic.size())) {
        return make_error(ErrorCode::kMalformed, "not a sealed secret");
    }
    const ByteView prefix = sealed.first(kPrefixBytes);
    const AeadKey key =
        hkdf_sha256(key_.view(), prefix.last(kSaltBytes), as_bytes("consilium/seal/v1"));
    auto plain =
        aead_open(key, kNonce, associated_data(prefix, context), sealed.subspan(kPrefixBytes));
    if (!plain) {
        return make_error(ErrorCode::kRefused,
                          "a sealed secret does not open: another account's, or damaged");
    }
    return plain;
}

Result<void> SealingKey::seal_file(const std::string& path, ByteView plain, WriteMode mode) const {
    auto sealed = seal(plain, file_name(path));
    if (!sealed) return tl::unexpected(sealed.error());
    return write_secret_file(path, *sealed, mode);
}

Result<SecretBytes> SealingKey::open_file(const std::string& path) const {
    auto sealed = read_secret_file(path, kSealedBytesMax + kSealOverhead);
    if (!sealed) return tl::unexpected(sealed.error());
    auto plain = open(sealed->view(), file_name(path));
    if (!plain) return make_error(plain.error().code, path + ": " + plain.error().context);
    return plain;
}

}  // namespace consilium::keystore
