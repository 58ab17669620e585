// Stand-in signatures, and the redirection of verification to them.
#include "tests/simulation/crypto.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "core/check.hpp"

namespace consilium::simulation {
namespace {

SignatureMode current_mode = SignatureMode::kStandIn;

[[nodiscard]] Signature stand_in(const PublicKey& key, const Digest& message) {
    std::array<std::uint8_t, 64> input{};
    std::copy(key.bytes.begin(), key.bytes.end(), input.begin());
    std::copy(message.bytes.begin(), message.bytes.end(), input.begin() + 32);
    const Digest digest = sha256(input);
    Signature signature;
    std::copy(digest.bytes.begin(), digest.bytes.end(), signature.bytes.begin());
    std::copy(digest.bytes.begin(), digest.bytes.end(), signature.bytes.begin() + 32);
    return signature;
}

}  // namespace

void set_signature_mode(SignatureMode mode) {
    current_mode = mode;
}

const KeyPair& simulation_key(std::size_t index) {
    static std::deque<KeyPair> keys;  // a deque never moves what it holds
    while (keys.size() <= index) {
        std::array<std::uint8_t, 32> secret{};
        secret[30] = static_cast<std::uint8_t>((keys.size() + 1) >> 8U);
        secret[31] = static_cast<std::uint8_t>(keys.size() + 1);
        auto key = KeyPair::from_secret(secret);
        CHECK(key.has_value());
        keys.push_back(std::move(*key));
    }
    return keys[index];
}

Signature simulation_sign(const KeyPair& key, const Digest& message) {
    // Auxiliary bytes of zero: runs with real signatures repeat bit by bit, too.
    constexpr std::array<std::uint8_t, 32> kAuxiliary{};
    if (current_mode == SignatureMode::kReal) return key.sign_with_auxiliary(message, kAuxiliary);
    return stand_in(key.public_key(), message);
}

}  // namespace consilium::simulation

// What --wrap makes of the mangled name of consilium::verify_signature.
#define MANGLED_VERIFY \
    "_ZN9consilium16verify_signatureERKNS_9PublicKeyERKNS_6DigestERKNS_9SignatureE"

extern "C" bool real_verify_signature(
    const consilium::PublicKey& key, const consilium::Digest& message,
    const consilium::Signature& signature) asm("__real_" MANGLED_VERIFY);
extern "C" bool wrapped_verify_signature(
    const consilium::PublicKey& key, const consilium::Digest& message,
    const consilium::Signature& signature) asm("__wrap_" MANGLED_VERIFY);

extern "C" bool wrapped_verify_signature(const consilium::PublicKey& key,
                                         const consilium::Digest& message,
                                         const consilium::Signature& signature) {
    using consilium::simulation::SignatureMode;
    if (consilium::simulation::current_mode == SignatureMode::kReal) {
        return real_verify_signature(key, message, signature);
    }
    return consilium::simulation::stand_in(key, message) == signature;
}
