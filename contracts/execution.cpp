// Blob access and windows.
#include "contracts/execution.hpp"

namespace consilium::contracts {

std::optional<Bytes> Execution::read_blob(const Digest& hash) {
    auto content = blobs.get(hash);
    if (!content && !missing_blob) missing_blob = hash;
    return content;
}

std::unique_ptr<BlobContent> Execution::open_blob(const Digest& hash) {
    auto content = blobs.open(hash);
    if (!content && !missing_blob) missing_blob = hash;
    return content;
}

bool is_window_over(const schema::Window& window, const Moment& start, const BlockContext& now) {
    return now.height.value >= saturating_add<std::uint64_t>(start.height.value, window.blocks) &&
           now.time.value >= saturating_add<std::uint64_t>(start.time.value, window.ms);
}

}  // namespace consilium::contracts
