// Measures the file system's free bytes, not more often than needed.
#include "node/disk_watch.hpp"

#include <algorithm>
#include <system_error>

#include <spdlog/spdlog.h>

namespace consilium::node {

bool is_scarce(const std::filesystem::space_info& space) {
    constexpr std::uint64_t kShare = 20;
    const std::uint64_t least = std::min<std::uint64_t>(space.capacity / kShare, kScarceBytes);
    return space.available < least;
}

bool DiskWatch::is_scarce() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (measured_ && now < *measured_ + std::chrono::seconds(1)) return is_scarce_;
    measured_ = now;
    std::error_code failure;
    const auto space = std::filesystem::space(folder_, failure);
    const bool was_scarce = is_scarce_;
    is_scarce_ = !failure && node::is_scarce(space);
    if (is_scarce_ && !was_scarce) {
        spdlog::warn("the disk of {} is nearly full ({} MiB free): no new transactions and blobs",
                     folder_.string(), space.available >> 20U);
    } else if (was_scarce && !is_scarce_) {
        spdlog::info("the disk has room again: transactions and blobs are taken");
    }
    return is_scarce_;
}

}  // namespace consilium::node
