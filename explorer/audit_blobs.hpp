// Blobs of an audit: a bounded cache in front of the nodes.
//
// Content is kept by hash and was checked against it. The oldest goes first; what is needed again
// is fetched again. What has come in for the block at hand stays until the next one, however much
// it is: an execution reads it all. That is 8 d bytes for each share of a batch's w and of a sum
// that is opened in this one block. One thread.
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
    AuditBlobs(NodeSource& source, AuditRecorder* recorder, std::size_t max_bytes = kMaxCachedBytes)
        : source_(source), recorder_(recorder), max_bytes_(max_bytes) {}

    // From now on what comes in is for another block.
    void begin_block();
    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override;
    void put(Bytes content);
    // From the cache, or from the first node that has it; nullptr when nobody has.
    [[nodiscard]] std::shared_ptr<const Bytes> fetch(const Digest& hash, std::uint64_t length);

  private:
    void drop_oldest();

    NodeSource& source_;
    AuditRecorder* recorder_;
    std::size_t max_bytes_;
    std::map<Digest, std::shared_ptr<const Bytes>> contents_;
    std::deque<Digest> order_;
    std::size_t of_this_block_ = 0;  // the newest ones of order_
    std::size_t size_bytes_ = 0;
};

}  // namespace consilium::explorer
