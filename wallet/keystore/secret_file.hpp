// Files that hold secrets: readable by their owner only, replaced in one step or not at all.
//
// Writing goes through a fresh 0600 file beside the target (O_EXCL, O_NOFOLLOW), fsync, rename and
// fsync of the directory, so a crash leaves the old file or the new one, never a torn one. Reading
// refuses symbolic links, other file types, files of other users and files that group or others
// may read. Contents are sealed by the caller (key_file.hpp, sealed.hpp); this is only their place.
#pragma once
#include <cstddef>
#include <string>

#include "core/bytes.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"

namespace consilium::keystore {

enum class WriteMode {
    kCreateNew,  // kRefused when the target exists
    kReplace,    // the target is replaced atomically if it exists
};

// Writes all of `contents` to `path`, durably. A missing directory (last component only) is made
// with mode 0700; one that others may write to is refused, unless it is sticky.
[[nodiscard]] Result<void> write_secret_file(const std::string& path, ByteView contents,
                                             WriteMode mode);

// The whole file; kLimitExceeded when it is longer than `size_max`, kNotFound when it is absent.
[[nodiscard]] Result<SecretBytes> read_secret_file(const std::string& path, std::size_t size_max);

// Overwrites the file with zeros, removes it and makes the removal durable. Absent is success.
// The overwriting is best effort (a copy-on-write disk keeps old blocks): what must be erased for
// certain is kept sealed, under a key that is erased with it.
[[nodiscard]] Result<void> remove_secret_file(const std::string& path);

// Makes `path` with mode 0700 if it is missing; an existing one must be ours and closed to others.
[[nodiscard]] Result<void> make_secret_directory(const std::string& path);

}  // namespace consilium::keystore
