// Layout of the ciphertext blobs between committee members.
//
// KEY_COMMIT blob: canonical encoding of KeyBlob, one entry per subset and recipient.
// CLIENT_KEYS blob: the sealed bytes alone (smpc/transport.hpp; subject and recipient = slot).
#pragma once
#include <cstdint>
#include <vector>

#include "contracts/schema/limits.hpp"
#include "core/codec.hpp"

namespace consilium::mpc {

struct KeyBlobEntry {
    std::uint16_t subset{};     // bitmap of A
    std::uint16_t recipient{};  // member index
    Bytes sealed;               // (K_A, nonce), sealed to the recipient's ephemeral key
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subset", self.subset);
        visit("recipient", self.recipient);
        visit("sealed", self.sealed, Limit{256});
    }
};
struct KeyBlob {
    std::vector<KeyBlobEntry> entries;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("entries", self.entries, Limit{schema::kMaxSubsets * schema::kMaxCommittee});
    }
};

// A randomised message, kept so that a resend is the same bytes.
struct StoredMessage {
    Bytes arguments;
    Bytes blob;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("arguments", self.arguments, Limit{kMaxArgumentBytes});
        visit("blob", self.blob, Limit{schema::kMaxKeyBlobBytes});
    }
    static constexpr std::size_t kMaxArgumentBytes = 256 * 1024;
};

}  // namespace consilium::mpc
