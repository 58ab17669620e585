// The elements of one posted vector: in memory, or read tile by tile from where they are stored.
//
// A view: what it shows must outlive it. A long vector is never wanted as a whole; whoever works on
// it goes through tiles of at most kShareTile elements and holds one of each vector.
#pragma once
#include <concepts>
#include <cstddef>
#include <span>
#include <vector>

#include "core/check.hpp"
#include "fl_engine/smpc/field61.hpp"

namespace consilium::smpc {

inline constexpr std::size_t kShareTile = 4096;  // elements

// A stored vector. It cannot fail: one that can no longer be read gives zeros from then on and says
// so, and whoever opened it drops what was computed.
class ShareReader {
  public:
    ShareReader() = default;
    ShareReader(const ShareReader&) = delete;
    ShareReader& operator=(const ShareReader&) = delete;
    ShareReader(ShareReader&&) = delete;
    ShareReader& operator=(ShareReader&&) = delete;
    virtual ~ShareReader() = default;

    [[nodiscard]] virtual std::size_t size() const = 0;  // elements
    // The elements from `start` on, within size(), each below p.
    virtual void read(std::size_t start, std::span<Element> out) const = 0;
    [[nodiscard]] virtual bool has_failed() const = 0;
};

class ShareValues {
  public:
    ShareValues() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a view, like std::span
    ShareValues(std::span<const Element> elements) : elements_(elements) {}
    template <typename Vector>
    requires std::convertible_to<const Vector&, std::span<const Element>>
    // NOLINTNEXTLINE(google-explicit-constructor): a view, like std::span
    ShareValues(const Vector& elements) : elements_(elements) {}
    explicit ShareValues(const ShareReader& reader) : reader_(&reader) {}

    [[nodiscard]] std::size_t size() const {
        return reader_ == nullptr ? elements_.size() : reader_->size();
    }
    [[nodiscard]] Element operator[](std::size_t x) const {
        std::vector<Element> buffer;
        return tile(x, 1, buffer).front();
    }
    // `count` elements from `start` on, at most kShareTile of a stored vector. They lie in memory
    // as they are, or in `buffer`.
    [[nodiscard]] std::span<const Element> tile(std::size_t start, std::size_t count,
                                                std::vector<Element>& buffer) const {
        if (reader_ == nullptr) return elements_.subspan(start, count);
        CHECK(count <= kShareTile);
        buffer.resize(count);
        reader_->read(start, buffer);
        return buffer;
    }
    // Of a vector that lies in memory.
    [[nodiscard]] std::span<const Element> in_memory() const {
        CHECK(reader_ == nullptr);
        return elements_;
    }
    [[nodiscard]] bool has_failed() const { return reader_ != nullptr && reader_->has_failed(); }

  private:
    std::span<const Element> elements_;
    const ShareReader* reader_ = nullptr;
};

}  // namespace consilium::smpc
