// Executes a block: the deterministic function from state and transactions to writes and receipts.
//
// Order inside block h (smpc-protocol.md, section 6): deadlines that fall on h; transactions in
// order; mask batches ascending; the open round, at most one phase change; then what follows by
// itself: a change of the membership, end and opening of MPC epochs, preparation of batches, the
// next round. Pure: no clock, I/O or randomness. The result depends on nothing but the arguments.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include <tl/expected.hpp>

#include "contracts/schema/codes.hpp"
#include "contracts/schema/table.hpp"
#include "core/blob_content.hpp"
#include "core/genesis.hpp"
#include "core/membership.hpp"
#include "core/receipt.hpp"
#include "core/state.hpp"
#include "core/transaction.hpp"
#include "core/types.hpp"

namespace consilium::contracts {

// Content-addressed storage: shares of aggregates and models are inputs of execution.
class BlobReader {
  public:
    BlobReader() = default;
    BlobReader(const BlobReader&) = default;
    BlobReader& operator=(const BlobReader&) = default;
    BlobReader(BlobReader&&) = default;
    BlobReader& operator=(BlobReader&&) = default;
    virtual ~BlobReader() = default;

    // Bytes whose SHA-256 is `hash`, or nullopt when they are not here.
    [[nodiscard]] virtual std::optional<Bytes> get(const Digest& hash) const = 0;
    // The same, to be read in parts; nullptr when they are not here.
    [[nodiscard]] virtual std::unique_ptr<BlobContent> open(const Digest& hash) const {
        auto content = get(hash);
        if (!content) return nullptr;
        return std::make_unique<HeldBlob>(std::move(*content));
    }
};

struct BlockContext {
    Height height;
    TimeMs time;  // of the header
};

struct BlockEffects {
    StateWrites writes;
    BlockReceipts receipts;    // one per transaction, and the events of the block itself
    std::vector<Bytes> blobs;  // derived content (models), to be stored by its SHA-256
    // Positions of transactions that must not stand in this block: expired, replayed, over the
    // quota or the block's cost. They had no effect. A block with any is invalid.
    std::vector<std::size_t> inadmissible;
    std::optional<Membership> next_membership;  // of the next block, if it changes
    std::uint64_t cost{};
};

// A blob that execution needs is not here (or not what voters have to check): fetch it, try again.
struct MissingBlob {
    Digest sha256;
};

// `blobs` must also offer the derived blobs of earlier blocks that are not yet stored. Signatures
// are the caller's business.
[[nodiscard]] tl::expected<BlockEffects, MissingBlob> execute_block(
    const StateReader& state, const BlobReader& blobs, const BlockContext& context,
    std::span<const Transaction> transactions);

// State before the first block. The error names what is wrong with the genesis.
[[nodiscard]] Result<StateWrites> genesis_state(const Genesis& genesis);

struct AdmissionContext {
    Height height;              // of the block that would hold it
    std::uint64_t nonce_gap{};  // 0: only the next nonce
};
// kOk, or why the transaction cannot stand in that block. A transaction that is admissible may
// still be refused by its module. Everything but the signature, quota included; a `register` of an
// unknown key is checked in full, since it has no account to answer for it.
[[nodiscard]] schema::Code check_admission(const StateReader& state, const Transaction& transaction,
                                           const AdmissionContext& context);
// Limit of the sum of schema::transaction_cost() over one block.
[[nodiscard]] std::uint64_t block_cost_limit(const StateReader& state);
// The next nonce of an account; nullopt for an unknown one, whose first nonce is 0.
[[nodiscard]] std::optional<std::uint64_t> next_nonce(const StateReader& state,
                                                      const PublicKey& account);

// Whether content is what its kind promises: the vote condition of rule D, next to length and hash.
[[nodiscard]] bool check_blob(schema::BlobKind kind, ByteView content);
// Whether the state lets a replica pull the blob of a transaction that waits in its mempool
// unasked: SUBMIT as pledged, RANGE of a submitter and the validators' blobs one per label and of
// the exact length.
[[nodiscard]] bool is_blob_expected(const StateReader& state, const Transaction& transaction);
// The reference that a stored pledge of a client gives: what its node may take by upload before
// the SUBMIT exists. nullopt: no pledge of this batch and slot in the current round.
[[nodiscard]] std::optional<schema::BlobReference> pledged_blob(const StateReader& state,
                                                                const PublicKey& trainer);

// Blobs of committed transactions that members, clients or execution will still read in this state.
// A replica that was away when they were voted for has to fetch them.
[[nodiscard]] std::vector<schema::BlobReference> blobs_in_use(const StateReader& state);

// When the attempt that the batch served was over: at this height or below. nullopt: it runs.
// Height 0 for a batch that serves none, known or not.
[[nodiscard]] std::optional<Height> attempt_end(const StateReader& state,
                                                const schema::BatchLabel& batch);
// What the clients of the running attempt have pledged or proved: masked updates and range proofs
// that members may still read, whichever transaction brought the blobs.
[[nodiscard]] std::set<Digest> client_blobs_in_use(const StateReader& state);

// Whether some window of the contracts is open at the head of the chain, so that the primary has
// to go on making blocks though nothing waits.
[[nodiscard]] bool has_open_window(const StateReader& state, const BlockContext& head);

}  // namespace consilium::contracts
