// State records of the check and the dispute of a mask batch (smpc-protocol.md, section 4, P4, P5).
#pragma once
#include <cstdint>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/codec.hpp"

namespace consilium::schema {

// prep_w/<mpc_epoch>/<batch>/<member>
struct WeightShareRecord {
    BlobName share;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("share", self.share);
    }
    friend bool operator==(const WeightShareRecord&, const WeightShareRecord&) = default;
};

// prep_reveal/<mpc_epoch>/<batch>/<member>, until the batch is burned.
struct RevealRecord {
    std::vector<KeyBytes> masks;  // of the first asked slot, then of the second; in ring order
    std::vector<KeyBytes> prep;   // pi_A^b in ring order
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("masks", self.masks, Limit{2 * kMaxRing});
        visit("prep", self.prep, Limit{kMaxRing});
    }
    friend bool operator==(const RevealRecord&, const RevealRecord&) = default;
};

// dispute_keys/<mpc_epoch>/<batch>: the values of the majority, by rank of the subset, until the
// batch is burned.
struct DisputeKeysRecord {
    std::vector<KeyBytes> first;   // of the first asked slot
    std::vector<KeyBytes> second;  // of the second; empty when one slot was asked for
    std::vector<KeyBytes> prep;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("first", self.first, Limit{kMaxSubsets});
        visit("second", self.second, Limit{kMaxSubsets});
        visit("prep", self.prep, Limit{kMaxSubsets});
    }
    friend bool operator==(const DisputeKeysRecord&, const DisputeKeysRecord&) = default;
};

// dispute/<mpc_epoch>/<batch>: kept for ever.
struct DisputeRecord {
    DisputeKind kind = DisputeKind::kShares;
    std::uint16_t first{};  // slots of the item; of kCheck both are the failed check's
    std::uint16_t second{};
    MemberSet revealed{};             // PREP_REVEAL posted
    bool has_keys{};                  // every key has its majority
    std::uint64_t recomputed{};       // coordinates done
    std::vector<std::uint64_t> sums;  // so far, per poster of delta ascending
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kind", self.kind);
        visit("first", self.first);
        visit("second", self.second);
        visit("revealed", self.revealed);
        visit("has_keys", self.has_keys);
        visit("recomputed", self.recomputed);
        visit("sums", self.sums, Limit{kMaxCommittee});
    }
    // The slots whose mask keys are asked for, ascending.
    [[nodiscard]] std::vector<std::uint16_t> asked_slots() const {
        if (kind == DisputeKind::kCheck || first == second) return {second};
        return {first, second};
    }
    friend bool operator==(const DisputeRecord&, const DisputeRecord&) = default;
};

// exclusion/<mpc_epoch>/<member>, also the payload of the EXCLUDE event: kept for ever. With the
// transactions of the batch anybody can repeat the comparison.
struct ExclusionRecord {
    BatchLabel label;
    DisputeKind kind = DisputeKind::kShares;
    std::uint16_t first{};
    std::uint16_t second{};
    std::uint16_t member{};
    std::uint64_t expected{};  // from the revealed keys
    std::uint64_t posted{};    // what the member's shares say
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("label", self.label);
        visit("kind", self.kind);
        visit("first", self.first);
        visit("second", self.second);
        visit("member", self.member);
        visit("expected", self.expected);
        visit("posted", self.posted);
    }
    friend bool operator==(const ExclusionRecord&, const ExclusionRecord&) = default;
};

}  // namespace consilium::schema
