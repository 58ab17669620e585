// The hashes of the updates that a site has made, by round, as they lie sealed on its disk.
//
// Two rounds with one update of this site and other updates of the others differ by these others
// alone (smpc-protocol.md, section 9, exclusion differencing), so no update serves two rounds.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/codec.hpp"
#include "core/digest.hpp"

namespace consilium::trainer {

inline constexpr std::size_t kMaxSpentUpdates = 4096;  // the newest; 160 KB

struct SpentUpdate {
    std::uint64_t round{};
    Digest update;  // SHA-256 of u as d int64
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("round", self.round);
        visit("update", self.update);
    }
    friend bool operator==(const SpentUpdate&, const SpentUpdate&) = default;
};
struct SpentUpdates {
    std::vector<SpentUpdate> updates;  // in the order in which they were made
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("updates", self.updates, Limit{kMaxSpentUpdates});
    }
    friend bool operator==(const SpentUpdates&, const SpentUpdates&) = default;
};

}  // namespace consilium::trainer
