// Makes, locks and cleans the folder.
#include "deploy/devnet/directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace consilium::devnet {
namespace {

namespace fs = std::filesystem;

// Its presence says that a devnet made the folder and may empty it.
constexpr const char* kLockName = ".consilium-devnet";

fs::path in_build_tree(const fs::path& programs) {
    const fs::path build = programs.parent_path().parent_path();
    return build.filename() == "build" ? build / "devnet" : fs::path();
}

Result<fs::path> temporary_folder() {
    std::error_code error;
    const fs::path place = fs::temp_directory_path(error);
    std::string pattern = (place / "consilium-devnet-XXXXXX").string();
    if (error || ::mkdtemp(pattern.data()) == nullptr) {
        return make_error(ErrorCode::kUnavailable, "cannot make a folder in " + place.string() +
                                                       "; free space there or give --dir");
    }
    return fs::path(pattern);
}

void empty(const fs::path& folder) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        if (entry.path().filename() != kLockName) fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace

Result<Directory> Directory::take(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) {
        return make_error(ErrorCode::kUnavailable,
                          "--dir " + path.string() + ": " + error.message());
    }
    const fs::path lock_file = path / kLockName;
    if (!fs::exists(lock_file, error) && !fs::is_empty(path, error)) {
        return make_error(ErrorCode::kRefused,
                          "--dir " + path.string() +
                              ": holds files that no devnet made; name a new or empty folder");
    }
    const int lock = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        return make_error(ErrorCode::kUnavailable,
                          "--dir " + path.string() + ": " + std::strerror(errno));
    }
    Directory taken(fs::absolute(path, error), lock);
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        return make_error(ErrorCode::kUnavailable,
                          "--dir " + path.string() +
                              ": another devnet runs there; stop it or name another folder");
    }
    fs::permissions(path, fs::perms::owner_all, error);
    empty(taken.path());
    return taken;
}

Result<Directory> Directory::make(const fs::path& wanted, const fs::path& programs) {
    if (!wanted.empty()) return take(wanted);
    if (const fs::path usual = in_build_tree(programs); !usual.empty()) {
        if (auto taken = take(usual)) return taken;
    }
    const auto folder = temporary_folder();
    if (!folder) return tl::unexpected(folder.error());
    return take(*folder);
}

Directory::Directory(Directory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

Directory& Directory::operator=(Directory&& other) noexcept {
    if (this != &other) {
        if (lock_ >= 0) ::close(lock_);
        path_ = std::move(other.path_);
        lock_ = std::exchange(other.lock_, -1);
    }
    return *this;
}

Directory::~Directory() {
    if (lock_ >= 0) ::close(lock_);
}

Result<void> write_text(const fs::path& file, const std::string& text) {
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.close();
    if (!stream) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot write " + file.string() + "; is there space left?");
    }
    return {};
}

}  // namespace consilium::devnet
