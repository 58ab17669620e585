// What the driver must do after a step, in this order.
//
// Actions are carried out first to last. A Persist is durable (fsync) before any later action of
// the same or of a later Output is begun; if it fails the replica must not be stepped again. Sends
// may be lost: the replica repeats what matters. Answers come back as inputs, at any later time.
#pragma once
#include <optional>
#include <variant>
#include <vector>

#include "consensus/evidence.hpp"
#include "consensus/messages.hpp"

namespace consilium::consensus {

// One record for the vote journal (consensus/journal.hpp). Records of heights at or below the
// durable head may be dropped, except the newest record, which tells amnesia from youth.
struct Persist {
    Height height;
    Bytes record;
};

// An encoded message for every other member of the current membership.
struct Broadcast {
    Bytes message;
};

struct Send {
    ReplicaId to;
    Bytes message;
};

// This replica is primary: build and execute a block on the head, answer with ProposalReady.
// With `prepared` the block is given: obtain its body (its holders have executed it), execute it,
// answer with that header and its transaction ids.
struct RequestProposal {
    Height height;
    View view;
    std::optional<BlockHeader> prepared;
    std::vector<ReplicaId> holders;
};

// Fetch missing bodies and blobs, execute, compare every field, answer with ValidationResult.
// `is_first_proposal`: the block-time rule against the own clock applies (block_time.hpp); it does
// not when a prepared block is proposed again.
struct ValidateBlock {
    Height height;
    View view;
    BlockHeader header;
    std::vector<Digest> transactions;
    bool is_first_proposal{};
    std::vector<ReplicaId> holders;  // who is known to hold the bodies; the primary first
};

// A NEW-VIEW chose this prepared block: its body will be needed. No answer is due.
struct FetchBody {
    BlockHeader header;
    std::vector<ReplicaId> holders;
};

// The block, validated earlier, is final. Write block, state and certificate in one atomic batch,
// then pass HeadAdvanced.
struct CommitBlock {
    BlockHeader header;
    Certificate certificate;
};

// Others are at least at this head and this replica cannot get there by itself: run block sync,
// then pass HeadAdvanced for each block or for the last. `proof`, if any, is verified.
struct NeedSync {
    Height height;
    std::optional<CertifiedHeader> proof;
};

// A member signed two different messages for one slot. Store and expose it.
struct ReportEvidence {
    Evidence evidence;
};

using Action = std::variant<Persist, Broadcast, Send, RequestProposal, ValidateBlock, FetchBody,
                            CommitBlock, NeedSync, ReportEvidence>;

struct Output {
    std::vector<Action> actions;
    // The latest time at which a Tick is due if nothing else happens; replaces the earlier one.
    std::optional<TimeMs> next_wake_up;
};

}  // namespace consilium::consensus
