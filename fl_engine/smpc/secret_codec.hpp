// Encoding of keys for sealed files: in buffers that are erased, never in plain vectors.
//
// Grammar: u64 little-endian; key: 32 bytes; ring: u64 count, then keys. A reader fails softly:
// after the first error everything reads as empty and finish() says so.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/check.hpp"
#include "core/result.hpp"
#include "core/secret.hpp"
#include "fl_engine/smpc/kdf.hpp"

namespace consilium::smpc {

class SecretWriter {
  public:
    // `capacity_bytes` is the exact length of what will be written: the buffer never moves.
    explicit SecretWriter(std::size_t capacity_bytes) : buffer_(capacity_bytes) {}

    void number(std::uint64_t value) {
        for (std::size_t i = 0; i < 8; ++i) put(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    void bytes(ByteView data) {
        CHECK(used_ + data.size() <= buffer_.size());
        std::copy(data.begin(), data.end(),
                  buffer_.mutable_view().begin() + static_cast<std::ptrdiff_t>(used_));
        used_ += data.size();
    }
    template <typename Key>
    void ring(const std::vector<Key>& keys) {
        number(keys.size());
        for (const Key& key : keys) bytes(key.secret().view());
    }
    [[nodiscard]] ByteView finish() const {
        CHECK(used_ == buffer_.size());
        return buffer_.view();
    }
    template <typename Key>
    [[nodiscard]] static std::size_t ring_bytes(const std::vector<Key>& keys) {
        return 8 + kKeyBytes * keys.size();
    }

  private:
    void put(std::uint8_t byte) { bytes({&byte, 1}); }
    SecretBytes buffer_;
    std::size_t used_ = 0;
};

class SecretReader {
  public:
    explicit SecretReader(ByteView data) : rest_(data) {}

    [[nodiscard]] std::uint64_t number() {
        std::uint64_t value = 0;
        const ByteView field = take(8);
        for (std::size_t i = 0; i < field.size(); ++i) value |= std::uint64_t{field[i]} << (8 * i);
        return value;
    }
    [[nodiscard]] Secret32 key() {
        const ByteView field = take(kKeyBytes);
        Secret32 key;
        std::copy(field.begin(), field.end(), key.mutable_view().begin());
        return key;
    }
    template <typename Key>
    [[nodiscard]] std::vector<Key> ring() {
        const std::uint64_t count = number();
        if (count > rest_.size() / kKeyBytes) {
            has_failed_ = true;
            return {};
        }
        std::vector<Key> keys;
        for (std::uint64_t i = 0; i < count; ++i) keys.emplace_back(key());
        return keys;
    }
    [[nodiscard]] ByteView take(std::size_t size) {
        if (has_failed_ || size > rest_.size()) {
            has_failed_ = true;
            return {};
        }
        const ByteView field = rest_.first(size);
        rest_ = rest_.subspan(size);
        return field;
    }
    [[nodiscard]] Result<void> finish(const char* what) const {
        if (has_failed_ || !rest_.empty()) {
            return make_error(ErrorCode::kInternal, std::string(what) + " is damaged");
        }
        return {};
    }
    [[nodiscard]] bool has_failed() const { return has_failed_; }

  private:
    ByteView rest_;
    bool has_failed_ = false;
};

}  // namespace consilium::smpc
