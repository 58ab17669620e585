// Blobs of an audit: a bounded cache in front of the nodes.
//
// Content is kept by hash and was checked against it. The oldest goes first; what is needed again
// is fetched again. One thread.
#pragma once
#include <deque>
#include <map>
#include <memory>

#include "contracts/executor.hpp"
#include "explorer/audit_recorder.hpp"
#include "explorer/node_source.hpp"

namespace consilium::explorer {

class AuditBlobs final : public contracts::BlobReader {
  public:
    // Room for the shares of thirteen members and some models of the largest dimension.
    static constexpr std::size_t kMaxCachedBytes = std::size_t{256} * 1024 * 1024;

    // `recorder` may be nullptr; it gets every content that comes in.
    AuditBlobs(NodeSource& source, AuditRecorder* recorder)
        : source_(source), recorder_(recorder) {}

    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override;
    void put(Bytes content);
    // From the cache, or from the first node that has it; nullptr when nobody has.
    [[nodiscard]] std::shared_ptr<const Bytes> fetch(const Digest& hash, std::uint64_t length);

  private:
    NodeSource& source_;
    AuditRecorder* recorder_;
    std::map<Digest, std::shared_ptr<const Bytes>> contents_;
    std::deque<Digest> order_;
    std::size_t size_bytes_ = 0;
};

}  // namespace consilium::explorer
