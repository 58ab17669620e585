// What executing a block yields for the outside: a receipt per transaction, and events.
//
// The receipt root of a header is the Merkle root over {events of the block itself, receipt of
// transaction 0, receipt of transaction 1, ...}, each in canonical encoding.
#pragma once
#include <cstdint>
#include <vector>

#include "core/codec.hpp"
#include "core/digest.hpp"
#include "core/merkle.hpp"

namespace consilium {

inline constexpr std::size_t kMaxEventBytes = 64 * 1024;
inline constexpr std::size_t kMaxEventsPerList = 4096;
inline constexpr std::size_t kMaxTransactionsPerBlock = 10'000;  // as many as the mempool holds

struct Event {
    std::uint16_t module{};
    std::uint16_t kind{};
    Bytes payload;  // canonical encoding of the kind's struct
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("module", self.module);
        visit("kind", self.kind);
        visit("payload", self.payload, Limit{kMaxEventBytes});
    }
    friend bool operator==(const Event&, const Event&) = default;
};

struct Receipt {
    Digest tx_id;
    std::uint16_t code{};  // 0 = done; others are named by the contracts' schema, never reused
    std::vector<Event> events;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("tx_id", self.tx_id);
        visit("code", self.code);
        visit("events", self.events, Limit{kMaxEventsPerList});
    }
    friend bool operator==(const Receipt&, const Receipt&) = default;
};

struct BlockReceipts {
    std::vector<Event> events;  // of the block itself: closed windows, verdicts, results
    std::vector<Receipt> receipts;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("events", self.events, Limit{kMaxEventsPerList});
        visit("receipts", self.receipts, Limit{kMaxTransactionsPerBlock});
    }
    friend bool operator==(const BlockReceipts&, const BlockReceipts&) = default;
};

// Leaf 0 is the list of block events, leaf i + 1 the receipt of transaction i.
[[nodiscard]] std::vector<Digest> receipt_leaves(const BlockReceipts& receipts);
[[nodiscard]] Digest receipt_root(const BlockReceipts& receipts);

}  // namespace consilium
