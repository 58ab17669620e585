// Who lied about a batch: PREP_REVEAL, recomputation, EXCLUDE (smpc-protocol.md, P5).
//
// The keys of a DISPUTED batch are public once revealed, so every replica computes the shares again
// that the keys give and compares. That is up to 13 * 495 * 2 * 2^20 multiplications: it is cut
// into pieces of at most kWorkPerBlock (and at least one tile), one piece a block, and the block
// in which the last piece is done names the liars. So no block takes longer because of a dispute
// than a piece does, and every replica is at the same coordinate at the same height.
#pragma once
#include <cstdint>
#include <vector>

#include "contracts/execution.hpp"
#include "contracts/schema/dispute_records.hpp"

namespace consilium::contracts::verification {

inline constexpr std::uint64_t kWorkPerBlock = std::uint64_t{1} << 27;  // about 0.2 s

struct DisputedItem {
    schema::DisputeKind kind = schema::DisputeKind::kShares;
    std::uint16_t first{};
    std::uint16_t second{};
};
// The batch becomes DISPUTED: its members are to reveal the keys that the item asks for.
void open_dispute(Execution& execution, schema::BatchRecord& batch, const DisputedItem& item);

// prep_reveal
[[nodiscard]] schema::Code execute_reveal(Execution& execution, const Sender& sender,
                                          const Transaction& transaction);

// Who posted what the keys do not give. Empty for a batch that is not done yet.
struct Judgement {
    bool is_done = false;
    std::vector<schema::ExclusionRecord> liars;
};
// Agrees on the keys once the reveals suffice; with `may_compute` does one piece of the work. After
// the last one the batch is BURNED. Changes the epoch record given; the caller stores it.
[[nodiscard]] Judgement advance_dispute(Execution& execution, schema::EpochRecord& epoch,
                                        schema::BatchRecord& batch, bool may_compute);
// Whether blocks are needed although nobody has to post anything: the work goes on.
[[nodiscard]] bool is_recomputing(const StateView& state, const schema::BatchRecord& batch);

}  // namespace consilium::contracts::verification
