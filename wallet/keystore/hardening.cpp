// Process limits and protected pages (Linux).
#include "wallet/keystore/hardening.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "core/check.hpp"
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

std::size_t secret_bytes_for(std::size_t limit_bytes) {
    constexpr std::size_t kLeast = 4096;
    // Keys of the largest committee and 64 clients: two records of 1 MB in use, each in two forms.
    constexpr std::size_t kMost = std::size_t{16} << 20;
    return std::bit_floor(std::clamp(limit_bytes / 2, kLeast, kMost));
}

std::optional<std::string> keep_secrets_in_memory() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) limit = {0, 0};
    if (limit.rlim_cur < limit.rlim_max) {
        const rlimit raised{limit.rlim_max, limit.rlim_max};
        if (::setrlimit(RLIMIT_MEMLOCK, &raised) == 0) limit = raised;
    }
    const std::size_t size = secret_bytes_for(limit.rlim_cur);
    const std::string advice =
        "; raise the limit of locked memory (ulimit -l, LimitMEMLOCK=) or encrypt the swap space";
    switch (reserve_secret_pages(size)) {
        case SecretPages::kLocked:
            return std::nullopt;
        case SecretPages::kUnlocked:
            return "secrets may reach the swap space: " + std::to_string(size / 1024) +
                   " KiB could not be locked" + advice;
        case SecretPages::kNone:
            return "secrets may reach the swap space: the system reserves no pages" + advice;
    }
    UNREACHABLE();
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
