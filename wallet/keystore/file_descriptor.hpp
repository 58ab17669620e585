// An owned file descriptor, and system errors as text.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "core/result.hpp"

namespace consilium::keystore {

class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    FileDescriptor(FileDescriptor&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) {
            close();
            descriptor_ = std::exchange(other.descriptor_, -1);
        }
        return *this;
    }
    ~FileDescriptor() { close(); }

    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

  private:
    void close() noexcept {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = -1;
    }

    int descriptor_ = -1;
};

// "what: reason", with the code that fits the errno value.
[[nodiscard]] inline tl::unexpected<Error> system_failure(const std::string& what, int error) {
    const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound
                           : error == ENOSPC || error == EMFILE || error == ENFILE
                               ? ErrorCode::kUnavailable
                           : error == EACCES || error == EPERM || error == EEXIST || error == ELOOP
                               ? ErrorCode::kRefused
                               : ErrorCode::kInternal;
    return make_error(code, what + ": " + std::generic_category().message(error));
}

}  // namespace consilium::keystore
