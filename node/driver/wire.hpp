// What nodes say to each other: the messages inside the frames of the peer mesh.
//
// Payload: u8 message type, then the canonical encoding of the struct of that type; nothing after
// it. The type fixes the kind, and with it priority and size limit; a message in a frame of another
// kind is refused. Consensus messages carry their own encoding and signature and pass as bytes.
// The sender of a frame is known from its link, so only what is forwarded is signed.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/codec.hpp"
#include "core/transaction.hpp"
#include "node/driver/limits.hpp"
#include "node/driver/storage.hpp"

namespace consilium::driver {

// In the order of priority; the values are those of p2p's frame kinds.
enum class FrameKind : std::uint8_t {
    kVote = 1,
    kProposal = 2,
    kTransaction = 3,
    kSync = 4,
    kBlob = 5,
};

// Shared, because a broadcast queues one buffer on every link.
struct Frame {
    FrameKind kind{};
    std::shared_ptr<const Bytes> payload;
};

inline constexpr std::size_t kMaxConsensusMessageBytes = 1024 * 1024;

// A consensus message without a proposal: prepare, commit, view change, new view.
struct VoteMessage {
    Bytes content;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("content", self.content, Limit{kMaxConsensusMessageBytes});
    }
    friend bool operator==(const VoteMessage&, const VoteMessage&) = default;
};

// A consensus message that proposes a block.
struct ProposalMessage {
    Bytes content;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("content", self.content, Limit{kMaxConsensusMessageBytes});
    }
    friend bool operator==(const ProposalMessage&, const ProposalMessage&) = default;
};

// Asks for the transaction ids of a proposal of which only the header is known.
struct ProposalIdsRequest {
    Digest proposal;  // header digest
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
    }
    friend bool operator==(const ProposalIdsRequest&, const ProposalIdsRequest&) = default;
};

// Answers it; checked against the header's transaction root.
struct ProposalIds {
    Digest proposal;
    std::vector<Digest> ids;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("proposal", self.proposal);
        visit("ids", self.ids, Limit{kMaxTransactionsPerBlock});
    }
    friend bool operator==(const ProposalIds&, const ProposalIds&) = default;
};

// Asks for the transactions of a proposal that the asker has not seen.
struct TransactionRequest {
    std::vector<Digest> ids;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("ids", self.ids, Limit{limits::kFetchIds});
    }
    friend bool operator==(const TransactionRequest&, const TransactionRequest&) = default;
};

// Answers it; as many messages as the size limit asks for, unknown ids left out.
struct TransactionResponse {
    std::vector<Transaction> transactions;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("transactions", self.transactions, Limit{kMaxTransactionsPerBlock});
    }
    friend bool operator==(const TransactionResponse&, const TransactionResponse&) = default;
};

struct TransactionRelay {
    std::vector<Transaction> transactions;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("transactions", self.transactions, Limit{kMaxTransactionsPerBlock});
    }
    friend bool operator==(const TransactionRelay&, const TransactionRelay&) = default;
};

// The height of the sender's newest committed block: a hint whom to ask for blocks, not a proof.
struct StatusMessage {
    Height height;
    bool wants_answer{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("height", self.height);
        visit("wants_answer", self.wants_answer);
    }
    friend bool operator==(const StatusMessage&, const StatusMessage&) = default;
};

struct BlockRequest {
    Height first;
    std::uint32_t count{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("first", self.first);
        visit("count", self.count);
    }
    friend bool operator==(const BlockRequest&, const BlockRequest&) = default;
};

// Consecutive blocks from the asked one on, as many as fit; none when the sender has none.
struct BlockResponse {
    Height first;
    std::vector<CertifiedBlock> blocks;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("first", self.first);
        visit("blocks", self.blocks, Limit{limits::kSyncBlocksPerRequest});
    }
    friend bool operator==(const BlockResponse&, const BlockResponse&) = default;
};

// "I hold the blob with this hash and length, and it parses": signed, because it is forwarded.
struct Have {
    Epoch epoch;
    ReplicaId holder;
    Digest hash;
    std::uint64_t length{};
    Signature signature;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("holder", self.holder);
        visit("hash", self.hash);
        visit("length", self.length);
        visit("signature", self.signature);
    }
    friend bool operator==(const Have&, const Have&) = default;
};
[[nodiscard]] Digest have_digest(const ChainIdentity& identity, const Have& have);

struct HaveMessage {
    std::vector<Have> haves;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("haves", self.haves, Limit{limits::kHavesPerFrame});
    }
    friend bool operator==(const HaveMessage&, const HaveMessage&) = default;
};

struct ManifestRequest {
    Digest hash;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("hash", self.hash);
    }
    friend bool operator==(const ManifestRequest&, const ManifestRequest&) = default;
};

// SHA-256 of every chunk of a blob; all chunks but the last have the full size.
struct Manifest {
    Digest hash;
    std::uint64_t length{};
    std::vector<Digest> chunks;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("hash", self.hash);
        visit("length", self.length);
        visit("chunks", self.chunks, Limit{limits::kMaxBlobChunks});
    }
    friend bool operator==(const Manifest&, const Manifest&) = default;
};

struct ChunkRequest {
    Digest hash;
    std::uint32_t index{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("hash", self.hash);
        visit("index", self.index);
    }
    friend bool operator==(const ChunkRequest&, const ChunkRequest&) = default;
};

// Empty when the sender does not hold the blob.
struct Chunk {
    Digest hash;
    std::uint32_t index{};
    Bytes content;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("hash", self.hash);
        visit("index", self.index);
        visit("content", self.content, Limit{limits::kBlobChunkBytes});
    }
    friend bool operator==(const Chunk&, const Chunk&) = default;
};

// What the worker of one validator tells that of another; the driver passes it on unread.
struct WorkerLetter {
    Bytes content;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("content", self.content, Limit{limits::kWorkerLetterBytes});
    }
    friend bool operator==(const WorkerLetter&, const WorkerLetter&) = default;
};

// The alternative's index is the message type on the wire; new ones are added at the end only.
using PeerMessage =
    std::variant<VoteMessage, ProposalMessage, ProposalIdsRequest, ProposalIds, TransactionRequest,
                 TransactionResponse, TransactionRelay, StatusMessage, BlockRequest, BlockResponse,
                 HaveMessage, ManifestRequest, Manifest, ChunkRequest, Chunk, WorkerLetter>;

[[nodiscard]] std::string_view to_string(FrameKind kind);
[[nodiscard]] FrameKind frame_kind(const PeerMessage& message);
[[nodiscard]] Frame encode_frame(const PeerMessage& message);
// kMalformed for bytes that are not one message of this kind, kLimitExceeded for sizes.
[[nodiscard]] Result<PeerMessage> decode_frame(FrameKind kind, ByteView payload);

}  // namespace consilium::driver
