// The driver's storage on RocksDB: one synced atomic write per block, votes synced before sending.
//
// Column families (keys are big-endian where they are numbers, so that iteration is by height):
//   blocks     height            -> CertifiedBlock
//   receipts   height            -> BlockReceipts
//   state      state key         -> value
//   tx         transaction id    -> height, index
//   blobs      SHA-256           -> content (large values live in blob files)
//   blob_sizes SHA-256           -> length
//   votes      sequence          -> VoteRecord
//   bodies     header digest     -> Block (of proposals voted for, above the head)
//   meta       "head" -> height; "format" -> version; "membership/" height -> Membership that
//              certifies the blocks after that height
// The next sequence number of the vote journal also stands in the file votes.guard, outside
// RocksDB: recovery to a point in time may drop a synced suffix of the log, and the guard then
// tells. Thread-safe as driver/storage.hpp asks.
#pragma once
#include <memory>
#include <string>

#include "node/driver/storage.hpp"

namespace consilium::node {

class RocksStorage final : public driver::Storage {
  public:
    // Opens or creates the store in `folder` (made with mode 0700). kUnavailable when another
    // process has it open or the disk refuses; kRefused for a store of a newer format.
    [[nodiscard]] static Result<std::unique_ptr<RocksStorage>> open(const std::string& folder);
    ~RocksStorage() override;
    RocksStorage(const RocksStorage&) = delete;
    RocksStorage& operator=(const RocksStorage&) = delete;
    RocksStorage(RocksStorage&&) = delete;
    RocksStorage& operator=(RocksStorage&&) = delete;

    [[nodiscard]] Result<void> commit_block(const driver::BlockCommit& commit) override;
    [[nodiscard]] Result<void> write_votes(const std::vector<driver::VoteWrite>& votes) override;
    [[nodiscard]] Result<driver::JournalState> load_votes() const override;
    [[nodiscard]] Result<std::optional<driver::Head>> load_head() const override;
    [[nodiscard]] Result<void> load_state(
        const std::function<void(ByteView key, ByteView value)>& visit) const override;
    [[nodiscard]] Result<driver::CertifiedBlock> block_at(Height height) const override;
    [[nodiscard]] Result<BlockReceipts> receipts_at(Height height) const override;
    [[nodiscard]] Result<Membership> membership_at(Height height) const override;
    [[nodiscard]] Result<std::optional<driver::TransactionLocation>> find_transaction(
        const Digest& id) const override;
    [[nodiscard]] Result<void> put_blob(const Digest& hash, ByteView content) override;
    [[nodiscard]] Result<Bytes> get_blob(const Digest& hash) const override;
    [[nodiscard]] bool has_blob(const Digest& hash) const override;
    [[nodiscard]] Result<void> erase_blob(const Digest& hash) override;

    // A background error of RocksDB (a full disk, say): writes fail from then on.
    [[nodiscard]] bool has_background_error() const;

  private:
    struct Database;
    explicit RocksStorage(std::unique_ptr<Database> database);
    std::unique_ptr<Database> database_;
};

}  // namespace consilium::node
