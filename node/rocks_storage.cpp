// RocksDB behind the driver's storage interface.
#include "node/rocks_storage.hpp"

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <map>

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "core/codec.hpp"
#include "node/vote_guard.hpp"

namespace consilium::node {
namespace {

using rocksdb::ColumnFamilyHandle;
using rocksdb::Slice;
using rocksdb::Status;

constexpr std::uint32_t kFormatVersion = 1;
enum Family : std::size_t {
    kMeta,
    kBlocks,
    kReceipts,
    kState,
    kTransactions,
    kBlobs,
    kBlobSizes,
    kVotes,
    kBodies,
    kFamilyCount
};
constexpr std::array<const char*, kFamilyCount> kFamilyNames = {
    "default", "blocks", "receipts", "state", "tx", "blobs", "blob_sizes", "votes", "bodies"};

Slice slice_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteView view_of(const Slice& slice) {
    return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()};
}

std::string number_key(std::uint64_t number) {
    std::string key(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) {
        key[i] = static_cast<char>(static_cast<unsigned char>(number >> (56 - 8 * i)));
    }
    return key;
}
std::string height_key(Height height) {
    return number_key(height.value);
}
const std::string kMembershipPrefix = "membership/";

Error error_of(const Status& status, const std::string& what) {
    const ErrorCode code = status.IsNotFound()     ? ErrorCode::kNotFound
                           : status.IsCorruption() ? ErrorCode::kInternal
                                                   : ErrorCode::kUnavailable;
    return {code, what + ": " + status.ToString()};
}

struct TransactionEntry {
    Height height;
    std::uint32_t index{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("height", self.height);
        visit("index", self.index);
    }
};

struct VoteEntry {
    Height height;
    Bytes content;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("height", self.height);
        visit("content", self.content, Limit{std::size_t{64} * 1024 * 1024});
    }
};

class ErrorListener final : public rocksdb::EventListener {
  public:
    void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/, Status* /*error*/) override {
        has_error_.store(true);
    }
    [[nodiscard]] bool has_error() const { return has_error_.load(); }

  private:
    std::atomic<bool> has_error_{false};
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
    options.keep_log_file_num = 4;
    options.max_total_wal_size = 64ULL * 1024 * 1024;
    options.listeners = {listener};
    return options;
}

rocksdb::ColumnFamilyOptions family_options(std::size_t family) {
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = 16ULL * 1024 * 1024;
    rocksdb::BlockBasedTableOptions table;
    table.checksum = rocksdb::kXXH3;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    if (family == kBlobs || family == kBlocks) {
        options.enable_blob_files = true;
        options.min_blob_size = 4096;
        options.enable_blob_garbage_collection = true;
    }
    return options;
}

}  // namespace

struct RocksStorage::Database {
    std::shared_ptr<ErrorListener> listener = std::make_shared<ErrorListener>();
    std::unique_ptr<rocksdb::DB> db;
    std::array<ColumnFamilyHandle*, kFamilyCount> families{};
    std::optional<VoteGuard> guard;
    // What the journal holds, so that a commit knows what to drop without walking deleted keys.
    std::map<std::uint64_t, Height> vote_heights;  // by sequence
    std::map<Digest, Height> body_heights;

    Database() = default;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    Database(Database&&) = delete;
    Database& operator=(Database&&) = delete;
    ~Database() {
        if (!db) return;
        for (ColumnFamilyHandle* family : families) {
            if (family != nullptr) (void)db->DestroyColumnFamilyHandle(family);
        }
        (void)db->Close();
    }

    // Votes and proposals of decided heights; the newest vote stays, for its sequence number.
    void drop_decided_votes(rocksdb::WriteBatch& batch, Height decided) {
        for (auto entry = vote_heights.begin();
             entry != vote_heights.end() && std::next(entry) != vote_heights.end();) {
            if (entry->second > decided) {
                ++entry;
                continue;
            }
            (void)batch.Delete(families[kVotes], number_key(entry->first));
            entry = vote_heights.erase(entry);
        }
        std::erase_if(body_heights, [&](const auto& body) {
            if (body.second > decided) return false;
            (void)batch.Delete(families[kBodies], slice_of(body.first.view()));
            return true;
        });
    }

