// Files by hash: temporary name, sync, rename, sync of the folder.
#include "node/blob_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "node/disk.hpp"

namespace consilium::node {
namespace {

constexpr std::string_view kUnfinished = ".part";
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;  // at once, while a file is hashed

class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    int descriptor_;
};

Result<void> write_all(const File& file, ByteView content) {
    while (!content.empty()) {
        const auto written = ::write(file.descriptor(), content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return tl::unexpected(system_error("cannot write a blob"));
        content = content.subspan(static_cast<std::size_t>(written));
    }
    if (::fdatasync(file.descriptor()) != 0) {
        return tl::unexpected(system_error("cannot sync a blob"));
    }
    return {};
}

class OpenFile final : public BlobContent {
  public:
    OpenFile(File file, std::size_t size_bytes) : file_(std::move(file)), size_bytes_(size_bytes) {}
    [[nodiscard]] std::size_t size_bytes() const override { return size_bytes_; }
    [[nodiscard]] Result<void> read(std::size_t offset,
                                    std::span<std::uint8_t> out) const override {
        CHECK(offset <= size_bytes_ && out.size() <= size_bytes_ - offset);
        while (!out.empty()) {
            const auto got =
                ::pread(file_.descriptor(), out.data(), out.size(), static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return tl::unexpected(system_error("cannot read a blob"));
            if (got == 0) return make_error(ErrorCode::kInternal, "a blob's file became shorter");
            offset += static_cast<std::size_t>(got);
            out = out.subspan(static_cast<std::size_t>(got));
        }
        return {};
    }

  private:
    File file_;
    std::size_t size_bytes_;
};

Error not_here(const Digest& hash) {
    return {ErrorCode::kNotFound, "blob " + hash.hex() + " is not here"};
}

Result<std::unique_ptr<OpenFile>> open_file(const std::string& path, const Digest& hash) {
    File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.is_open()) {
        if (errno == ENOENT) return tl::unexpected(not_here(hash));
        return tl::unexpected(system_error("cannot open a blob"));
    }
    struct stat status {};
    if (::fstat(file.descriptor(), &status) != 0) {
        return tl::unexpected(system_error("cannot open a blob"));
    }
    return std::make_unique<OpenFile>(std::move(file), static_cast<std::size_t>(status.st_size));
}

}  // namespace

Result<BlobFiles> BlobFiles::open(std::string folder) {
    std::error_code failure;
    const bool is_new = std::filesystem::create_directories(folder, failure);
    if (failure || ::chmod(folder.c_str(), 0700) != 0) {
        return make_error(ErrorCode::kUnavailable, "cannot create the folder " + folder);
    }
    if (is_new) {
        const std::string parent = std::filesystem::path(folder).parent_path().string();
        if (auto synced = sync_folder(parent); !synced) return tl::unexpected(synced.error());
    }
    return BlobFiles(std::move(folder));
}

std::string BlobFiles::path_of(const Digest& hash) const {
    return folder_ + "/" + hash.hex();
}

bool BlobFiles::is_damaged(const Digest& hash) const {
    const std::lock_guard lock(damaged_->mutex);
    return damaged_->hashes.contains(hash);
}

void BlobFiles::set_damaged(const Digest& hash, bool is_damaged) const {
    const std::lock_guard lock(damaged_->mutex);
    if (is_damaged) {
        damaged_->hashes.insert(hash);
    } else {
        damaged_->hashes.erase(hash);
    }
}

Result<void> BlobFiles::put(const Digest& hash, ByteView content) const {
    const std::string path = path_of(hash);
    const std::string unfinished = path + std::string(kUnfinished);
    const auto write = [&]() -> Result<void> {
        const File file(::open(unfinished.c_str(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!file.is_open()) return tl::unexpected(system_error("cannot create a blob"));
        if (auto written = write_all(file, content); !written) return written;
        if (::rename(unfinished.c_str(), path.c_str()) != 0) {
            return tl::unexpected(system_error("cannot name a blob"));
        }
        return sync_folder(folder_);
    };
    auto written = write();
    if (written) {
        set_damaged(hash, false);
    } else {
        (void)::unlink(unfinished.c_str());  // a full disk needs its space
    }
    return written;
}

std::optional<std::size_t> BlobFiles::size_bytes(const Digest& hash) const {
    struct stat status {};
    if (is_damaged(hash) || ::stat(path_of(hash).c_str(), &status) != 0) return std::nullopt;
    return static_cast<std::size_t>(status.st_size);
}

Result<Bytes> BlobFiles::get(const Digest& hash) const {
    const auto file = open_file(path_of(hash), hash);
    if (!file) return tl::unexpected(file.error());
    Bytes content((*file)->size_bytes());
    if (auto got = (*file)->read(0, content); !got) return tl::unexpected(got.error());
    if (sha256(content) != hash) {
        set_damaged(hash, true);
        return tl::unexpected(not_here(hash));
    }
    return content;
}

Result<std::unique_ptr<BlobContent>> BlobFiles::read(const Digest& hash) const {
    auto file = open_file(path_of(hash), hash);
    if (!file) return tl::unexpected(file.error());
    const std::size_t size = (*file)->size_bytes();
    Sha256 digest;
    Bytes part(std::min(kReadBytes, size));
    for (std::size_t offset = 0; offset < size; offset += part.size()) {
        const auto out = std::span(part).first(std::min(part.size(), size - offset));
        if (auto got = (*file)->read(offset, out); !got) return tl::unexpected(got.error());
        digest.update(out);
    }
    if (digest.finish() != hash) {
        set_damaged(hash, true);
        return tl::unexpected(not_here(hash));
    }
    return std::unique_ptr<BlobContent>(std::move(*file));
}

Result<void> BlobFiles::erase(const Digest& hash) const {
    if (::unlink(path_of(hash).c_str()) != 0 && errno != ENOENT) {
        return tl::unexpected(system_error("cannot remove a blob"));
    }
    set_damaged(hash, false);
    return {};
}

Result<void> BlobFiles::sweep(const std::function<bool(const Digest&)>& is_named) const {
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder_, failure), end; !failure && entry != end;
         entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        const auto hash = decode_digest_hex(name);
        const bool is_unfinished = name.ends_with(kUnfinished);
        if (is_unfinished ? false : !hash || is_named(*hash)) continue;  // not ours, or wanted
        if (::unlink(entry->path().c_str()) != 0) {
            return tl::unexpected(system_error("cannot remove a blob"));
        }
    }
    if (failure) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot list " + folder_ + ": " + failure.message());
    }
    return {};
}

}  // namespace consilium::node
