// Blobs that are being uploaded chunk by chunk: assembled in memory within a fixed budget.
//
// Only blobs that the state or a waiting transaction names get in (the caller asks the driver for
// the wanted length first). The oldest unfinished upload gives way when the budget is used up.
// Thread-safe.
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"

namespace consilium::node {

class BlobUploads {
  public:
    static constexpr std::size_t kBudgetBytes = std::size_t{256} * 1024 * 1024;

    // Adds one chunk of a blob of `length` bytes. The whole blob when this chunk completes it and
    // its hash is right; nullopt while chunks are missing. kMalformed for a chunk of a wrong size
    // or number, kMismatch when the whole has another hash (the upload starts over).
    [[nodiscard]] Result<std::optional<Bytes>> add(const Digest& hash, std::uint64_t length,
                                                   std::uint32_t chunk, ByteView content);
    [[nodiscard]] std::size_t held_bytes() const;

  private:
    struct Upload {
        std::uint64_t length{};
        Bytes content;
        std::vector<bool> present;
        std::size_t missing{};
        std::list<Digest>::iterator age;
    };
    void drop(const Digest& hash);

    mutable std::mutex mutex_;
    std::map<Digest, Upload> uploads_;
    std::list<Digest> by_age_;  // least recently touched first
    std::size_t held_bytes_ = 0;
};

}  // namespace consilium::node
