// Large blobs as files, each named by its SHA-256.
//
// In RocksDB a value passes through the log and a memtable before it lies in a file, and is read as
// a whole: several copies of a megabyte or more in memory. Here it is written once, read in parts,
// and its space returns when the file is removed. Which blobs count is said by RocksDB's lists
// (rocks_storage.hpp); a file that none of them names was left by a crash, and sweep() removes it.
//
// A file whose content was found wrong when it was read counts as absent until it is written again,
// so that whoever wants the blob fetches it.
//
// A file appears under its name when its content is synced, and the folder is synced before put()
// returns. put(), erase() and sweep() are for one thread at a time, the others for any.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "core/blob_content.hpp"
#include "core/digest.hpp"

namespace consilium::node {

class BlobFiles {
  public:
    // Creates the folder (mode 0700). kUnavailable when the disk refuses.
    [[nodiscard]] static Result<BlobFiles> open(std::string folder);

    // Durable when it returns. `hash` is that of the content. kLimitExceeded when the disk is full.
    [[nodiscard]] Result<void> put(const Digest& hash, ByteView content) const;
    // nullopt: it is not here.
    [[nodiscard]] std::optional<std::size_t> size_bytes(const Digest& hash) const;
    // Both compare the content with its hash. kNotFound when it is not here or no longer right,
    // kUnavailable when the disk refuses.
    [[nodiscard]] Result<Bytes> get(const Digest& hash) const;
    [[nodiscard]] Result<std::unique_ptr<BlobContent>> read(const Digest& hash) const;
    // No error when absent. A crash may bring the file back.
    [[nodiscard]] Result<void> erase(const Digest& hash) const;
    // Removes the files for which `is_named` says no, and unfinished ones.
    [[nodiscard]] Result<void> sweep(const std::function<bool(const Digest&)>& is_named) const;

  private:
    struct Damaged {
        std::mutex mutex;
        std::set<Digest> hashes;
    };
    explicit BlobFiles(std::string folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::string path_of(const Digest& hash) const;
    [[nodiscard]] bool is_damaged(const Digest& hash) const;
    void set_damaged(const Digest& hash, bool is_damaged) const;

    std::string folder_;
    std::unique_ptr<Damaged> damaged_ = std::make_unique<Damaged>();
};

}  // namespace consilium::node
