// The folder of one devnet: new, or left by an earlier run, and held by one launcher at a time.
#pragma once
#include <filesystem>

#include "core/result.hpp"

namespace consilium::devnet {

class Directory {
  public:
    // The named folder, or the default one when `wanted` is empty: build/devnet beside the build
    // that `programs` is part of, or a new folder in the temporary directory when that is in use.
    // What an earlier devnet left is removed; kRefused for a folder that holds anything else.
    [[nodiscard]] static Result<Directory> make(const std::filesystem::path& wanted,
                                                const std::filesystem::path& programs);
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    Directory(Directory&& other) noexcept;
    Directory& operator=(Directory&& other) noexcept;
    ~Directory();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }  // absolute

  private:
    Directory(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
    [[nodiscard]] static Result<Directory> take(const std::filesystem::path& path);

    std::filesystem::path path_;
    int lock_ = -1;  // descriptor of the locked file
};

// The whole text into a file, replacing it.
[[nodiscard]] Result<void> write_text(const std::filesystem::path& file, const std::string& text);

}  // namespace consilium::devnet
