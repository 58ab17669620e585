// The first posters' vectors of the sum as a validator opens them: blobs that are read in parts.
#pragma once
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <vector>

#include "core/blob_content.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/stored_share.hpp"
#include "tests/bench/smpc/blob_folder.hpp"

namespace consilium::bench {

// Bytes that lie in memory elsewhere: what the page cache is for a node.
class LentBlob final : public BlobContent {
  public:
    explicit LentBlob(ByteView content) : content_(content) {}
    [[nodiscard]] std::size_t size_bytes() const override { return content_.size(); }
    [[nodiscard]] Result<void> read(std::size_t offset,
                                    std::span<std::uint8_t> out) const override {
        const ByteView part = content_.subspan(offset, out.size());
        std::copy(part.begin(), part.end(), out.begin());
        return {};
    }

  private:
    ByteView content_;
};

class FileBlob final : public BlobContent {
  public:
    explicit FileBlob(const std::filesystem::path& path)
        : file_(path, std::ios::binary), size_bytes_(std::filesystem::file_size(path)) {}
    [[nodiscard]] std::size_t size_bytes() const override { return size_bytes_; }
    [[nodiscard]] Result<void> read(std::size_t offset,
                                    std::span<std::uint8_t> out) const override {
        file_.seekg(static_cast<std::streamoff>(offset));
        file_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
        if (!file_) return make_error(ErrorCode::kUnavailable, "cannot read a blob");
        return {};
    }

  private:
    mutable std::ifstream file_;
    std::size_t size_bytes_;
};

class StoredSum {
  public:
    void add(smpc::MemberIndex member, std::unique_ptr<BlobContent> content) {
        shares_.push_back(std::make_unique<smpc::StoredShare>(Digest{}, std::move(content)));
        posts_.push_back({member, smpc::ShareValues(*shares_.back())});
    }
    // Whether the stream's share lies on the polynomial, at the member's index.
    [[nodiscard]] bool has(smpc::AggregateStream stream, smpc::MemberIndex at) const {
        smpc::InterpolationStream expected(posts_, at);
        smpc::SecretElements own(smpc::kShareTile);
        for (auto tile = expected.next(); !tile.empty(); tile = expected.next()) {
            const auto part = std::span(own).first(tile.size());
            stream.next(part);
            if (!std::equal(part.begin(), part.end(), tile.begin())) return false;
        }
        return true;
    }
    [[nodiscard]] Digest digest() const {
        const Digest digest = smpc::interpolated_digest(posts_);
        for (const auto& share : shares_) require(!share->has_failed(), "a blob");
        return digest;
    }
    [[nodiscard]] std::vector<smpc::Element> values() const {
        return smpc::interpolate_vector(posts_, 0);
    }

  private:
    std::vector<std::unique_ptr<smpc::StoredShare>> shares_;
    std::vector<smpc::PostedShare> posts_;
};

}  // namespace consilium::bench
