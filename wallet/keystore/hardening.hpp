// Keeps secrets of the running process out of core files, debuggers and swap.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "core/result.hpp"

namespace consilium::keystore {

// Core files off (RLIMIT_CORE 0) and no attaching by the same user (PR_SET_DUMPABLE 0; left alone
// in sanitizer builds, whose leak check needs it). Call first in main, before any secret is read.
[[nodiscard]] Result<void> harden_process();

// How many bytes to lock for secrets (core/secret.hpp) where `limit_bytes` may be locked: a power
// of two, at most half of the limit, because passwords are locked as well; 4 KiB to 16 MiB.
[[nodiscard]] std::size_t secret_bytes_for(std::size_t limit_bytes);
// Reserves pages for all secrets of the process, after raising the soft limit of locked memory to
// the hard one. Call once in main, after harden_process(), before any secret is read. What it
// returns is for the log: why secrets may reach the swap space; nullopt when they cannot.
[[nodiscard]] std::optional<std::string> keep_secrets_in_memory();

// Pages that are locked into memory where the limit allows it, left out of core files and of forked
// children, and erased when released. For buffers that hold a secret for a while.
class ProtectedPages {
  public:
    // kUnavailable when the system has no memory to give.
    [[nodiscard]] static Result<ProtectedPages> allocate(std::size_t size);
    ProtectedPages(const ProtectedPages&) = delete;
    ProtectedPages& operator=(const ProtectedPages&) = delete;
    ProtectedPages(ProtectedPages&& other) noexcept;
    ProtectedPages& operator=(ProtectedPages&& other) noexcept;
    ~ProtectedPages();

    [[nodiscard]] void* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool is_locked() const { return locked_; }

  private:
    ProtectedPages(void* data, std::size_t size, bool locked)
        : data_(data), size_(size), locked_(locked) {}
    void release() noexcept;

    void* data_ = nullptr;
    std::size_t size_ = 0;
    bool locked_ = false;
};

}  // namespace consilium::keystore
