// Round robin between peers, and dropping from whoever holds most.
#include "node/frame_lane.hpp"

#include <algorithm>
#include <utility>

namespace consilium::node {
namespace {

// What a queued frame costs beside its payload.
constexpr std::size_t kFrameOverhead = 256;

std::size_t cost_of(const driver::PeerFrame& frame) {
    return frame.payload.size() + kFrameOverhead;
}

}  // namespace

std::size_t FrameLane::push(driver::PeerFrame frame) {
    const std::size_t cost = cost_of(frame);
    if (cost > quota_bytes_) return 1;
    Waiting& waiting = peers_[frame.from];
    waiting.frames.push_back(std::move(frame));
    waiting.bytes += cost;
    bytes_ += cost;
    std::size_t dropped = 0;
    for (; bytes_ > quota_bytes_; ++dropped) drop_newest_of_largest();
    return dropped;
}

std::optional<driver::PeerFrame> FrameLane::pop(
    const std::function<bool(const PublicKey&)>& is_served) {
    auto turn = last_served_ ? peers_.upper_bound(*last_served_) : peers_.begin();
    for (std::size_t i = 0; i < peers_.size(); ++i, ++turn) {
        if (turn == peers_.end()) turn = peers_.begin();
        if (!is_served(turn->first)) continue;
        last_served_ = turn->first;
        Waiting& waiting = turn->second;
        driver::PeerFrame frame = std::move(waiting.frames.front());
        waiting.frames.pop_front();
        waiting.bytes -= cost_of(frame);
        bytes_ -= cost_of(frame);
        forget_if_empty(turn);
        return frame;
    }
    return std::nullopt;
}

void FrameLane::drop_newest_of_largest() {
    const auto largest = std::max_element(
        peers_.begin(), peers_.end(),
        [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
    CHECK(largest != peers_.end());
    Waiting& waiting = largest->second;
    const std::size_t cost = cost_of(waiting.frames.back());
    waiting.frames.pop_back();
    waiting.bytes -= cost;
    bytes_ -= cost;
    forget_if_empty(largest);
}

void FrameLane::forget_if_empty(Peers::iterator peer) {
    if (peer->second.frames.empty()) peers_.erase(peer);
}

}  // namespace consilium::node
