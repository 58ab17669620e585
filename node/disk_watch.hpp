// Says when the disk is nearly full, so that a node refuses new work while it can still finish the
// old: blocks need space, and a full disk ends its voting.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>

namespace consilium::node {

// Fewer free bytes than a twentieth of the file system; on large ones, than kScarceBytes.
inline constexpr std::uint64_t kScarceBytes = std::uint64_t{2} * 1024 * 1024 * 1024;
[[nodiscard]] bool is_scarce(const std::filesystem::space_info& space);

// Any thread.
class DiskWatch {
  public:
    // `folder`: on the file system to watch.
    explicit DiskWatch(std::filesystem::path folder) : folder_(std::move(folder)) {}
    // Measured at most once in a second. False while it cannot be measured: the write that fails
    // says more.
    [[nodiscard]] bool is_scarce();

  private:
    std::filesystem::path folder_;
    std::mutex mutex_;
    std::optional<std::chrono::steady_clock::time_point> measured_;
    bool is_scarce_ = false;
};

}  // namespace consilium::node
