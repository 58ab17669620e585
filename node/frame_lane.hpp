// Frames of one kind that wait for the driver: bounded, and fair between the peers they come from.
//
// Peers are served in turn, one frame each, so a peer that floods waits for itself. When the lane
// is full, the peer that holds most of it loses its newest frames: a flood never costs another
// peer's frame, whoever came first. Plain value, not thread-safe.
#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "node/driver/driver.hpp"

namespace consilium::node {

class FrameLane {
  public:
    explicit FrameLane(std::size_t quota_bytes) : quota_bytes_(quota_bytes) {}

    // How many frames were dropped to keep the quota; the pushed one may be among them.
    [[nodiscard]] std::size_t push(driver::PeerFrame frame);
    // Of the next peer in turn that `is_served` accepts; nullopt when none of them has a frame.
    [[nodiscard]] std::optional<driver::PeerFrame> pop(
        const std::function<bool(const PublicKey&)>& is_served);
    [[nodiscard]] bool is_empty() const { return peers_.empty(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

  private:
    struct Waiting {
        std::deque<driver::PeerFrame> frames;  // oldest first, never empty
        std::size_t bytes = 0;
    };
    using Peers = std::map<PublicKey, Waiting>;

    void drop_newest_of_largest();
    void forget_if_empty(Peers::iterator peer);

    std::size_t quota_bytes_;
    std::size_t bytes_ = 0;
    Peers peers_;
    std::optional<PublicKey> last_served_;
};

}  // namespace consilium::node
