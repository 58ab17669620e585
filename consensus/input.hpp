// Everything that can happen to a replica, with the logical time at which it happens.
//
// `now` comes from the driver's monotone clock (simulated or real); a value below an earlier one is
// taken as the earlier one. Block times are a different matter (consensus/block_time.hpp).
#pragma once
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "consensus/verify.hpp"

namespace consilium::consensus {

// The wake-up time of the last Output has come (or any other moment: ticks are never harmful).
struct Tick {};

// The answer to RequestProposal. For a re-proposal `header` must be the prepared header. An answer
// whose (height, view) has passed, or that does not extend the head, is ignored.
struct ProposalReady {
    Height height;
    View view;
    BlockHeader header;
    std::vector<Digest> transactions;
};

enum class Verdict : std::uint8_t {
    kValid,    // executed, all roots agree, and the block can be rebuilt from its digest after a
               // crash
    kInvalid,  // can never be valid: a replica that first sees it leaves the view at once
    kNotYet,   // a body or blob is missing, or its time lies ahead: another result may follow
};

// The answer to ValidateBlock, or a second one after kNotYet.
struct ValidationResult {
    Height height;
    Digest digest;
    Verdict verdict{};
};

// A block is durably committed, whether by CommitBlock or by block sync: the new head. Only here
// does the replica enter the next height. `membership` certifies the next block. Pass the
// PendingWork that is left after this block first: a primary proposes at once while work is known
// to wait.
struct HeadAdvanced {
    BlockHeader header;
    Certificate certificate;
    Membership membership;
};

// What waits for a block. Pass it whenever it changes; it stays in force.
struct PendingWork {
    // Arrival, on the replica's logical clock, of the oldest transaction that waits in the mempool
    // and could be executed now. Absent: none waits.
    std::optional<TimeMs> oldest_transaction;
    bool has_open_window{};  // a window of a round is open: blocks must come although nothing waits
    friend bool operator==(const PendingWork&, const PendingWork&) = default;
};

using Event =
    std::variant<Tick, VerifiedMessage, ProposalReady, ValidationResult, HeadAdvanced, PendingWork>;

struct Input {
    TimeMs now;
    Event event;
};

}  // namespace consilium::consensus
