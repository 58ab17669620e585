// The rule for block times (architecture.md, 5): the primary's clock, kept honest by the backups.
//
// A block's time is greater than its parent's and, when the block is first proposed, at most
// kMaxClockLeadMs ahead of the clock of the backup that judges it. A prepared block that is
// proposed again is not measured against clocks: it would otherwise be refused for ever by some and
// be prepared for others. Wall-clock milliseconds, passed in.
#pragma once
#include <cstdint>

#include "core/types.hpp"

namespace consilium::consensus {

inline constexpr std::uint64_t kMaxClockLeadMs = 500;

enum class BlockTimeVerdict { kAcceptable, kNotAfterParent, kAheadOfClock };

struct BlockTimes {
    TimeMs parent;
    TimeMs block;
    TimeMs own_clock;
};

[[nodiscard]] constexpr BlockTimeVerdict check_block_time(const BlockTimes& times,
                                                          bool is_first_proposal) {
    if (times.block <= times.parent) return BlockTimeVerdict::kNotAfterParent;
    if (is_first_proposal &&
        times.block.value > saturating_add(times.own_clock.value, kMaxClockLeadMs)) {
        return BlockTimeVerdict::kAheadOfClock;
    }
    return BlockTimeVerdict::kAcceptable;
}

// The time a primary gives its block: its clock, or one past the parent's when that is ahead.
[[nodiscard]] constexpr TimeMs next_block_time(TimeMs parent, TimeMs own_clock) {
    return own_clock > parent ? own_clock : parent.next();
}

}  // namespace consilium::consensus
