// Seven lanes under one lock.
#include "node/event_queue.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

namespace consilium::node {
namespace {

template <typename T>
std::optional<DriverWork> take_first(std::deque<T>& queue) {
    if (queue.empty()) return std::nullopt;
    DriverWork work = std::move(queue.front());
    queue.pop_front();
    return work;
}

std::uint64_t milliseconds_of(EventQueue::Clock::time_point time) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

// Peers whose account is kept; above it those that owe nothing any more are forgotten.
constexpr std::size_t kKeptShares = 256;

}  // namespace

FrameLane& EventQueue::lane_of(driver::FrameKind kind) {
    switch (kind) {
        case driver::FrameKind::kVote:
            return votes_;
        case driver::FrameKind::kProposal:
            return proposals_;
        case driver::FrameKind::kTransaction:
            return transactions_;
        case driver::FrameKind::kSync:
            return sync_;
        case driver::FrameKind::kBlob:
            return blobs_;
    }
    UNREACHABLE();
}

void EventQueue::push_frame(driver::PeerFrame frame) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return;
        FrameLane& lane = lane_of(frame.kind);
        dropped_frames_ += lane.push(std::move(frame));
    }
    wake_.notify_one();
}

void EventQueue::push(driver::Event event) {
    {
        const std::lock_guard lock(mutex_);
        control_.emplace_back(std::move(event));
    }
    wake_.notify_one();
}

bool EventQueue::call(DriverCall call) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_ || calls_.size() >= kMaxCalls) return false;
        calls_.emplace_back(std::move(call));
    }
    wake_.notify_one();
    return true;
}

bool EventQueue::is_late(const PublicKey& peer, std::uint64_t now_ms) {
    const auto share = shares_.find(peer);
    return share != shares_.end() && share->second.wait_ms(now_ms) > 0;
}

void EventQueue::charge(const PublicKey& peer, std::chrono::microseconds spent,
                        Clock::time_point now) {
    const std::uint64_t now_ms = milliseconds_of(now);
    const std::lock_guard lock(mutex_);
    if (shares_.size() >= kKeptShares) {
        for (auto entry = shares_.begin(); entry != shares_.end();) {
            entry = entry->second.wait_ms(now_ms) == 0 ? shares_.erase(entry) : std::next(entry);
        }
    }
    const auto share = shares_.try_emplace(peer, kPeerMicrosPerSecond, kPeerMicrosAtOnce).first;
    share->second.take(static_cast<std::uint64_t>(std::max<std::int64_t>(spent.count(), 0)),
                       now_ms);
}

std::optional<DriverWork> EventQueue::take_frame(bool is_late_served, bool is_urgent) {
    const std::uint64_t now_ms = milliseconds_of(Clock::now());
    const auto is_served = [&](const PublicKey& peer) {
        return is_late_served || !is_late(peer, now_ms);
    };
    const std::array<FrameLane*, 2> urgent = {&votes_, &proposals_};
    const std::array<FrameLane*, 3> patient = {&transactions_, &sync_, &blobs_};
    std::span<FrameLane* const> lanes = patient;
    if (is_urgent) lanes = urgent;
    for (FrameLane* lane : lanes) {
        if (auto frame = lane->pop(is_served)) return driver::Event(std::move(*frame));
    }
    return std::nullopt;
}

std::optional<DriverWork> EventQueue::take() {
    if (auto work = take_first(control_)) return work;
    if (auto work = take_frame(false, true)) return work;
    if (auto work = take_first(calls_)) return work;
    if (auto work = take_frame(false, false)) return work;
    if (auto work = take_frame(true, true)) return work;
    return take_frame(true, false);
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
