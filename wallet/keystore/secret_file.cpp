// POSIX file handling for secrets; every check is made on an open descriptor.
#include "wallet/keystore/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "core/check.hpp"
#include "core/random.hpp"
#include "wallet/keystore/file_descriptor.hpp"

namespace consilium::keystore {
namespace {

constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kOwnerOnlyDirectory = 0700;
constexpr mode_t kGroupAndOthers = S_IRWXG | S_IRWXO;
constexpr mode_t kGroupOrOthersWrite = S_IWGRP | S_IWOTH;

struct SplitPath {
    std::string directory;
    std::string name;
};

Result<SplitPath> split(const std::string& path) {
    if (path.empty() || path.find('\0') != std::string::npos) {
        return make_error(ErrorCode::kMalformed, "the path of a secret file is empty or holds NUL");
    }
    const std::size_t slash = path.rfind('/');
    SplitPath parts{".", path};
    if (slash != std::string::npos) {
        parts.directory = slash == 0 ? "/" : path.substr(0, slash);
        parts.name = path.substr(slash + 1);
    }
    if (parts.name.empty() || parts.name == "." || parts.name == "..") {
        return make_error(ErrorCode::kMalformed, path + " names no file");
    }
    return parts;
}

Result<FileDescriptor> open_directory(const std::string& path) {
    FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_failure("cannot open directory " + path, errno);
    struct stat info {};
    if (::fstat(directory.get(), &info) != 0) return system_failure("cannot stat " + path, errno);
    if ((info.st_mode & kGroupOrOthersWrite) != 0 && (info.st_mode & S_ISVTX) == 0) {
        return make_error(ErrorCode::kRefused, "directory " + path +
                                                   " may be written by group or others, who could "
                                                   "replace secrets in it; run: chmod 700 " +
                                                   path);
    }
    return directory;
}

// The directory of a file about to be written, made if it is missing.
Result<FileDescriptor> open_or_make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), kOwnerOnlyDirectory) != 0 && errno != EEXIST) {
        return system_failure("cannot make directory " + path, errno);
    }
    return open_directory(path);
}

Result<void> write_all(int descriptor, ByteView contents, const std::string& path) {
    while (!contents.empty()) {
        const ssize_t written = ::write(descriptor, contents.data(), contents.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return system_failure("cannot write " + path, errno);
        }
        contents = contents.subspan(static_cast<std::size_t>(written));
    }
    // A failed fsync is never tried again: the kernel may have dropped the dirty pages.
    if (::fsync(descriptor) != 0) return system_failure("cannot sync " + path, errno);
    return {};
}

Result<void> rename_without_replacing(int directory, const std::string& from, const SplitPath& to) {
    if (::renameat2(directory, from.c_str(), directory, to.name.c_str(), RENAME_NOREPLACE) == 0) {
        return {};
    }
    int error = errno;
    if (error == EINVAL || error == ENOSYS) {
        // This file system lacks the flag; a hard link refuses an existing target just as well.
        if (::linkat(directory, from.c_str(), directory, to.name.c_str(), 0) == 0) {
            ::unlinkat(directory, from.c_str(), 0);
            return {};
        }
        error = errno;
    }
    if (error == EEXIST) {
        return make_error(ErrorCode::kRefused, to.directory + "/" + to.name +
                                                   " exists already and is left as it is; choose "
                                                   "another name or ask for replacement");
    }
    return system_failure("cannot name " + to.directory + "/" + to.name, error);
}

Result<void> move_into_place(int directory, const std::string& from, const SplitPath& to,
                             WriteMode mode) {
    switch (mode) {
        case WriteMode::kCreateNew:
            return rename_without_replacing(directory, from, to);
        case WriteMode::kReplace:
            if (::renameat(directory, from.c_str(), directory, to.name.c_str()) == 0) return {};
            return system_failure("cannot replace " + to.directory + "/" + to.name, errno);
    }
    UNREACHABLE();
}

Result<void> check_secret_file(const struct stat& info, const std::string& path) {
    if (!S_ISREG(info.st_mode)) {
        return make_error(ErrorCode::kRefused, path + " is not a regular file");
    }
    if (info.st_uid != ::geteuid() && info.st_uid != 0) {
        return make_error(ErrorCode::kRefused, path + " belongs to another user");
    }
    if ((info.st_mode & kGroupAndOthers) != 0) {
        return make_error(
            ErrorCode::kRefused,
            path + " may be read or written by group or others; run: chmod 600 " + path);
    }
    return {};
}

