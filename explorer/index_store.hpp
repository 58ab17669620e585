// The index file: the one writer of it, and the durable memory of the follower.
//
// One SQLite transaction per block holds the state after the block, the rows derived from it and
// the block itself, so a crash at any moment leaves the index at a block's boundary. Not
// thread-safe; readers use connections of their own (index_reader.hpp).
#pragma once
#include <optional>
#include <string>

#include "contracts/executor.hpp"
#include "explorer/chain_verifier.hpp"
#include "explorer/database.hpp"

namespace consilium::explorer {

// A disagreement as it is kept and shown. An open divergence is what following stopped at.
struct DivergenceRecord {
    Disagreement what;
    std::string kind;  // "divergence", "unproven", "fork": see README
    std::string node;  // who sent it
    TimeMs time;       // of this machine
    bool is_open{};
};

// Verified evidence that a member signed two different messages for one slot.
struct EvidenceRow {
    Digest id;         // sha256 of `content`
    std::string kind;  // "commit", ...
    Epoch epoch;
    Height height;
    View view;
    PublicKey offender;
    std::string name;  // of the offender in its epoch
    Digest first_claim;
    Digest second_claim;
    Bytes content;     // encoded consensus::Evidence
    std::string node;  // who sent it
    TimeMs time;       // of this machine
};

class IndexStore final : public contracts::BlobReader {
  public:
    // Creates the file when it is absent. kMismatch: the file is of another chain, or its state is
    // not that of its newest block. `is_reindex` forgets everything but content-addressed blobs.
    [[nodiscard]] static Result<IndexStore> open(const std::string& path, const Genesis& genesis,
                                                 bool is_reindex);

    [[nodiscard]] const ChainHead& head() const { return head_; }
    [[nodiscard]] const ChainIdentity& identity() const { return identity_; }

    // Makes the block the new head. On an error nothing has changed. Closes an open divergence,
    // since the block that could not be verified now is.
    [[nodiscard]] Result<void> commit(VerifiedBlock verified);

    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override;
    // Content fetched from a node; the caller checked its hash.
    [[nodiscard]] Result<void> put_blob(const Digest& hash, ByteView content);

    [[nodiscard]] Result<void> add_divergence(const DivergenceRecord& record);
    // What is open: the follower stopped there.
    [[nodiscard]] Result<std::optional<DivergenceRecord>> open_divergence();
    // Digest of the verified block at a height; nullopt above the head.
    [[nodiscard]] Result<std::optional<Digest>> digest_at(Height height);
    // Membership that certified a height; genesis' until the council changed it.
    [[nodiscard]] Result<Membership> membership_at(Height height);
    // kNotFound: no verified block has begun that epoch.
    [[nodiscard]] Result<Membership> membership_of(Epoch epoch);

    // The caller verified it. Evidence that is there already is not stored again.
    [[nodiscard]] Result<void> add_evidence(const EvidenceRow& row);
    [[nodiscard]] Result<bool> has_evidence(const Digest& id);
    [[nodiscard]] Result<std::size_t> count_evidence(const PublicKey& offender);

  private:
    IndexStore(Database database, ChainIdentity identity);
    [[nodiscard]] Result<void> prepare(const Genesis& genesis, bool is_reindex);
    [[nodiscard]] Result<void> write_genesis(GenesisBlock genesis);
    [[nodiscard]] Result<void> load();
    void write_head(const ChainHead& head, const StateWrites& writes);

    mutable Database database_;  // reading prepares statements
    ChainIdentity identity_;
    ChainHead head_;
};

}  // namespace consilium::explorer
