// Replacing an account's key: the transaction, what the new key signs, and the record of it.
#pragma once
#include "contracts/schema/modules.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"

namespace consilium::schema {

// registration/rotate_key: sent by the key that shall be replaced. `possession` is the successor's
// own signature: nobody can put an organisation's account on a key that is not held.
struct RotateKey {
    PublicKey successor;
    Signature possession;  // over rotation_digest()
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("successor", self.successor);
        visit("possession", self.possession);
    }
    friend bool operator==(const RotateKey&, const RotateKey&) = default;
};
// "The account of `key` on this chain may become mine." Void on any other chain and for any other
// account; once it has been used the account is gone, so it needs no number.
[[nodiscard]] Digest rotation_digest(const ChainIdentity& chain, const PublicKey& key,
                                     const PublicKey& successor);

// rotation/<old key>: pending while that account is approved, done when it is rotated; then it says
// for ever whose account it has become.
struct RotationRecord {
    PublicKey successor;
    Height height;  // of the transaction
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("successor", self.successor);
        visit("height", self.height);
    }
    friend bool operator==(const RotationRecord&, const RotationRecord&) = default;
};

// Events: announced (of a trainer, with the next MPC epoch), and in force.
struct KeyRotation {
    PublicKey key;
    PublicKey successor;
    Role role = Role::kTrainer;
    std::uint32_t organisation{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("key", self.key);
        visit("successor", self.successor);
        visit("role", self.role);
        visit("organisation", self.organisation);
    }
    friend bool operator==(const KeyRotation&, const KeyRotation&) = default;
};

}  // namespace consilium::schema
