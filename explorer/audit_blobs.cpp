// Keeping and dropping blobs.
#include "explorer/audit_blobs.hpp"

#include <utility>

namespace consilium::explorer {

std::optional<Bytes> AuditBlobs::get(const Digest& hash) const {
    const auto found = contents_.find(hash);
    if (found == contents_.end()) return std::nullopt;
    return *found->second;
}

void AuditBlobs::put(Bytes content) {
    const Digest hash = sha256(content);
    if (contents_.contains(hash)) return;
    if (recorder_ != nullptr) recorder_->add_blob(hash, content);
    size_bytes_ += content.size();
    contents_.emplace(hash, std::make_shared<const Bytes>(std::move(content)));
    order_.push_back(hash);
    ++of_this_block_;
    drop_oldest();
}

void AuditBlobs::begin_block() {
    of_this_block_ = 0;
    drop_oldest();
}

void AuditBlobs::drop_oldest() {
    while (size_bytes_ > max_bytes_ && order_.size() > of_this_block_) {
        const auto oldest = contents_.find(order_.front());
        size_bytes_ -= oldest->second->size();
        contents_.erase(oldest);
        order_.pop_front();
    }
}

std::shared_ptr<const Bytes> AuditBlobs::fetch(const Digest& hash, std::uint64_t length) {
    const auto found = contents_.find(hash);
    if (found != contents_.end()) return found->second;
    for (std::size_t node = 0; node < source_.size(); ++node) {
        auto content = source_.blob(node, hash, length);
        if (!content || sha256(*content) != hash) continue;
        put(*std::move(content));
        return contents_.at(hash);
    }
    return nullptr;
}

}  // namespace consilium::explorer
