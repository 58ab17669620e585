// A posted vector that is a blob, read tile by tile.
#pragma once
#include <memory>
#include <utility>

#include "core/blob_content.hpp"
#include "core/digest.hpp"
#include "fl_engine/smpc/share_values.hpp"

namespace consilium::smpc {

class StoredShare final : public ShareReader {
  public:
    static constexpr std::size_t kWordBytes = sizeof(Element);

    // `content` is that of `hash`, a whole number of words.
    StoredShare(const Digest& hash, std::unique_ptr<BlobContent> content)
        : hash_(hash), content_(std::move(content)) {}
    [[nodiscard]] std::size_t size() const override { return content_->size_bytes() / kWordBytes; }
    // It fails when the store cannot read it, and at a word that is none of the field's.
    void read(std::size_t start, std::span<Element> out) const override;
    [[nodiscard]] bool has_failed() const override { return has_failed_; }
    [[nodiscard]] const Digest& hash() const { return hash_; }

  private:
    Digest hash_;
    std::unique_ptr<BlobContent> content_;
    mutable bool has_failed_ = false;  // a reader is for one thread
};

}  // namespace consilium::smpc
