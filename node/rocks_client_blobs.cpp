// Blobs of clients in RocksDB: a column family of their own, so that erasing them returns the
// space.
//
// A value that is no file of its own but has 4 KiB or more lies in a blob file, which RocksDB
// removes once nothing refers to it any more. Among values that stay for ever such files would live
// as long as these.
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
    if (auto put = database->put_content(batch, kClientBlobs, blob.hash, content); !put) {
        return noted(put);
    }
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
    if (!database->has_key(kClientBlobNames, hash)) return {};
    rocksdb::WriteBatch batch;
    auto size = static_cast<std::uint64_t>(database->files->size_bytes(hash).value_or(0));
    if (size == 0) {
        const auto content = database->read(kClientBlobs, slice_of(hash.view()));
        if (!content) return tl::unexpected(content.error());
        if (!*content) return {};
        size = (*content)->size();
        (void)batch.Put(database->families[kBlobs], slice_of(hash.view()), **content);
    }
    (void)batch.Put(database->families[kBlobSizes], slice_of(hash.view()), slice_of(encode(size)));
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
    bool is_in_rocksdb = false;
    for (const Digest& hash : hashes) {
        if (database->is_named(hash)) continue;  // as a member's
        is_in_rocksdb = is_in_rocksdb || !database->files->size_bytes(hash);
        if (auto erased = database->files->erase(hash); !erased) return noted(erased);
    }
    return is_in_rocksdb ? noted(database->return_space(kClientBlobs)) : Result<void>{};
}

}  // namespace consilium::node
