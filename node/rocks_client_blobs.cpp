// Blobs of clients in RocksDB: a column family of their own, so that erasing them returns the
// space.
//
// A value of 4 KiB or more lies in a blob file, which RocksDB removes once nothing refers to it any
// more. Among values that stay for ever such files would live as long as these.
#include <algorithm>

#include "node/rocks_database.hpp"

namespace consilium::node {

Result<void> RocksStorage::put_client_blob(const driver::ClientBlob& blob, ByteView content) {
    if (sha256(content) != blob.hash) {
        return make_error(ErrorCode::kMismatch, "the blob's content has another hash");
    }
    if (has_blob(blob.hash)) return {};
    const Use database = use();
    if (!database) return closed();
    rocksdb::WriteBatch batch;
    (void)batch.Put(database->families[kClientBlobs], slice_of(blob.hash.view()),
                    slice_of(content));
    (void)batch.Put(database->families[kClientBlobNames], slice_of(blob.hash.view()),
                    slice_of(encode(blob.batch)));
    return noted(database->write(batch, "blob of a client"));
}

Result<std::vector<driver::ClientBlob>> RocksStorage::client_blobs() const {
    const Use database = use();
    if (!database) return closed();
    std::vector<driver::ClientBlob> blobs;
    const std::unique_ptr<rocksdb::Iterator> walk(
        database->db->NewIterator(rocksdb::ReadOptions(), database->families[kClientBlobNames]));
    for (walk->SeekToFirst(); walk->Valid(); walk->Next()) {
        const auto batch = decode<schema::BatchLabel>(view_of(walk->value()));
        driver::ClientBlob blob;
        if (!batch || walk->key().size() != blob.hash.bytes.size()) {
            return make_error(ErrorCode::kInternal, "the list of clients' blobs is damaged");
        }
        std::ranges::copy(view_of(walk->key()), blob.hash.bytes.begin());
        blob.batch = *batch;
        blobs.push_back(blob);
    }
    if (!walk->status().ok()) return tl::unexpected(error_of(walk->status(), "clients' blobs"));
    return blobs;
}

Result<void> RocksStorage::keep_client_blob(const Digest& hash) {
    const Use database = use();
    if (!database) return closed();
    const auto content = database->read(kClientBlobs, slice_of(hash.view()));
    if (!content) return tl::unexpected(content.error());
    if (!*content) return {};
    rocksdb::WriteBatch batch;
    (void)batch.Put(database->families[kBlobs], slice_of(hash.view()), rocksdb::Slice(**content));
    (void)batch.Put(database->families[kBlobSizes], slice_of(hash.view()),
                    slice_of(encode(static_cast<std::uint64_t>((*content)->size()))));
    database->delete_client_blob(batch, hash);
    return noted(database->write(batch, "blob of a client"));
}

Result<void> RocksStorage::erase_client_blobs(const std::vector<Digest>& hashes) {
    const Use database = use();
    if (!database) return closed();
    rocksdb::WriteBatch batch;
    for (const Digest& hash : hashes) database->delete_client_blob(batch, hash);
    if (auto written = database->write(batch, "blobs of clients"); !written) {
        return noted(written);
    }
    // Only compaction drops what was deleted, and with the last value of a file the file. Keys are
    // rewritten, values are not: without this option RocksDB would copy the others' blobs.
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
    const rocksdb::Status status =
        database->db->CompactRange(options, database->families[kClientBlobs], nullptr, nullptr);
    if (!status.ok()) return noted(tl::unexpected(error_of(status, "space of clients' blobs")));
    return {};
}

}  // namespace consilium::node
