// Seven lanes under one lock.
#include "node/event_queue.hpp"

namespace consilium::node {
namespace {

// What a queued frame costs beside its payload.
constexpr std::size_t kFrameOverhead = 256;

std::size_t cost_of(const driver::PeerFrame& frame) {
    return frame.payload.size() + kFrameOverhead;
}

}  // namespace

std::size_t EventQueue::lane_of(driver::FrameKind kind) {
    switch (kind) {
        case driver::FrameKind::kVote:
            return 1;
        case driver::FrameKind::kProposal:
            return 2;
        case driver::FrameKind::kTransaction:
            return 4;
        case driver::FrameKind::kSync:
            return 5;
        case driver::FrameKind::kBlob:
            return 6;
    }
    UNREACHABLE();
}

bool EventQueue::push_frame(driver::PeerFrame frame) {
    const std::size_t lane = lane_of(frame.kind);
    const std::size_t cost = cost_of(frame);
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || bytes_.at(lane) + cost > kFrameQuotaBytes) {
            ++dropped_frames_;
            return false;
        }
        bytes_.at(lane) += cost;
        lanes_.at(lane).emplace_back(driver::Event(std::move(frame)));
    }
    wake_.notify_one();
    return true;
}

void EventQueue::push(driver::Event event) {
    {
        const std::lock_guard lock(mutex_);
        lanes_[kControlLane].emplace_back(std::move(event));
    }
    wake_.notify_one();
}

bool EventQueue::call(DriverCall call) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || lanes_[kCallLane].size() >= kMaxCalls) return false;
        lanes_[kCallLane].emplace_back(std::move(call));
    }
    wake_.notify_one();
    return true;
}

std::optional<DriverWork> EventQueue::take() {
    for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
        auto& queue = lanes_.at(lane);
        if (queue.empty()) continue;
        DriverWork work = std::move(queue.front());
        queue.pop_front();
        if (const auto* event = std::get_if<driver::Event>(&work)) {
            if (const auto* frame = std::get_if<driver::PeerFrame>(event)) {
                bytes_.at(lane) -= cost_of(*frame);
            }
        }
        return work;
    }
    return std::nullopt;
}

std::optional<DriverWork> EventQueue::pop(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (is_stopped_) return std::nullopt;
        if (auto work = take()) return work;
        if (wake_.wait_until(lock, deadline) == std::cv_status::timeout) return take();
    }
}

void EventQueue::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
    }
    wake_.notify_all();
}

}  // namespace consilium::node
