// A block: the header that replicas vote on, and its transactions.
//
// The roots in the header are those after executing this very block, so one certificate proves
// order, results and state. The header does not name the view: a block that is prepared in one
// view keeps its digest when a later view proposes it again.
#pragma once
#include <cstdint>
#include <vector>

#include "core/codec.hpp"
#include "core/digest.hpp"
#include "core/membership.hpp"
#include "core/receipt.hpp"
#include "core/transaction.hpp"
#include "core/types.hpp"

namespace consilium {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kMaxBlockBytes = 4 * 1024 * 1024;

struct BlockHeader {
    Height height;
    Digest parent;       // digest of the previous header; zero for genesis
    TimeMs time;         // the proposer's clock; greater than the parent's
    ReplicaId proposer;  // who assembled the block, in whichever view it is decided
    Epoch epoch;         // of the membership that certifies this block
    Digest tx_root;      // Merkle root over the transaction ids
    Digest receipt_root;
    Digest state_root;
    Digest membership_hash;  // of the membership that certifies the next block
    std::uint32_t protocol_version{kProtocolVersion};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("height", self.height);
        visit("parent", self.parent);
        visit("time", self.time);
        visit("proposer", self.proposer);
        visit("epoch", self.epoch);
        visit("tx_root", self.tx_root);
        visit("receipt_root", self.receipt_root);
        visit("state_root", self.state_root);
        visit("membership_hash", self.membership_hash);
        visit("protocol_version", self.protocol_version);
    }
    friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

struct Block {
    BlockHeader header;
    std::vector<Transaction> transactions;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("header", self.header);
        visit("transactions", self.transactions, Limit{kMaxTransactionsPerBlock});
    }
    friend bool operator==(const Block&, const Block&) = default;
};

[[nodiscard]] Digest header_digest(const BlockHeader& header);
// Merkle root whose leaf i is merkle_leaf(ids[i]).
[[nodiscard]] Digest transaction_root(const std::vector<Digest>& ids);
[[nodiscard]] std::vector<Digest> transaction_ids(const std::vector<Transaction>& transactions);

}  // namespace consilium
