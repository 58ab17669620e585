// Process limits and protected pages (Linux).
#include "wallet/keystore/hardening.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <utility>

#include "core/secret.hpp"
#include "wallet/keystore/file_descriptor.hpp"

namespace consilium::keystore {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kDebuggable = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kDebuggable = true;
#else
constexpr bool kDebuggable = false;
#endif
#else
constexpr bool kDebuggable = false;
#endif

}  // namespace

Result<void> harden_process() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) {
        return system_failure("cannot switch core files off", errno);
    }
    if (!kDebuggable && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return system_failure("cannot make the process undumpable", errno);
    }
    return {};
}

Result<ProtectedPages> ProtectedPages::allocate(std::size_t size) {
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        return make_error(ErrorCode::kUnavailable, "the system has not enough memory to give");
    }
    // Best effort each: an old kernel or a low lock limit leaves the pages usable.
    ::madvise(data, size, MADV_DONTDUMP);
    ::madvise(data, size, MADV_WIPEONFORK);
    const bool locked = ::mlock(data, size) == 0;
    return ProtectedPages(data, size, locked);
}

ProtectedPages::ProtectedPages(ProtectedPages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, false)) {}

ProtectedPages& ProtectedPages::operator=(ProtectedPages&& other) noexcept {
    if (this != &other) {
        release();
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        locked_ = std::exchange(other.locked_, false);
    }
    return *this;
}

ProtectedPages::~ProtectedPages() {
    release();
}

void ProtectedPages::release() noexcept {
    if (data_ == nullptr) return;
    erase_memory(data_, size_);
    ::munmap(data_, size_);
    data_ = nullptr;
}

}  // namespace consilium::keystore
