// Memory for secrets: erased when it goes, never copied by accident, never printed.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/bytes.hpp"

namespace consilium {

// Overwrites memory in a way the compiler may not remove (OPENSSL_cleanse).
void erase_memory(void* data, std::size_t size) noexcept;
[[nodiscard]] bool constant_time_equal(ByteView a, ByteView b) noexcept;

// N secret bytes. Copies are explicit (clone); moving erases the source.
template <std::size_t N>
class SecretArray {
  public:
    SecretArray() = default;
    explicit SecretArray(std::span<const std::uint8_t, N> bytes) {
        std::copy(bytes.begin(), bytes.end(), bytes_.begin());
    }
    SecretArray(const SecretArray&) = delete;
    SecretArray& operator=(const SecretArray&) = delete;
    SecretArray(SecretArray&& other) noexcept : bytes_(other.bytes_) { other.erase(); }
    SecretArray& operator=(SecretArray&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            other.erase();
        }
        return *this;
    }
    ~SecretArray() { erase(); }

    [[nodiscard]] SecretArray clone() const { return SecretArray(std::span(bytes_)); }
    [[nodiscard]] std::span<const std::uint8_t, N> view() const { return bytes_; }
    [[nodiscard]] std::span<std::uint8_t, N> mutable_view() { return bytes_; }
    void erase() noexcept { erase_memory(bytes_.data(), N); }

  private:
    std::array<std::uint8_t, N> bytes_{};
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
    std::vector<std::uint8_t> bytes_;
};

}  // namespace consilium
