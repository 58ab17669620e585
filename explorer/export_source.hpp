// Blocks and blobs out of an export, alone or in front of nodes.
#pragma once
#include <string>

#include "explorer/export_files.hpp"
#include "explorer/node_source.hpp"

namespace consilium::explorer {

// One "node": the folder.
class ExportedSource final : public NodeSource {
  public:
    ExportedSource(std::string folder, Height blocks)
        : folder_(std::move(folder)), blocks_(blocks) {}

    [[nodiscard]] std::size_t size() const override { return 1; }
    [[nodiscard]] std::string name(std::size_t) const override { return folder_; }
    [[nodiscard]] Result<CertifiedBlock> block(std::size_t node, Height height) override;
    [[nodiscard]] Result<Bytes> blob(std::size_t node, const Digest& hash,
                                     std::uint64_t length) override;
    [[nodiscard]] Result<Height> height(std::size_t) override { return blocks_; }

  private:
    std::string folder_;
    Height blocks_;
};

// The first node stands for the folder as far as it goes; the others are asked as they are. Whoever
// asks goes on to the next node when what is in the folder turns out to be wrong.
class ResumingSource final : public NodeSource {
  public:
    // `nodes` outlives this.
    ResumingSource(std::string folder, NodeSource& nodes)
        : folder_(std::move(folder), Height{0}), nodes_(nodes) {}

    [[nodiscard]] std::size_t size() const override { return nodes_.size() + 1; }
    [[nodiscard]] std::string name(std::size_t node) const override {
        return nodes_.name(node == 0 ? 0 : node - 1);
    }
    [[nodiscard]] Result<CertifiedBlock> block(std::size_t node, Height height) override;
    [[nodiscard]] Result<Bytes> blob(std::size_t node, const Digest& hash,
                                     std::uint64_t length) override;
    [[nodiscard]] Result<Height> height(std::size_t node) override {
        return nodes_.height(node == 0 ? 0 : node - 1);
    }

  private:
    ExportedSource folder_;
    NodeSource& nodes_;
};

}  // namespace consilium::explorer
