// RocksDB behind the driver's storage interface.
#include "node/rocks_storage.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdarg>
#include <filesystem>

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include "node/rocks_database.hpp"

namespace consilium::node {
namespace {

using rocksdb::ColumnFamilyHandle;
using rocksdb::Status;

constexpr std::uint32_t kFormatVersion = 2;
constexpr std::uint32_t kFormatWithoutFiles = 1;  // all blobs lie in RocksDB
const std::string kMembershipPrefix = "membership/";

// RocksDB's own log file would be one more file on a disk that runs full: the distribution's build
// aborts the process at the second failed write to it. What matters comes back as a status.
class NoLog final : public rocksdb::Logger {
  public:
    using rocksdb::Logger::Logv;
    void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

rocksdb::DBOptions database_options(const std::shared_ptr<ErrorListener>& listener) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.paranoid_checks = true;
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    options.track_and_verify_wals_in_manifest = true;
    options.recycle_log_file_num = 0;
    options.max_background_jobs = 2;
    options.max_open_files = 256;
    options.info_log = std::make_shared<NoLog>();
    options.max_total_wal_size = 64ULL * 1024 * 1024;
    options.db_write_buffer_size = RocksStorage::kWriteBufferBytes;
    options.listeners = {listener};
    return options;
}

// Without a common cache each family would have one of its own.
rocksdb::ColumnFamilyOptions family_options(std::size_t family,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = RocksStorage::kWriteBufferBytes / 4;
    rocksdb::BlockBasedTableOptions table;
    table.checksum = rocksdb::kXXH3;
    table.block_cache = cache;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    if (family == kBlobs || family == kBlocks || family == kClientBlobs) {
        options.enable_blob_files = true;
        options.min_blob_size = 4096;
        options.enable_blob_garbage_collection = true;
    }
    return options;
}

}  // namespace

RocksStorage::RocksStorage(std::string folder, std::unique_ptr<Database> database)
    : folder_(std::move(folder)), database_(std::move(database)) {}
RocksStorage::~RocksStorage() = default;

RocksStorage::Use RocksStorage::use() const {
    std::shared_lock lock(mutex_);
    Database* const database = database_.get();
    return {std::move(lock), database};
}

bool RocksStorage::has_background_error() const {
    const Use database = use();
    return !database || database->listener->has_error();
}

bool RocksStorage::is_out_of_space() const {
    const Use database = use();
    return is_out_of_space_ || (database && database->listener->is_out_of_space());
}

StorageMemory RocksStorage::memory() const {
    const Use database = use();
    StorageMemory memory;
    if (!database) return memory;
    using Properties = rocksdb::DB::Properties;
    rocksdb::DB& db = *database->db;
    (void)db.GetAggregatedIntProperty(Properties::kCurSizeAllMemTables, &memory.write_buffer_bytes);
    (void)db.GetAggregatedIntProperty(Properties::kEstimateTableReadersMem,
                                      &memory.table_reader_bytes);
    // The cache is common to all families; asked of one it is the whole.
    (void)db.GetIntProperty(database->families[kMeta], Properties::kBlockCacheUsage,
                            &memory.cache_bytes);
    return memory;
}

// Remembers why a write failed.
Result<void> RocksStorage::noted(Result<void> written) {
    if (!written && written.error().code == ErrorCode::kLimitExceeded) is_out_of_space_ = true;
    return written;
}

Result<void> RocksStorage::reopen() {
    const std::unique_lock lock(mutex_);
    database_.reset();
    auto opened = open_database(folder_);
    if (!opened) return tl::unexpected(opened.error());
    database_ = std::move(*opened);
    is_out_of_space_ = false;
    return {};
}

Result<std::unique_ptr<RocksStorage>> RocksStorage::open(const std::string& folder) {
    auto database = open_database(folder);
    if (!database) return tl::unexpected(database.error());
    return std::unique_ptr<RocksStorage>(new RocksStorage(folder, std::move(*database)));
}

Result<std::unique_ptr<RocksStorage::Database>> RocksStorage::open_database(
    const std::string& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    if (failure || ::chmod(folder.c_str(), 0700) != 0) {
        return make_error(ErrorCode::kUnavailable, "cannot create the folder " + folder);
    }
    auto database = std::make_unique<Database>();
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
    for (std::size_t i = 0; i < kFamilyCount; ++i) {
        descriptors.emplace_back(kFamilyNames.at(i), family_options(i, cache));
    }
    std::vector<ColumnFamilyHandle*> handles;
    rocksdb::DB* raw = nullptr;
    const Status status = rocksdb::DB::Open(database_options(database->listener),
                                            folder + "/ledger", descriptors, &handles, &raw);
    if (!status.ok()) {
        return tl::unexpected(error_of(
            status, "cannot open the ledger in " + folder + " (is another node running on it?)"));
    }
    database->db.reset(raw);
    std::copy(handles.begin(), handles.end(), database->families.begin());
    auto guard = VoteGuard::open(folder + "/votes.guard");
    if (!guard) return tl::unexpected(guard.error());
    database->guard.emplace(std::move(*guard));
    if (auto indexed = database->index_journal(); !indexed) {
        return tl::unexpected(indexed.error());
    }
    if (auto counted = database->count_evidence(); !counted) {
        return tl::unexpected(counted.error());
    }

    auto files = BlobFiles::open(folder + "/ledger/blobs");
    if (!files) return tl::unexpected(files.error());
    database->files.emplace(std::move(*files));
    if (auto checked = check_format(*database, folder); !checked) {
        return tl::unexpected(checked.error());
    }
    auto swept = database->files->sweep(
        [&database](const Digest& hash) { return database->is_named(hash); });
    if (!swept) return tl::unexpected(swept.error());
    return database;
}

Result<void> RocksStorage::check_format(const Database& database, const std::string& folder) {
    auto format = database.read(kMeta, "format");
    if (!format) return tl::unexpected(format.error());
    if (*format) {
        const auto version = decode<std::uint32_t>(view_of(**format));
        if (version && *version == kFormatVersion) return {};
        if (!version || *version != kFormatWithoutFiles) {
            return make_error(ErrorCode::kRefused,
                              "the ledger in " + folder + " was written by another version");
        }
        if (auto moved = database.move_to_files(); !moved) return moved;
    }
    rocksdb::WriteBatch batch;
    (void)batch.Put(database.families[kMeta], "format", slice_of(encode(kFormatVersion)));
    return database.write(batch, "format");
}

Result<void> RocksStorage::commit_block(const driver::BlockCommit& commit) {
    const Use database = use();
    if (!database) return closed();
    const auto& families = database->families;
    const Height height = commit.block.header.height;
    const std::string key = height_key(height);
    rocksdb::WriteBatch batch;
    (void)batch.Put(families[kBlocks], key,
                    slice_of(encode(driver::CertifiedBlock{commit.block, commit.certificate})));
    (void)batch.Put(families[kReceipts], key, slice_of(encode(commit.receipts)));
    for (const auto& [state_key, value] : commit.writes) {
        if (value) {
            (void)batch.Put(families[kState], slice_of(state_key), slice_of(*value));
        } else {
            (void)batch.Delete(families[kState], slice_of(state_key));
        }
    }
    std::uint32_t index = 0;
    for (const Digest& id : transaction_ids(commit.block.transactions)) {
        (void)batch.Put(families[kTransactions], slice_of(id.view()),
                        slice_of(encode(TransactionEntry{height, index++})));
    }
    for (const Bytes& blob : commit.blobs) {
        if (auto put = database->put_blob(batch, sha256(blob), blob); !put) return noted(put);
    }
    const auto known = membership_in(*database.database, height.next());
    if (!known && known.error().code != ErrorCode::kNotFound) return tl::unexpected(known.error());
    if (!known || *known != commit.next_membership) {
        (void)batch.Put(families[kMeta], kMembershipPrefix + key,
                        slice_of(encode(commit.next_membership)));
    }
    (void)batch.Put(families[kMeta], "head", slice_of(encode(height)));
    database->drop_decided_votes(batch, height);
    return noted(database->write(batch, "block"));
}

Result<void> RocksStorage::write_votes(const std::vector<driver::VoteWrite>& votes) {
    if (votes.empty()) return {};
    const Use database = use();
    if (!database) return closed();
    const auto& families = database->families;
    rocksdb::WriteBatch batch;
    for (const auto& [record, body] : votes) {
        (void)batch.Put(families[kVotes], number_key(record.sequence),
                        slice_of(encode(VoteEntry{record.height, record.content})));
        database->vote_heights[record.sequence] = record.height;
        if (!body) continue;
        const Digest digest = header_digest(body->header);
        (void)batch.Put(families[kBodies], slice_of(digest.view()), slice_of(encode(*body)));
        database->body_heights[digest] = body->header.height;
    }
    if (auto written = database->write(batch, "vote journal"); !written) return noted(written);
    return noted(database->guard->advance(votes.back().record.sequence + 1));
}

Result<void> RocksStorage::distrust_votes() {
    const Use database = use();
    if (!database) return closed();
    return noted(database->guard->advance(database->guard->counter() + 1));
}

Result<driver::JournalState> RocksStorage::load_votes() const {
    const Use database = use();
    if (!database) return closed();
    driver::JournalState journal{{}, {}, database->guard->counter()};
    for (const auto& [sequence, height] : database->vote_heights) {
        auto entry = database->read_as<VoteEntry>(kVotes, number_key(sequence), "vote journal");
        if (!entry) return tl::unexpected(entry.error());
        journal.records.push_back({sequence, height, std::move(entry->content)});
    }
    for (const auto& [digest, height] : database->body_heights) {
        auto body = database->read_as<Block>(kBodies, slice_of(digest.view()), "proposal");
        if (!body) return tl::unexpected(body.error());
        journal.bodies.push_back(std::move(*body));
    }
    return journal;
}

Result<void> RocksStorage::add_evidence(const driver::EvidenceRecord& evidence) {
    const Use database = use();
    if (!database) return closed();
    rocksdb::WriteBatch batch;
    (void)batch.Put(database->families[kEvidence], number_key(database->next_evidence),
                    slice_of(encode(evidence)));
    if (auto written = database->write(batch, "evidence"); !written) return noted(written);
    ++database->next_evidence;
    return {};
}

Result<std::vector<driver::EvidenceRecord>> RocksStorage::load_evidence() const {
    const Use database = use();
    if (!database) return closed();
    std::vector<driver::EvidenceRecord> records;
    const std::unique_ptr<rocksdb::Iterator> walk(
        database->db->NewIterator(rocksdb::ReadOptions(), database->families[kEvidence]));
    for (walk->SeekToFirst(); walk->Valid(); walk->Next()) {
        auto record = decode<driver::EvidenceRecord>(view_of(walk->value()));
        if (!record) return make_error(ErrorCode::kInternal, "stored evidence is damaged");
        records.push_back(std::move(*record));
    }
    if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "evidence"));
    return records;
}

