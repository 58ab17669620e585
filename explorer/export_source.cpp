// Reading an export's files as a node's answers.
#include "explorer/export_source.hpp"

namespace consilium::explorer {
namespace {

// Transactions of one block, and room for header and certificate.
constexpr std::uint64_t kMaxBlockFileBytes = 2 * std::uint64_t{kMaxBlockBytes};

}  // namespace

Result<CertifiedBlock> ExportedSource::block(std::size_t, Height height) {
    const auto content = read_file(folder_ + "/" + block_path(height), kMaxBlockFileBytes);
    if (!content) return tl::unexpected(content.error());
    auto block = decode<CertifiedBlock>(*content);
    if (!block) return make_error(ErrorCode::kMalformed, block.error().context);
    return *std::move(block);
}

Result<Bytes> ExportedSource::blob(std::size_t, const Digest& hash, std::uint64_t length) {
    auto content = read_file(folder_ + "/" + blob_path(hash), length);
    if (content && content->size() != length) {
        return make_error(ErrorCode::kMismatch, "another length");
    }
    return content;
}

Result<CertifiedBlock> ResumingSource::block(std::size_t node, Height height) {
    if (node > 0) return nodes_.block(node - 1, height);
    auto there = folder_.block(0, height);
    return there ? std::move(there) : nodes_.block(0, height);
}

Result<Bytes> ResumingSource::blob(std::size_t node, const Digest& hash, std::uint64_t length) {
    if (node > 0) return nodes_.blob(node - 1, hash, length);
    auto there = folder_.blob(0, hash, length);
    return there ? std::move(there) : nodes_.blob(0, hash, length);
}

}  // namespace consilium::explorer
