// The vote journal: what a replica has signed, in the form in which it is stored and read back.
//
// Every record is handed out with a Persist before its message may be sent (PBFT paper, 4.3; P11).
// The driver stores the bytes and gives all it still has, oldest first, to recover_state() at
// start. Sequence numbers ascend by one over the whole life of a store: a gap or a repeat is
// corruption, and a last number below an independent counter of the driver is amnesia (P12).
#pragma once
#include <optional>
#include <vector>

#include "consensus/messages.hpp"

namespace consilium::consensus {

inline constexpr std::size_t kMaxRecordBytes = kMaxMessageBytes + 64 * 1024;

struct JournalRecord {
    std::uint64_t sequence{};
    Slot slot;
    Bytes
        message;  // encoded: own PRE-PREPARE, PREPARE, COMMIT, VIEW-CHANGE, or a NEW-VIEW accepted
    std::optional<PreparedCertificate> prepared;  // with a COMMIT: the proof behind it (P2)
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("sequence", self.sequence);
        visit("slot", self.slot);
        visit("message", self.message, Limit{kMaxMessageBytes});
        visit("prepared", self.prepared);
    }
    friend bool operator==(const JournalRecord&, const JournalRecord&) = default;
};

// What the journal says about the highest height in it, at its highest view.
struct RecoveredState {
    std::uint64_t next_sequence{};
    Height height;  // 0: the journal is empty
    View view;
    std::optional<PrePrepare> pre_prepare;  // voted for in `view`, own or the primary's
    std::optional<Prepare> prepare;         // own, to be sent again as they are
    std::optional<Commit> commit;
    std::optional<ViewChange> view_change;
    std::optional<NewView> new_view;              // that installed `view`, whoever sent it
    std::optional<PreparedCertificate> prepared;  // of the highest view in which one was seen
};

// kMalformed or kMismatch: the journal cannot be trusted; start as amnesic.
[[nodiscard]] Result<RecoveredState> recover_state(const std::vector<Bytes>& records);

}  // namespace consilium::consensus
