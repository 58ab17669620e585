// The open database behind RocksStorage: its column families and what they hold. Private to the
// store's own source files.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/write_batch.h>

#include "core/codec.hpp"
#include "node/blob_files.hpp"
#include "node/rocks_storage.hpp"
#include "node/vote_guard.hpp"

namespace consilium::node {

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
    kEvidence,
    kClientBlobs,
    kClientBlobNames,
    kFamilyCount
};
inline constexpr std::array<const char*, kFamilyCount> kFamilyNames = {
    "default",    "blocks", "receipts", "state",    "tx",           "blobs",
    "blob_sizes", "votes",  "bodies",   "evidence", "client_blobs", "client_blob_names"};

inline rocksdb::Slice slice_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteView view_of(const rocksdb::Slice& slice) {
    return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()};
}

inline std::string number_key(std::uint64_t number) {
    std::string key(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) {
        key[i] = static_cast<char>(static_cast<unsigned char>(number >> (56 - 8 * i)));
    }
    return key;
}
inline std::string height_key(Height height) {
    return number_key(height.value);
}
inline Error error_of(const rocksdb::Status& status, const std::string& what) {
    const ErrorCode code = status.IsNotFound()     ? ErrorCode::kNotFound
                           : status.IsCorruption() ? ErrorCode::kInternal
                           : status.IsNoSpace()    ? ErrorCode::kLimitExceeded
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
    void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                           rocksdb::Status* error) override {
        has_error_.store(true);
        if (error->IsNoSpace()) is_out_of_space_.store(true);
    }
    [[nodiscard]] bool has_error() const { return has_error_.load(); }
    [[nodiscard]] bool is_out_of_space() const { return is_out_of_space_.load(); }

  private:
    std::atomic<bool> has_error_{false};
    std::atomic<bool> is_out_of_space_{false};
};

struct RocksStorage::Database {
    std::shared_ptr<ErrorListener> listener = std::make_shared<ErrorListener>();
    std::unique_ptr<rocksdb::DB> db;
    std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families{};
    std::optional<BlobFiles> files;
    std::optional<VoteGuard> guard;
    // What the journal holds, so that a commit knows what to drop without walking deleted keys.
    std::map<std::uint64_t, Height> vote_heights;  // by sequence
    std::map<Digest, Height> body_heights;
    std::uint64_t next_evidence = 0;

    Database() = default;
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    Database(Database&&) = delete;
    Database& operator=(Database&&) = delete;
    ~Database() {
        if (!db) return;
        for (rocksdb::ColumnFamilyHandle* family : families) {
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

    // The number of the next record of evidence: one past the newest.
    [[nodiscard]] Result<void> count_evidence() {
        const std::unique_ptr<rocksdb::Iterator> walk(
            db->NewIterator(rocksdb::ReadOptions(), families[kEvidence]));
        walk->SeekToLast();
        if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "evidence"));
        if (!walk->Valid()) return {};
        for (const std::uint8_t byte : view_of(walk->key())) {
            next_evidence = next_evidence << 8U | byte;
        }
        ++next_evidence;
        return {};
    }

