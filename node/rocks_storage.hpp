// The driver's storage on RocksDB: one synced atomic write per block, votes synced before sending.
//
// Column families (keys are big-endian where they are numbers, so that iteration is by height):
//   blocks     height            -> CertifiedBlock
//   receipts   height            -> BlockReceipts
//   state      state key         -> value
//   tx         transaction id    -> height, index
//   blobs      SHA-256           -> content, unless it is in a file (blob_files.hpp)
//   blob_sizes SHA-256           -> length
//   votes      sequence          -> VoteRecord
//   evidence   number            -> EvidenceRecord, in the order of arrival
//   bodies     header digest     -> Block (of proposals voted for, above the head)
//   meta       "head" -> height; "format" -> version; "membership/" height -> Membership that
//              certifies the blocks after that height
// Contents of kFileBytes or more are files in the folder ledger/blobs. They are durable before the
// list that names them is written, and removed after they have left it; opening the store removes
// what a crash in between has left.
// The next sequence number of the vote journal also stands in the file votes.guard, outside
// RocksDB: recovery to a point in time may drop a synced suffix of the log, and the guard then
// tells. Thread-safe as driver/storage.hpp asks; reopen() waits for the readers of the moment.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "node/driver/storage.hpp"

namespace consilium::node {

// What RocksDB holds in memory, in bytes.
struct StorageMemory {
    std::uint64_t write_buffer_bytes = 0;
    std::uint64_t cache_bytes = 0;
    std::uint64_t table_reader_bytes = 0;
};

class RocksStorage final : public driver::Storage {
  public:
    // Smaller blobs are not worth two more syncs. A range proof has 53 KB.
    static constexpr std::size_t kFileBytes = std::size_t{32} * 1024;
    // What RocksDB may hold of writes before it puts them into files, all families together. While
    // it does, as much again may come in.
    static constexpr std::size_t kWriteBufferBytes = std::size_t{16} * 1024 * 1024;
    static constexpr std::size_t kBlockCacheBytes = std::size_t{8} * 1024 * 1024;

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
    [[nodiscard]] Result<void> distrust_votes() override;
    [[nodiscard]] Result<void> add_evidence(const driver::EvidenceRecord& evidence) override;
    [[nodiscard]] Result<std::vector<driver::EvidenceRecord>> load_evidence() const override;
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
    [[nodiscard]] Result<std::unique_ptr<BlobContent>> open_blob(const Digest& hash) const override;
    [[nodiscard]] bool has_blob(const Digest& hash) const override;
    [[nodiscard]] Result<void> put_client_blob(const driver::ClientBlob& blob,
                                               ByteView content) override;
    [[nodiscard]] Result<std::vector<driver::ClientBlob>> client_blobs() const override;
    [[nodiscard]] Result<void> keep_client_blob(const Digest& hash) override;
    [[nodiscard]] Result<void> erase_client_blobs(const std::vector<Digest>& hashes) override;

    // Zero while the store is closed.
    [[nodiscard]] StorageMemory memory() const;

    // A background error of RocksDB (a full disk, say): writes fail from then on.
    [[nodiscard]] bool has_background_error() const;

    // Whether the disk is full, as far as failed writes have told.
    [[nodiscard]] bool is_out_of_space() const;
    // Closes the store and reads it anew from the disk, as a restart of the process would. After an
    // error every method answers kUnavailable until a later call succeeds.
    [[nodiscard]] Result<void> reopen();

  private:
    struct Database;
    // The open database for as long as it is held; null while it is closed.
    struct Use {
        std::shared_lock<std::shared_mutex> lock;
        Database* database = nullptr;
        Database* operator->() const { return database; }
        explicit operator bool() const { return database != nullptr; }
    };
    RocksStorage(std::string folder, std::unique_ptr<Database> database);
    [[nodiscard]] static Result<std::unique_ptr<Database>> open_database(const std::string& folder);
    [[nodiscard]] static Result<void> check_format(const Database& database,
                                                   const std::string& folder);
    [[nodiscard]] Use use() const;
    [[nodiscard]] Result<void> noted(Result<void> written);
    [[nodiscard]] static Result<Membership> membership_in(const Database& database, Height height);
    [[nodiscard]] static Result<driver::CertifiedBlock> block_in(const Database& database,
                                                                 Height height);

    std::string folder_;
    mutable std::shared_mutex mutex_;  // shared by every use of database_, exclusive to reopen()
    std::unique_ptr<Database> database_;
    std::atomic<bool> is_out_of_space_{false};
};

}  // namespace consilium::node