Result<std::optional<driver::Head>> RocksStorage::load_head() const {
    const Use database = use();
    if (!database) return closed();
    auto height = database->read_as<Height>(kMeta, "head", "head");
    if (!height) {
        if (height.error().code == ErrorCode::kNotFound) return std::optional<driver::Head>();
        return tl::unexpected(height.error());
    }
    auto block = block_in(*database.database, *height);
    if (!block) return tl::unexpected(block.error());
    auto membership = membership_in(*database.database, height->next());
    if (!membership) return tl::unexpected(membership.error());
    return std::optional(
        driver::Head{block->block.header, std::move(block->certificate), std::move(*membership)});
}

Result<void> RocksStorage::load_state(const std::function<void(ByteView, ByteView)>& visit) const {
    const Use database = use();
    if (!database) return closed();
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    const std::unique_ptr<rocksdb::Iterator> walk(
        database->db->NewIterator(options, database->families[kState]));
    for (walk->SeekToFirst(); walk->Valid(); walk->Next()) {
        visit(view_of(walk->key()), view_of(walk->value()));
    }
    if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "state"));
    return {};
}

Result<driver::CertifiedBlock> RocksStorage::block_at(Height height) const {
    const Use database = use();
    if (!database) return closed();
    return block_in(*database.database, height);
}

