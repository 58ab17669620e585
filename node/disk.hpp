// What the files of a node's own stores have in common: errors of the system, and folders.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/result.hpp"

namespace consilium::node {

// What errno says: kLimitExceeded when the disk is full, else kUnavailable.
[[nodiscard]] inline Error system_error(const std::string& what) {
    const bool is_full = errno == ENOSPC || errno == EDQUOT;
    return {is_full ? ErrorCode::kLimitExceeded : ErrorCode::kUnavailable,
            what + ": " + std::strerror(errno)};
}

// Makes the names in the folder durable.
[[nodiscard]] inline Result<void> sync_folder(const std::string& folder) {
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = directory >= 0 && ::fsync(directory) == 0;
    if (is_synced) {
        ::close(directory);
        return {};
    }
    const Error error = system_error("cannot sync " + folder);
    if (directory >= 0) ::close(directory);
    return tl::unexpected(error);
}

}  // namespace consilium::node
