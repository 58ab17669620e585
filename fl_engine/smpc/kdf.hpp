// Key derivation: HKDF-Expand-SHA256 with one label grammar, and a type for each kind of key.
//
// Label: "FLMPC1|" + chain_id + "|" + purpose + "|" + le64(args)... (smpc-protocol.md, section 2).
// A key of one kind never converts to another kind; only the functions of keys.hpp step between
// them, so a mask key cannot be used where a coin key belongs.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/secret.hpp"

namespace consilium::smpc {

inline constexpr std::size_t kKeyBytes = 32;
using Secret32 = SecretArray<kKeyBytes>;

template <typename Tag>
class PurposeKey {
  public:
    PurposeKey() = default;
    explicit PurposeKey(Secret32 secret) : secret_(std::move(secret)) {}
    explicit PurposeKey(std::span<const std::uint8_t, kKeyBytes> bytes) : secret_(bytes) {}

    [[nodiscard]] PurposeKey clone() const { return PurposeKey(secret_.clone()); }
    // For derivation, sealing and the node's encrypted journal only.
    [[nodiscard]] const Secret32& secret() const { return secret_; }

  private:
    Secret32 secret_;
};

using SubsetKey = PurposeKey<struct SubsetKeyTag>;            // K_A
using ClientRoot = PurposeKey<struct ClientRootTag>;          // K_A^cl
using ClientChainKey = PurposeKey<struct ClientChainKeyTag>;  // c_A^{i,b}
using ClientMaskKey = PurposeKey<struct ClientMaskKeyTag>;    // k_A^{i,b}
using PrepChainKey = PurposeKey<struct PrepChainKeyTag>;      // p_A^b; p_A^0 = K_A^prep
using PrepMaskKey = PurposeKey<struct PrepMaskKeyTag>;        // pi_A^b
using CoinRoundKey = PurposeKey<struct CoinRoundKeyTag>;      // K_A^{coin,r}
using BlurRoundKey = PurposeKey<struct BlurRoundKeyTag>;      // K_A^{blur,r}

// Bound to one chain: the same key gives unrelated values on two chains.
class Kdf {
  public:
    explicit Kdf(std::string chain_id) : chain_id_(std::move(chain_id)) {}

    [[nodiscard]] Secret32 derive(const Secret32& key, std::string_view purpose,
                                  std::initializer_list<std::uint64_t> args = {}) const;
    [[nodiscard]] const std::string& chain_id() const { return chain_id_; }

  private:
    std::string chain_id_;
};

}  // namespace consilium::smpc
