// The durable state of one node, as the driver needs it: what RocksDB implements and the simulator
// crashes.
//
// Every write returns only when it is synced, and is atomic: after a crash it is there as a whole
// or not at all. Any error of any method (kNotFound of the reads apart) makes the driver degraded:
// it never votes again; a new driver may, on what the store holds when it is opened anew. An
// implementation checks what it reads (content hashes, checksums) and answers kInternal rather than
// wrong bytes. Called from the driver's thread only, the const methods from any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "core/blob_content.hpp"
#include "core/block.hpp"
#include "core/bytes.hpp"
#include "core/certificate.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"
#include "core/receipt.hpp"
#include "core/result.hpp"
#include "core/state.hpp"

namespace consilium::driver {

// A final block with its proof.
struct CertifiedBlock {
    Block block;
    Certificate certificate;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("block", self.block);
        visit("certificate", self.certificate);
    }
    friend bool operator==(const CertifiedBlock&, const CertifiedBlock&) = default;
};

// Everything that one block changes; written in one synced batch.
struct BlockCommit {
    Block block;
    Certificate certificate;  // empty for the genesis block
    BlockReceipts receipts;
    StateWrites writes;
    std::vector<Bytes> blobs;    // derived by execution (models), stored by their SHA-256
    Membership next_membership;  // certifies the next block
};

// The newest committed block and what follows from it.
struct Head {
    BlockHeader header;
    Certificate certificate;  // empty for the genesis block
    Membership membership;    // certifies the next block
};

// One record of the vote journal (consensus/journal.hpp): what is about to be sent.
struct VoteRecord {
    std::uint64_t sequence{};  // ascends by one over the whole life of the store
    Height height;             // being decided
    Bytes content;             // opaque to the store
};

// A record and, when the vote is the first for a proposal, the proposal itself: whoever votes for a
// block can show it after a restart, else a prepared block could be lost by all at once.
struct VoteWrite {
    VoteRecord record;
    std::optional<Block> body;
};

struct JournalState {
    std::vector<VoteRecord> records;  // oldest first
    std::vector<Block> bodies;        // of heights above the head
    // One past the last sequence number ever written, from a place independent of the journal (a
    // second small file). Larger than the records say: the journal lost synced writes, or is an
    // old copy.
    std::uint64_t sequence_guard{};
};

struct TransactionLocation {
    Height height;
    std::uint32_t index{};  // within the block
};

// A member's two conflicting messages, for people and auditors; nothing of consensus depends on it.
struct EvidenceRecord {
    PublicKey offender;
    TimeMs seen;    // wall clock
    Bytes content;  // encoded consensus::Evidence, verified
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("offender", self.offender);
        visit("seen", self.seen);
        visit("content", self.content, Limit{kMaxEvidenceBytes});
    }
    static constexpr std::size_t kMaxEvidenceBytes = std::size_t{3} * 1024 * 1024;
    friend bool operator==(const EvidenceRecord&, const EvidenceRecord&) = default;
};

// A masked update or a range proof of a client, which is not kept for ever: one-time padded, its
// secrecy lasts only as long as nobody finds the erased keys of its batch.
struct ClientBlob {
    Digest hash;
    schema::BatchLabel batch;  // that masks it
    friend bool operator==(const ClientBlob&, const ClientBlob&) = default;
};

class Storage {
  public:
    Storage() = default;
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;
    Storage(Storage&&) = delete;
    Storage& operator=(Storage&&) = delete;
    virtual ~Storage() = default;

    // One synced batch: block, certificate, receipts, state writes, index of transactions, derived
    // blobs, membership, head. The genesis block (height 0) comes first; heights have no gaps.
    // Drops vote records and bodies of this height and below, except the newest record of all.
    [[nodiscard]] virtual Result<void> commit_block(const BlockCommit& commit) = 0;
    // In order, in one batch, synced, the guard included, before it returns. Nothing is sent before
    // it has succeeded.
    [[nodiscard]] virtual Result<void> write_votes(const std::vector<VoteWrite>& votes) = 0;
    [[nodiscard]] virtual Result<JournalState> load_votes() const = 0;
    // Raises the guard alone, synced: the journal is not trusted until a newer vote is written.
    [[nodiscard]] virtual Result<void> distrust_votes() = 0;

    // Evidence is kept for ever, in the order of arrival; the caller bounds how much there is.
    [[nodiscard]] virtual Result<void> add_evidence(const EvidenceRecord& evidence) = 0;
    [[nodiscard]] virtual Result<std::vector<EvidenceRecord>> load_evidence() const = 0;

    // nullopt: nothing was ever committed here.
    [[nodiscard]] virtual Result<std::optional<Head>> load_head() const = 0;
    // Calls `visit` once for every key of the head's state, in any order.
    [[nodiscard]] virtual Result<void> load_state(
        const std::function<void(ByteView key, ByteView value)>& visit) const = 0;

    // kNotFound above the head (and for pruned bodies).
    [[nodiscard]] virtual Result<CertifiedBlock> block_at(Height height) const = 0;
    [[nodiscard]] virtual Result<BlockReceipts> receipts_at(Height height) const = 0;
    // The membership that certified the block at `height`.
    [[nodiscard]] virtual Result<Membership> membership_at(Height height) const = 0;
    [[nodiscard]] virtual Result<std::optional<TransactionLocation>> find_transaction(
        const Digest& id) const = 0;

    // Content-addressed. put_blob is synced: a HAVE is signed only after it has succeeded.
    [[nodiscard]] virtual Result<void> put_blob(const Digest& hash, ByteView content) = 0;
    // The same for a client's blob, which lies apart so that erasing it returns its space. If the
    // content is here already, as whichever, nothing changes.
    [[nodiscard]] virtual Result<void> put_client_blob(const ClientBlob& blob,
                                                       ByteView content) = 0;
    // The blobs of clients that are here, by ascending hash.
    [[nodiscard]] virtual Result<std::vector<ClientBlob>> client_blobs() const = 0;
    // A client's blob is what a member has posted, too: from now on it is like any other. No error
    // when no client's blob has this hash.
    [[nodiscard]] virtual Result<void> keep_client_blob(const Digest& hash) = 0;
    // Synced, all or none. Blobs that are not of clients stay; unknown ones are no error.
    [[nodiscard]] virtual Result<void> erase_client_blobs(const std::vector<Digest>& hashes) = 0;
    // kNotFound when absent; content that no longer has this hash is reported as absent, too.
    [[nodiscard]] virtual Result<Bytes> get_blob(const Digest& hash) const = 0;
    // The same, to be read in parts.
    [[nodiscard]] virtual Result<std::unique_ptr<BlobContent>> open_blob(const Digest& hash) const {
        auto content = get_blob(hash);
        if (!content) return tl::unexpected(content.error());
        return std::make_unique<HeldBlob>(std::move(*content));
    }
    [[nodiscard]] virtual bool has_blob(const Digest& hash) const = 0;
};

}  // namespace consilium::driver