Result<driver::CertifiedBlock> RocksStorage::block_in(const Database& database, Height height) {
    auto block = database.read_as<driver::CertifiedBlock>(kBlocks, height_key(height), "block");
    if (!block) return block;
    if (height.value > 0 && header_digest(block->block.header) != block->certificate.digest) {
        return make_error(ErrorCode::kInternal,
                          "block " + std::to_string(height.value) + " is not what was certified");
    }
    return block;
}

Result<BlockReceipts> RocksStorage::receipts_at(Height height) const {
    const Use database = use();
    if (!database) return closed();
    return database->read_as<BlockReceipts>(kReceipts, height_key(height), "receipts");
}

Result<Membership> RocksStorage::membership_at(Height height) const {
    const Use database = use();
    if (!database) return closed();
    return membership_in(*database.database, height);
}

Result<Membership> RocksStorage::membership_in(const Database& database, Height height) {
    // The newest membership that was written by a block below `height` (genesis writes the first).
    const Height before = height.value == 0 ? height : height.previous();
    const std::unique_ptr<rocksdb::Iterator> walk(
        database.db->NewIterator(rocksdb::ReadOptions(), database.families[kMeta]));
    walk->SeekForPrev(kMembershipPrefix + height_key(before));
    if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "membership"));
    if (!walk->Valid() || !walk->key().starts_with(kMembershipPrefix)) {
        return make_error(ErrorCode::kNotFound, "no membership is known for this height");
    }
    auto membership = decode<Membership>(view_of(walk->value()));
    if (!membership) return make_error(ErrorCode::kInternal, "a stored membership is damaged");
    return membership;
}