    // Whether one of the lists names it: what the files are for. When the disk cannot be asked it
    // counts as named, so that no file is removed for that.
    [[nodiscard]] bool is_named(const Digest& hash) const {
        return std::ranges::any_of(std::array{kBlobSizes, kClientBlobNames}, [&](Family family) {
            const auto name = read(family, slice_of(hash.view()));
            return !name || name->has_value();
        });
    }
    // Named, and its content is here: in RocksDB with its name, or in a file. The clients' list
    // first: another thread may be moving the name to the other one.
    [[nodiscard]] bool holds(const Digest& hash) const {
        if (has_key(kClientBlobNames, hash) &&
            (files->size_bytes(hash) || has_key(kClientBlobs, hash))) {
            return true;
        }
        const auto size = read_as<std::uint64_t>(kBlobSizes, slice_of(hash.view()), "blob");
        return size && (*size < kFileBytes || files->size_bytes(hash) == *size);
    }
    // A large content is durable as a file when this returns; the rest goes into the batch.
    [[nodiscard]] Result<void> put_content(rocksdb::WriteBatch& batch, Family family,
                                           const Digest& hash, ByteView content) const {
        if (content.size() >= kFileBytes) return files->put(hash, content);
        (void)batch.Put(families.at(family), slice_of(hash.view()), slice_of(content));
        return {};
    }
    [[nodiscard]] Result<void> put_blob(rocksdb::WriteBatch& batch, const Digest& hash,
                                        ByteView content) const {
        (void)batch.Put(families[kBlobSizes], slice_of(hash.view()),
                        slice_of(encode(static_cast<std::uint64_t>(content.size()))));
        return put_content(batch, kBlobs, hash, content);
    }
    // What an earlier version has stored in RocksDB. May be done again after a crash.
    [[nodiscard]] Result<void> move_to_files() const {
        for (const Family family : {kBlobs, kClientBlobs}) {
            const std::unique_ptr<rocksdb::Iterator> walk(
                db->NewIterator(rocksdb::ReadOptions(), families.at(family)));
            for (walk->SeekToFirst(); walk->Valid(); walk->Next()) {
                const ByteView content = view_of(walk->value());
                const Digest hash = sha256(content);
                const bool is_right = std::ranges::equal(hash.bytes, view_of(walk->key()));
                if (content.size() < kFileBytes || !is_right) continue;
                if (auto put = files->put(hash, content); !put) return put;
                rocksdb::WriteBatch batch;
                (void)batch.Delete(families.at(family), walk->key());
                if (auto written = write(batch, "blob"); !written) return written;
            }
            if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "blobs"));
        }
        return {};
    }
    void delete_client_blob(rocksdb::WriteBatch& batch, const Digest& hash) const {
        (void)batch.Delete(families[kClientBlobs], slice_of(hash.view()));
        (void)batch.Delete(families[kClientBlobNames], slice_of(hash.view()));
    }

    // Only compaction drops what was deleted, and with the last value of a file the file. Keys are
    // rewritten, values are not: without the last option RocksDB would copy the others' blobs.
    [[nodiscard]] Result<void> return_space(Family family) const {
        rocksdb::CompactRangeOptions options;
        options.exclusive_manual_compaction = false;
        options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
        options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
        const rocksdb::Status status =
            db->CompactRange(options, families.at(family), nullptr, nullptr);
        if (!status.ok()) return tl::unexpected(error_of(status, kFamilyNames.at(family)));
        return {};
    }

    [[nodiscard]] Result<std::optional<std::string>> read(Family family,
                                                          const rocksdb::Slice& key) const {
        rocksdb::ReadOptions options;
        options.verify_checksums = true;
        std::string value;
        const rocksdb::Status status = db->Get(options, families.at(family), key, &value);
        if (status.IsNotFound()) return std::optional<std::string>();
        if (!status.ok()) return tl::unexpected(error_of(status, kFamilyNames.at(family)));
        return std::optional<std::string>(std::move(value));
    }
    [[nodiscard]] bool has_key(Family family, const Digest& hash) const {
        const auto value = read(family, slice_of(hash.view()));
        return value && value->has_value();
    }
    [[nodiscard]] Result<void> write(rocksdb::WriteBatch& batch, const char* what) const {
        rocksdb::WriteOptions options;
        options.sync = true;
        const rocksdb::Status status = db->Write(options, &batch);
        if (!status.ok()) return tl::unexpected(error_of(status, what));
        return {};
    }
    template <typename T>
    [[nodiscard]] Result<T> read_as(Family family, const rocksdb::Slice& key,
                                    const char* what) const {
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

inline tl::unexpected<Error> closed() {
    return make_error(ErrorCode::kUnavailable, "the ledger is closed after a disk error");
}

}  // namespace consilium::node
