// The node API of the named nodes: TLS, each proves the key of a validator.
//
// Used by the follower's thread only; cancel_flag may be set by any thread and ends a call within
// 50 ms.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/genesis.hpp"
#include "explorer/evidence_collector.hpp"
#include "explorer/node_source.hpp"
#include "p2p/client/node_pool.hpp"
#include "p2p/http_client.hpp"

namespace consilium::explorer {

class NetworkSource final : public NodeSource, public EvidenceSource {
  public:
    // `nodes` as p2p::parse_endpoint() gives them; without a key any validator's is right. Not
    // empty.
    NetworkSource(const Genesis& genesis, std::vector<p2p::NodeEndpoint> nodes,
                  const std::atomic<bool>& cancel_flag);

    [[nodiscard]] std::size_t size() const override { return nodes_.size(); }
    [[nodiscard]] std::string name(std::size_t node) const override;
    [[nodiscard]] Result<CertifiedBlock> block(std::size_t node, Height height) override;
    [[nodiscard]] Result<Bytes> blob(std::size_t node, const Digest& hash,
                                     std::uint64_t length) override;
    [[nodiscard]] Result<Height> height(std::size_t node) override;

    [[nodiscard]] std::size_t evidence_nodes() const override { return nodes_.size(); }
    [[nodiscard]] std::string evidence_node(std::size_t node) const override { return name(node); }
    [[nodiscard]] Result<std::vector<Digest>> evidence_ids(std::size_t node) override;
    [[nodiscard]] Result<Bytes> evidence(std::size_t node, const Digest& id) override;

    // Returns when the node says that it has a new block, at the latest after `timeout_ms`. Only a
    // hint: who never hears one still polls.
    void wait_for_news(std::size_t node, std::uint64_t timeout_ms);
    void pause_ms(std::uint64_t duration_ms);

  private:
    struct Node {
        p2p::NodeEndpoint endpoint;
        std::unique_ptr<p2p::NodePool> pool;
    };
    [[nodiscard]] Result<void> subscribe(std::size_t node);
    [[nodiscard]] std::uint64_t now_ms() const { return nodes_.front().pool->now_ms(); }

    const std::atomic<bool>& cancel_flag_;
    std::vector<Node> nodes_;
    std::optional<p2p::WebSocketClient> events_;
    std::size_t events_of_ = 0;            // which node `events_` is connected to
    std::uint64_t next_subscription_ = 0;  // monotonic ms; not before
};

}  // namespace consilium::explorer