    // Fills vote_heights and body_heights from what is stored.
    [[nodiscard]] Result<void> index_journal() {
        const std::unique_ptr<rocksdb::Iterator> votes(
            db->NewIterator(rocksdb::ReadOptions(), families[kVotes]));
        for (votes->SeekToFirst(); votes->Valid(); votes->Next()) {
            const auto entry = decode<VoteEntry>(view_of(votes->value()));
            if (!entry || votes->key().size() != 8) {
                return make_error(ErrorCode::kInternal, "the vote journal is damaged");
            }
            std::uint64_t sequence = 0;
            for (const std::uint8_t byte : view_of(votes->key())) sequence = sequence << 8U | byte;
            vote_heights[sequence] = entry->height;
        }
        if (!votes->status().ok()) return tl::unexpected(error_of(votes->status(), "votes"));
        const std::unique_ptr<rocksdb::Iterator> bodies(
            db->NewIterator(rocksdb::ReadOptions(), families[kBodies]));
        for (bodies->SeekToFirst(); bodies->Valid(); bodies->Next()) {
            const auto body = decode<Block>(view_of(bodies->value()));
            if (!body) return make_error(ErrorCode::kInternal, "a stored proposal is damaged");
            body_heights[header_digest(body->header)] = body->header.height;
        }
        if (!bodies->status().ok()) return tl::unexpected(error_of(bodies->status(), "bodies"));
        return {};
    }

    [[nodiscard]] Result<std::optional<std::string>> read(Family family, const Slice& key) const {
        rocksdb::ReadOptions options;
        options.verify_checksums = true;
        std::string value;
        const Status status = db->Get(options, families.at(family), key, &value);
        if (status.IsNotFound()) return std::optional<std::string>();
        if (!status.ok()) return tl::unexpected(error_of(status, kFamilyNames.at(family)));
        return std::optional<std::string>(std::move(value));
    }
    [[nodiscard]] Result<void> write(rocksdb::WriteBatch& batch, const char* what) const {
        rocksdb::WriteOptions options;
        options.sync = true;
        const Status status = db->Write(options, &batch);
        if (!status.ok()) return tl::unexpected(error_of(status, what));
        return {};
    }
    template <typename T>
    [[nodiscard]] Result<T> read_as(Family family, const Slice& key, const char* what) const {
        auto value = read(family, key);
        if (!value) return tl::unexpected(value.error());
        if (!*value) return make_error(ErrorCode::kNotFound, std::string(what) + " is not here");
        auto decoded = decode<T>(view_of(**value));
        if (!decoded) {
            return make_error(ErrorCode::kInternal,
                              std::string(what) + " is damaged: " + decoded.error().context);
        }
        return decoded;
    }
};

RocksStorage::RocksStorage(std::unique_ptr<Database> database) : database_(std::move(database)) {}
RocksStorage::~RocksStorage() = default;

bool RocksStorage::has_background_error() const {
    return database_->listener->has_error();
}

Result<std::unique_ptr<RocksStorage>> RocksStorage::open(const std::string& folder) {
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    if (failure || ::chmod(folder.c_str(), 0700) != 0) {
        return make_error(ErrorCode::kUnavailable, "cannot create the folder " + folder);
    }
    auto database = std::make_unique<Database>();
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (std::size_t i = 0; i < kFamilyCount; ++i) {
        descriptors.emplace_back(kFamilyNames.at(i), family_options(i));
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

    auto format = database->read(kMeta, "format");
    if (!format) return tl::unexpected(format.error());
    if (*format) {
        const auto version = decode<std::uint32_t>(view_of(**format));
        if (!version || *version != kFormatVersion) {
            return make_error(ErrorCode::kRefused,
                              "the ledger in " + folder + " was written by another version");
        }
    } else {
        rocksdb::WriteBatch batch;
        (void)batch.Put(database->families[kMeta], "format", slice_of(encode(kFormatVersion)));
        if (auto written = database->write(batch, "format"); !written) {
            return tl::unexpected(written.error());
        }
    }
    return std::unique_ptr<RocksStorage>(new RocksStorage(std::move(database)));
}

Result<void> RocksStorage::commit_block(const driver::BlockCommit& commit) {
    const auto& families = database_->families;
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
        const Digest hash = sha256(blob);
        (void)batch.Put(families[kBlobs], slice_of(hash.view()), slice_of(blob));
        (void)batch.Put(families[kBlobSizes], slice_of(hash.view()),
                        slice_of(encode(static_cast<std::uint64_t>(blob.size()))));
    }
    const auto known = membership_at(height.next());
    if (!known && known.error().code != ErrorCode::kNotFound) return tl::unexpected(known.error());
    if (!known || *known != commit.next_membership) {
        (void)batch.Put(families[kMeta], kMembershipPrefix + key,
                        slice_of(encode(commit.next_membership)));
    }
    (void)batch.Put(families[kMeta], "head", slice_of(encode(height)));
    database_->drop_decided_votes(batch, height);
    return database_->write(batch, "block");
}

