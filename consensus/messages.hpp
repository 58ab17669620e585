// The messages of PBFT with block-level agreement, and their canonical encodings.
//
// Wire form: u8 message type, then the struct (core/codec.hpp); at most kMaxMessageBytes. Views are
// counted per height from 0. Every message is signed by its sender's validator key (BIP340) over a
// tagged hash that is bound to the chain, one tag per type; COMMIT signs core's commit vote, so
// COMMIT signatures are what a certificate is made of. Hash fields are recomputed, never trusted.
// These are plain values: only verify() (consensus/verify.hpp) makes one fit for the replica.
#pragma once
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium::consensus {

// A consensus frame of the peer mesh; the largest message is a full PRE-PREPARE (320 KiB of ids).
inline constexpr std::size_t kMaxMessageBytes = 1024 * 1024;
// More than a year of view changes at one height at the timeout's cap; keeps arithmetic on views
// far from overflow and makes a claimed view of 2^63 malformed.
inline constexpr std::uint64_t kMaxView = 1U << 20;

enum class MessageType : std::uint8_t {
    kPrePrepare = 1,
    kPrepare = 2,
    kCommit = 3,
    kViewChange = 4,
    kNewView = 5,
    kCheckpoint = 6,
    kCheckpointQuery = 7,
};
inline constexpr std::size_t kMessageTypeCount = 7;
[[nodiscard]] constexpr bool is_known(MessageType type) {
    return type >= MessageType::kPrePrepare && type <= MessageType::kCheckpointQuery;
}

// Which vote a message is about: one agreement is one (epoch, height), tried in views.
struct Slot {
    Epoch epoch;
    Height height;
    View view;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("height", self.height);
        visit("view", self.view);
    }
    friend bool operator==(const Slot&, const Slot&) = default;
};

// The primary's proposal: the header that is voted on and the ids of its transactions. The bodies
// travel apart from it.
struct PrePrepare {
    Slot slot;
    ReplicaId sender;
    BlockHeader header;
    std::vector<Digest> transactions;
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("sender", self.sender);
        visit("header", self.header);
        visit("transactions", self.transactions, Limit{kMaxTransactionsPerBlock});
        visit("signature", self.signature);
    }
    friend bool operator==(const PrePrepare&, const PrePrepare&) = default;
};

// "I have executed and validated this proposal." The primary sends one too.
struct Prepare {
    Slot slot;
    ReplicaId sender;
    Digest digest;
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("sender", self.sender);
        visit("digest", self.digest);
        visit("signature", self.signature);
    }
    friend bool operator==(const Prepare&, const Prepare&) = default;
};

// "A quorum has prepared it, and I hold the proof."
struct Commit {
    Slot slot;
    ReplicaId sender;
    Digest digest;
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("sender", self.sender);
        visit("digest", self.digest);
        visit("signature", self.signature);
    }
    friend bool operator==(const Commit&, const Commit&) = default;
};

// PREPARE signatures of exactly a quorum of distinct members on one header in one view.
struct PreparedCertificate {
    View view;
    BlockHeader header;
    std::uint64_t signers{};            // bit i = replica i
    std::vector<Signature> signatures;  // one per set bit, lowest bit first
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("view", self.view);
        visit("header", self.header);
        visit("signers", self.signers);
        visit("signatures", self.signatures, Limit{kMaxMembers});
    }
    friend bool operator==(const PreparedCertificate&, const PreparedCertificate&) = default;
};

// "I take no part in views below this one; this is what I have prepared", or nothing.
struct ViewChange {
    Slot slot;  // its view is the one asked for, at least 1
    ReplicaId sender;
    std::optional<PreparedCertificate> prepared;
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("sender", self.sender);
        visit("prepared", self.prepared);
        visit("signature", self.signature);
    }
    friend bool operator==(const ViewChange&, const ViewChange&) = default;
};

// The new primary's justification: exactly a quorum of VIEW-CHANGE in ascending order of sender.
// `chosen` is the digest that must be proposed again; it is recomputed by every receiver.
struct NewView {
    Slot slot;
    ReplicaId sender;
    std::vector<ViewChange> view_changes;
    std::optional<Digest> chosen;
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("sender", self.sender);
        visit("view_changes", self.view_changes, Limit{kMaxMembers});
        visit("chosen", self.chosen);
        visit("signature", self.signature);
    }
    friend bool operator==(const NewView&, const NewView&) = default;
};

struct CertifiedHeader {
    BlockHeader header;
    Certificate certificate;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("header", self.header);
        visit("certificate", self.certificate);
    }
    friend bool operator==(const CertifiedHeader&, const CertifiedHeader&) = default;
};

// The sender's head with its proof: the answer to a replica that lags or asks. Every committed
// block is a stable checkpoint. `epoch` is the head's (0 at genesis); sender is an id in it.
struct Checkpoint {
    Epoch epoch;
    ReplicaId sender;
    std::uint64_t nonce{};                // of the query; 0 when nobody asked
    std::optional<CertifiedHeader> head;  // absent: nothing committed after genesis
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("sender", self.sender);
        visit("nonce", self.nonce);
        visit("head", self.head);
        visit("signature", self.signature);
    }
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// "What is your head?", asked by a replica that may have forgotten its votes. The nonce is fresh,
// so that old answers prove nothing.
struct CheckpointQuery {
    Epoch epoch;
    ReplicaId sender;
    std::uint64_t nonce{};
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("sender", self.sender);
        visit("nonce", self.nonce);
        visit("signature", self.signature);
    }
    friend bool operator==(const CheckpointQuery&, const CheckpointQuery&) = default;
};

using Message =
    std::variant<PrePrepare, Prepare, Commit, ViewChange, NewView, Checkpoint, CheckpointQuery>;

[[nodiscard]] MessageType type_of(const Message& message);
[[nodiscard]] ReplicaId sender_of(const Message& message);
// The epoch whose membership the sender's id refers to.
[[nodiscard]] Epoch epoch_of(const Message& message);

[[nodiscard]] Bytes encode_message(const Message& message);
// Size, grammar and view bounds only; nothing is verified yet.
[[nodiscard]] Result<Message> decode_message(ByteView data);

// What the sender signs: everything in the message except the signature, and the chain.
[[nodiscard]] Digest signing_digest(const ChainIdentity& identity, const Message& message);
[[nodiscard]] Digest prepare_vote_digest(const ChainIdentity& identity, const Slot& slot,
                                         const Digest& digest);

}  // namespace consilium::consensus
