// The content of one blob, read part by part, so that it need not lie in memory as a whole.
//
// What opens a blob has compared the whole with its hash. A reader is for one thread at a time; it
// goes on reading a blob that is erased meanwhile.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "core/bytes.hpp"
#include "core/check.hpp"
#include "core/result.hpp"

namespace consilium {

class BlobContent {
  public:
    BlobContent() = default;
    BlobContent(const BlobContent&) = delete;
    BlobContent& operator=(const BlobContent&) = delete;
    BlobContent(BlobContent&&) = delete;
    BlobContent& operator=(BlobContent&&) = delete;
    virtual ~BlobContent() = default;

    [[nodiscard]] virtual std::size_t size_bytes() const = 0;
    // Fills `out` with the bytes from `offset` on; they lie within the blob. An error of the store
    // leaves `out` as it may be.
    [[nodiscard]] virtual Result<void> read(std::size_t offset,
                                            std::span<std::uint8_t> out) const = 0;
};

// One that does lie in memory.
class HeldBlob final : public BlobContent {
  public:
    explicit HeldBlob(Bytes content) : content_(std::move(content)) {}
    [[nodiscard]] std::size_t size_bytes() const override { return content_.size(); }
    [[nodiscard]] Result<void> read(std::size_t offset,
                                    std::span<std::uint8_t> out) const override {
        CHECK(offset <= content_.size() && out.size() <= content_.size() - offset);
        const ByteView part = ByteView(content_).subspan(offset, out.size());
        std::copy(part.begin(), part.end(), out.begin());
        return {};
    }

  private:
    Bytes content_;
};

}  // namespace consilium