Result<void> RocksStorage::write_votes(const std::vector<driver::VoteWrite>& votes) {
    if (votes.empty()) return {};
    const auto& families = database_->families;
    rocksdb::WriteBatch batch;
    for (const auto& [record, body] : votes) {
        (void)batch.Put(families[kVotes], number_key(record.sequence),
                        slice_of(encode(VoteEntry{record.height, record.content})));
        database_->vote_heights[record.sequence] = record.height;
        if (!body) continue;
        const Digest digest = header_digest(body->header);
        (void)batch.Put(families[kBodies], slice_of(digest.view()), slice_of(encode(*body)));
        database_->body_heights[digest] = body->header.height;
    }
    if (auto written = database_->write(batch, "vote journal"); !written) return written;
    return database_->guard->advance(votes.back().record.sequence + 1);
}

Result<driver::JournalState> RocksStorage::load_votes() const {
    driver::JournalState journal{{}, {}, database_->guard->counter()};
    for (const auto& [sequence, height] : database_->vote_heights) {
        auto entry = database_->read_as<VoteEntry>(kVotes, number_key(sequence), "vote journal");
        if (!entry) return tl::unexpected(entry.error());
        journal.records.push_back({sequence, height, std::move(entry->content)});
    }
    for (const auto& [digest, height] : database_->body_heights) {
        auto body = database_->read_as<Block>(kBodies, slice_of(digest.view()), "proposal");
        if (!body) return tl::unexpected(body.error());
        journal.bodies.push_back(std::move(*body));
    }
    return journal;
}

Result<std::optional<driver::Head>> RocksStorage::load_head() const {
    auto height = database_->read_as<Height>(kMeta, "head", "head");
    if (!height) {
        if (height.error().code == ErrorCode::kNotFound) return std::optional<driver::Head>();
        return tl::unexpected(height.error());
    }
    auto block = block_at(*height);
    if (!block) return tl::unexpected(block.error());
    auto membership = membership_at(height->next());
    if (!membership) return tl::unexpected(membership.error());
    return std::optional(
        driver::Head{block->block.header, std::move(block->certificate), std::move(*membership)});
}

Result<void> RocksStorage::load_state(const std::function<void(ByteView, ByteView)>& visit) const {
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    const std::unique_ptr<rocksdb::Iterator> walk(
        database_->db->NewIterator(options, database_->families[kState]));
    for (walk->SeekToFirst(); walk->Valid(); walk->Next()) {
        visit(view_of(walk->key()), view_of(walk->value()));
    }
    if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "state"));
    return {};
}

Result<driver::CertifiedBlock> RocksStorage::block_at(Height height) const {
    auto block = database_->read_as<driver::CertifiedBlock>(kBlocks, height_key(height), "block");
    if (!block) return block;
    if (height.value > 0 && header_digest(block->block.header) != block->certificate.digest) {
        return make_error(ErrorCode::kInternal,
                          "block " + std::to_string(height.value) + " is not what was certified");
    }
    return block;
}

Result<BlockReceipts> RocksStorage::receipts_at(Height height) const {
    return database_->read_as<BlockReceipts>(kReceipts, height_key(height), "receipts");
}

Result<Membership> RocksStorage::membership_at(Height height) const {
    // The newest membership that was written by a block below `height` (genesis writes the first).
    const Height before = height.value == 0 ? height : height.previous();
    const std::unique_ptr<rocksdb::Iterator> walk(
        database_->db->NewIterator(rocksdb::ReadOptions(), database_->families[kMeta]));
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
    auto entry =
        database_->read_as<TransactionEntry>(kTransactions, slice_of(id.view()), "transaction");
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
    rocksdb::WriteBatch batch;
    (void)batch.Put(database_->families[kBlobs], slice_of(hash.view()), slice_of(content));
    (void)batch.Put(database_->families[kBlobSizes], slice_of(hash.view()),
                    slice_of(encode(static_cast<std::uint64_t>(content.size()))));
    return database_->write(batch, "blob");
}

Result<Bytes> RocksStorage::get_blob(const Digest& hash) const {
    auto value = database_->read(kBlobs, slice_of(hash.view()));
    if (!value) return tl::unexpected(value.error());
    if (!*value || sha256(view_of(**value)) != hash) {
        return make_error(ErrorCode::kNotFound, "blob " + hash.hex() + " is not here");
    }
    return to_bytes(view_of(**value));
}

bool RocksStorage::has_blob(const Digest& hash) const {
    const auto size = database_->read(kBlobSizes, slice_of(hash.view()));
    return size && size->has_value();
}

Result<void> RocksStorage::erase_blob(const Digest& hash) {
    rocksdb::WriteBatch batch;
    (void)batch.Delete(database_->families[kBlobs], slice_of(hash.view()));
    (void)batch.Delete(database_->families[kBlobSizes], slice_of(hash.view()));
    return database_->write(batch, "blob");
}

}  // namespace consilium::node
