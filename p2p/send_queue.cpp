// The frames waiting for one peer.
#include "p2p/send_queue.hpp"

#include <utility>

#include "core/check.hpp"
#include "p2p/limits.hpp"

namespace consilium::p2p {
namespace {

std::size_t cost_of(const QueuedFrame& frame) {
    return frame.payload->size() + limits::kFrameOverhead;
}
std::size_t index_of(FrameKind kind) {
    return static_cast<std::size_t>(kind) - 1;
}

}  // namespace

std::deque<QueuedFrame>* SendQueue::lowest_at_or_below(FrameKind kind) {
    for (std::size_t i = kFrameKindCount; i-- > index_of(kind);) {
        if (!queues_[i].empty()) return &queues_[i];
    }
    return nullptr;
}

SendQueue::PushOutcome SendQueue::push(QueuedFrame frame) {
    CHECK(frame.payload != nullptr);
    PushOutcome outcome;
    const std::size_t cost = cost_of(frame);
    if (cost > quota_bytes_) return outcome;
    std::size_t reachable = 0;  // bytes that may be dropped for this frame
    for (std::size_t i = index_of(frame.kind); i < kFrameKindCount; ++i) {
        for (const auto& queued : queues_[i]) {
            if (reachable + quota_bytes_ >= bytes_ + cost) break;
            reachable += cost_of(queued);
        }
    }
    if (reachable + quota_bytes_ < bytes_ + cost) return outcome;
    while (bytes_ + cost > quota_bytes_) {
        auto* victims = lowest_at_or_below(frame.kind);
        CHECK(victims != nullptr);
        bytes_ -= cost_of(victims->front());
        victims->pop_front();
        ++outcome.dropped;
    }
    bytes_ += cost;
    queues_[index_of(frame.kind)].push_back(std::move(frame));
    outcome.is_queued = true;
    return outcome;
}

std::optional<QueuedFrame> SendQueue::pop() {
    for (auto& queue : queues_) {
        if (queue.empty()) continue;
        QueuedFrame frame = std::move(queue.front());
        queue.pop_front();
        bytes_ -= cost_of(frame);
        return frame;
    }
    return std::nullopt;
}

std::size_t SendQueue::clear() {
    std::size_t dropped = 0;
    for (auto& queue : queues_) {
        dropped += queue.size();
        queue.clear();
    }
    bytes_ = 0;
    return dropped;
}

}  // namespace consilium::p2p
