// Assembles uploads, least recently touched ones evicted first.
#include "node/blob_uploads.hpp"

#include <algorithm>
#include <iterator>

#include "p2p/blob_put.hpp"
#include "p2p/limits.hpp"

namespace consilium::node {

Result<std::optional<Bytes>> BlobUploads::add(const Digest& hash, std::uint64_t length,
                                              std::uint32_t chunk, ByteView content) {
    constexpr std::uint64_t kChunk = p2p::limits::kBlobChunkBytes;
    if (length > kBudgetBytes) {
        return make_error(ErrorCode::kLimitExceeded, "the blob is larger than a node takes");
    }
    const std::uint32_t count = p2p::blob_chunk_count(length);
    if (chunk >= count) return make_error(ErrorCode::kMalformed, "the blob has no such chunk");
    const std::uint64_t offset = std::uint64_t{chunk} * kChunk;
    if (content.size() != std::min(kChunk, length - offset)) {
        return make_error(ErrorCode::kMalformed, "the chunk has a wrong length");
    }
    const std::lock_guard lock(mutex_);
    auto found = uploads_.find(hash);
    if (found == uploads_.end()) {
        while (held_bytes_ + length > kBudgetBytes) drop(by_age_.front());
        by_age_.push_back(hash);
        found = uploads_
                    .emplace(hash, Upload{length, Bytes(length), std::vector<bool>(count), count,
                                          std::prev(by_age_.end())})
                    .first;
        held_bytes_ += length;
    }
    Upload& upload = found->second;
    if (upload.length != length) {
        return make_error(ErrorCode::kMismatch, "the blob's length has changed");
    }
    by_age_.splice(by_age_.end(), by_age_, upload.age);
    std::copy(content.begin(), content.end(),
              upload.content.begin() + static_cast<std::ptrdiff_t>(offset));
    if (!upload.present[chunk]) {
        upload.present[chunk] = true;
        --upload.missing;
    }
    if (upload.missing > 0) return std::optional<Bytes>();
    Bytes whole = std::move(upload.content);
    drop(hash);
    if (sha256(whole) != hash) {
        return make_error(ErrorCode::kMismatch, "the uploaded chunks have another hash");
    }
    return std::optional<Bytes>(std::move(whole));
}

std::size_t BlobUploads::held_bytes() const {
    const std::lock_guard lock(mutex_);
    return held_bytes_;
}

void BlobUploads::drop(const Digest& hash) {
    const auto found = uploads_.find(hash);
    held_bytes_ -= found->second.length;
    by_age_.erase(found->second.age);
    uploads_.erase(found);
}

}  // namespace consilium::node
