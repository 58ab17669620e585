// Memory for secrets: erased when it goes, never copied by accident, never printed.
//
// A program may reserve pages for it that are locked into memory and left out of core files; while
// they have room all secrets of these types live there, otherwise in ordinary memory.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/bytes.hpp"

namespace consilium {

// Overwrites memory in a way the compiler may not remove (OPENSSL_cleanse).
void erase_memory(void* data, std::size_t size) noexcept;
[[nodiscard]] bool constant_time_equal(ByteView a, ByteView b) noexcept;

// What became of reserve_secret_pages().
enum class SecretPages : std::uint8_t {
    kNone,      // the system gives none: secrets live in ordinary memory
    kUnlocked,  // between guard pages and not in core files, but the limit forbids locking
    kLocked,    // and never swapped out
};
// Once, in main, before threads and secrets. `size_bytes` is a power of two, at least 4096.
[[nodiscard]] SecretPages reserve_secret_pages(std::size_t size_bytes);
// Of the reserved pages, in bytes.
[[nodiscard]] std::size_t reserved_secret_bytes() noexcept;
[[nodiscard]] std::size_t used_secret_bytes() noexcept;

// Never null. Any thread.
[[nodiscard]] void* allocate_secret(std::size_t size) noexcept;
// Erases before it frees.
void free_secret(void* data, std::size_t size) noexcept;

template <typename T>
struct SecretAllocator {
    using value_type = T;

    SecretAllocator() = default;
    template <typename U>
    // NOLINTNEXTLINE(google-explicit-constructor): containers convert allocators
    SecretAllocator(const SecretAllocator<U>& /*other*/) {}
    [[nodiscard]] T* allocate(std::size_t count) {
        return static_cast<T*>(allocate_secret(count * sizeof(T)));
    }
    void deallocate(T* data, std::size_t count) noexcept { free_secret(data, count * sizeof(T)); }
    friend bool operator==(const SecretAllocator&, const SecretAllocator&) { return true; }
};

// N secret bytes, zeros at first. Copies are explicit (clone); moving leaves zeros behind.
template <std::size_t N>
class SecretArray {
  public:
    SecretArray() = default;
    explicit SecretArray(std::span<const std::uint8_t, N> bytes) : bytes_(allocate()) {
        std::copy(bytes.begin(), bytes.end(), bytes_);
    }
    SecretArray(const SecretArray&) = delete;
    SecretArray& operator=(const SecretArray&) = delete;
    SecretArray(SecretArray&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
    SecretArray& operator=(SecretArray&& other) noexcept {
        if (this != &other) {
            erase();
            bytes_ = std::exchange(other.bytes_, nullptr);
        }
        return *this;
    }
    ~SecretArray() { erase(); }

    [[nodiscard]] SecretArray clone() const { return SecretArray(view()); }
    [[nodiscard]] std::span<const std::uint8_t, N> view() const {
        return std::span<const std::uint8_t, N>(bytes_ == nullptr ? kZeros.data() : bytes_, N);
    }
    [[nodiscard]] std::span<std::uint8_t, N> mutable_view() {
        if (bytes_ == nullptr) {
            bytes_ = allocate();
            std::fill_n(bytes_, N, std::uint8_t{0});
        }
        return std::span<std::uint8_t, N>(bytes_, N);
    }
    void erase() noexcept {
        if (bytes_ != nullptr) free_secret(std::exchange(bytes_, nullptr), N);
    }

  private:
    static constexpr std::array<std::uint8_t, N> kZeros{};
    [[nodiscard]] static std::uint8_t* allocate() {
        return static_cast<std::uint8_t*>(allocate_secret(N));
    }

    std::uint8_t* bytes_ = nullptr;  // none: zeros
};

// Secret bytes of any length; same rules.
class SecretBytes {
  public:
    SecretBytes() = default;
    explicit SecretBytes(std::size_t size) : bytes_(size) {}
    explicit SecretBytes(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {}
    SecretBytes& operator=(SecretBytes&& other) noexcept {
        if (this != &other) {
            erase();
            bytes_ = std::move(other.bytes_);
        }
        return *this;
    }
    ~SecretBytes() { erase(); }

    [[nodiscard]] SecretBytes clone() const { return SecretBytes(ByteView(bytes_)); }
    [[nodiscard]] ByteView view() const { return bytes_; }
    [[nodiscard]] std::span<std::uint8_t> mutable_view() { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    void erase() noexcept {
        erase_memory(bytes_.data(), bytes_.size());
        bytes_.clear();
    }

  private:
    std::vector<std::uint8_t, SecretAllocator<std::uint8_t>> bytes_;
};

}  // namespace consilium
