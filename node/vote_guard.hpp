// A counter in a small file of its own: says whether the vote journal is older than it should be.
//
// The file has two 64-byte slots that are written in turn, each {magic, counter, digest}; a torn
// write spoils one slot only. Format: 8 bytes "CNSLGRD1", u64 counter (little-endian), tagged hash
// of both, 16 zero bytes.
#pragma once
#include <cstdint>
#include <string>

#include "core/result.hpp"

namespace consilium::node {

class VoteGuard {
  public:
    // Opens or creates the file (mode 0600).
    [[nodiscard]] static Result<VoteGuard> open(const std::string& path);
    VoteGuard(VoteGuard&& other) noexcept;
    VoteGuard& operator=(VoteGuard&& other) noexcept;
    VoteGuard(const VoteGuard&) = delete;
    VoteGuard& operator=(const VoteGuard&) = delete;
    ~VoteGuard();

    [[nodiscard]] std::uint64_t counter() const { return counter_; }
    // Writes and syncs. After an error the file must not be trusted: stop voting.
    [[nodiscard]] Result<void> advance(std::uint64_t counter);

  private:
    VoteGuard(int file, std::uint64_t counter) : file_(file), counter_(counter) {}
    int file_;
    std::uint64_t counter_;
};

}  // namespace consilium::node
