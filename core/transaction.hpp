// A signed instruction to one action of one contract module.
//
// The signature covers the canonical encoding of everything but itself, under the tag
// "consilium/transaction/v1". The id covers the signature too.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium {

inline constexpr std::size_t kMaxTransactionBytes = 256 * 1024;
inline constexpr std::size_t kMaxArgumentBytes = 255 * 1024;  // leaves room for the other fields

struct Transaction {
    std::string chain_id;
    Digest genesis_hash;
    PublicKey sender;
    std::uint64_t nonce{};  // sequential per account, from 0
    Height valid_until;     // last height at which the transaction may be executed
    std::uint16_t module{};
    std::uint16_t action{};
    Bytes arguments;  // canonical encoding of the action's argument struct
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain_id, Limit{kMaxChainIdBytes});
        visit("genesis_hash", self.genesis_hash);
        visit("sender", self.sender);
        visit("nonce", self.nonce);
        visit("valid_until", self.valid_until);
        visit("module", self.module);
        visit("action", self.action);
        visit("arguments", self.arguments, Limit{kMaxArgumentBytes});
        visit("signature", self.signature);
    }
    friend bool operator==(const Transaction&, const Transaction&) = default;
};

[[nodiscard]] Digest signing_digest(const Transaction& transaction);
[[nodiscard]] Digest transaction_id(const Transaction& transaction);
// Fills sender and signature.
void sign_transaction(Transaction& transaction, const KeyPair& key);
[[nodiscard]] bool has_valid_signature(const Transaction& transaction);
// decode<Transaction> with the size limit of a whole transaction.
[[nodiscard]] Result<Transaction> decode_transaction(ByteView data);

}  // namespace consilium