Result<std::optional<driver::TransactionLocation>> RocksStorage::find_transaction(
    const Digest& id) const {
    const Use database = use();
    if (!database) return closed();
    auto entry =
        database->read_as<TransactionEntry>(kTransactions, slice_of(id.view()), "transaction");
    if (!entry) {
        if (entry.error().code == ErrorCode::kNotFound) {
            return std::optional<driver::TransactionLocation>();
        }
        return tl::unexpected(entry.error());
    }
    return std::optional(driver::TransactionLocation{entry->height, entry->index});
}

Result<void> RocksStorage::put_blob(const Digest& hash, ByteView content) {
    if (sha256(content) != hash) {
        return make_error(ErrorCode::kMismatch, "the blob's content has another hash");
    }
    const Use database = use();
    if (!database) return closed();
    rocksdb::WriteBatch batch;
    if (auto put = database->put_blob(batch, hash, content); !put) return noted(put);
    return noted(database->write(batch, "blob"));
}

Result<Bytes> RocksStorage::get_blob(const Digest& hash) const {
    const Use database = use();
    if (!database) return closed();
    // In this order: another thread may be moving it from the one to the other.
    auto value = database->read(kClientBlobs, slice_of(hash.view()));
    if (value && !*value) value = database->read(kBlobs, slice_of(hash.view()));
    if (!value) return tl::unexpected(value.error());
    if (!*value) return database->files->get(hash);
    if (sha256(view_of(**value)) != hash) {
        return make_error(ErrorCode::kNotFound, "blob " + hash.hex() + " is not here");
    }
    return to_bytes(view_of(**value));
}

Result<std::unique_ptr<BlobContent>> RocksStorage::open_blob(const Digest& hash) const {
    {
        const Use database = use();
        if (!database) return closed();
        if (database->files->size_bytes(hash)) return database->files->read(hash);
    }
    return Storage::open_blob(hash);
}

bool RocksStorage::has_blob(const Digest& hash) const {
    const Use database = use();
    return database && database->holds(hash);
}

}  // namespace consilium::node