Result<FileDescriptor> open_secret(const SplitPath& parts, const std::string& path, int flags) {
    auto directory = open_directory(parts.directory);
    if (!directory) return tl::unexpected(directory.error());
    // O_NONBLOCK: opening a pipe put in the file's place must not hang.
    FileDescriptor file(::openat(directory->get(), parts.name.c_str(),
                                 flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.is_open()) {
        if (errno == ELOOP) {
            return make_error(ErrorCode::kRefused,
                              path + " is a symbolic link; give the file itself");
        }
        return system_failure("cannot open " + path, errno);
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_failure("cannot stat " + path, errno);
    if (auto checked = check_secret_file(info, path); !checked) {
        return tl::unexpected(checked.error());
    }
    return file;
}

Result<std::size_t> size_of(int descriptor, const std::string& path) {
    struct stat info {};
    if (::fstat(descriptor, &info) != 0) return system_failure("cannot stat " + path, errno);
    return static_cast<std::size_t>(info.st_size);
}

std::string temporary_name(const std::string& name) {
    std::array<std::uint8_t, 8> tail{};
    fill_random(tail);
    return "." + name + ".new-" + to_hex(tail);
}

}  // namespace

Result<void> write_secret_file(const std::string& path, ByteView contents, WriteMode mode) {
    auto parts = split(path);
    if (!parts) return tl::unexpected(parts.error());
    auto directory = open_or_make_directory(parts->directory);
    if (!directory) return tl::unexpected(directory.error());

    const std::string temporary = temporary_name(parts->name);
    Result<void> done;
    {
        FileDescriptor file(::openat(directory->get(), temporary.c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                     kOwnerOnly));
        if (!file.is_open()) {
            return system_failure("cannot make a file in " + parts->directory, errno);
        }
        // A strict umask may have taken the owner's bits too.
        if (::fchmod(file.get(), kOwnerOnly) != 0) {
            done = system_failure("cannot set the mode of " + path, errno);
        } else {
            done = write_all(file.get(), contents, path);
        }
    }
    if (done) done = move_into_place(directory->get(), temporary, *parts, mode);
    if (!done) {
        ::unlinkat(directory->get(), temporary.c_str(), 0);
        return done;
    }
    if (::fsync(directory->get()) != 0) {
        return system_failure("cannot sync directory " + parts->directory, errno);
    }
    return {};
}

Result<SecretBytes> read_secret_file(const std::string& path, std::size_t size_max) {
    auto parts = split(path);
    if (!parts) return tl::unexpected(parts.error());
    auto file = open_secret(*parts, path, O_RDONLY);
    if (!file) return tl::unexpected(file.error());
    auto size = size_of(file->get(), path);
    if (!size) return tl::unexpected(size.error());
    if (*size > size_max) {
        return make_error(ErrorCode::kLimitExceeded, path + " is longer than such a file can be");
    }
    SecretBytes contents(*size);
    auto rest = contents.mutable_view();
    while (!rest.empty()) {
        const ssize_t got = ::read(file->get(), rest.data(), rest.size());
        if (got < 0) {
            if (errno == EINTR) continue;
            return system_failure("cannot read " + path, errno);
        }
        if (got == 0)
            return make_error(ErrorCode::kUnavailable, path + " shrank while it was read");
        rest = rest.subspan(static_cast<std::size_t>(got));
    }
    return contents;
}

Result<void> remove_secret_file(const std::string& path) {
    auto parts = split(path);
    if (!parts) return tl::unexpected(parts.error());
    auto file = open_secret(*parts, path, O_WRONLY);
    if (!file) {
        if (file.error().code == ErrorCode::kNotFound) return {};
        return tl::unexpected(file.error());
    }
    auto size = size_of(file->get(), path);
    if (!size) return tl::unexpected(size.error());
    constexpr std::array<std::uint8_t, 4096> kZeros{};
    for (std::size_t left = *size; left > 0;) {
        const ByteView piece = ByteView(kZeros).first(std::min(left, kZeros.size()));
        if (auto written = write_all(file->get(), piece, path); !written) return written;
        left -= piece.size();
    }
    auto directory = open_directory(parts->directory);
    if (!directory) return tl::unexpected(directory.error());
    if (::unlinkat(directory->get(), parts->name.c_str(), 0) != 0 && errno != ENOENT) {
        return system_failure("cannot remove " + path, errno);
    }
    if (::fsync(directory->get()) != 0) {
        return system_failure("cannot sync directory " + parts->directory, errno);
    }
    return {};
}

Result<void> make_secret_directory(const std::string& path) {
    if (::mkdir(path.c_str(), kOwnerOnlyDirectory) != 0 && errno != EEXIST) {
        return system_failure("cannot make directory " + path, errno);
    }
    FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.is_open()) return system_failure("cannot open directory " + path, errno);
    struct stat info {};
    if (::fstat(directory.get(), &info) != 0) return system_failure("cannot stat " + path, errno);
    if (info.st_uid != ::geteuid()) {
        return make_error(ErrorCode::kRefused, "directory " + path + " belongs to another user");
    }
    if ((info.st_mode & kGroupAndOthers) != 0) {
        return make_error(
            ErrorCode::kRefused,
            "directory " + path + " is open to group or others; run: chmod 700 " + path);
    }
    return {};
}

}  // namespace consilium::keystore
