// What waits for the driver's thread: bounded, most urgent first.
//
// Frames of peers have a byte quota per kind, shared fairly (frame_lane.hpp); what is over it is
// dropped and counted (peers send again). Timers, finished signature checks and calls are few and
// never dropped. The driver's time is shared, too: a peer whose frames have cost more than its
// share is served when nobody else waits, whatever the kind of its frames, so that costly requests
// of one hold up neither the votes nor the blobs of the others. Thread-safe.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <variant>

#include "node/driver/driver.hpp"
#include "node/frame_lane.hpp"
#include "p2p/rate.hpp"

namespace consilium::node {

// Runs on the driver's thread.
using DriverCall = std::function<void(driver::Driver&, driver::Now)>;
using DriverWork = std::variant<driver::Event, DriverCall>;

class EventQueue {
  public:
    using Clock = std::chrono::steady_clock;
    // Per frame kind; a peer's send queue is 32 MiB, so this holds two peers' worth of backlog.
    static constexpr std::size_t kFrameQuotaBytes = std::size_t{64} * 1024 * 1024;
    // Of the driver's time, which one peer may take while others wait: a quarter, twice that at
    // once. Four peers at their limit are all late together, and served by kind.
    static constexpr std::uint64_t kPeerMicrosPerSecond = 250'000;
    static constexpr std::uint64_t kPeerMicrosAtOnce = 500'000;
    static constexpr std::size_t kMaxCalls = 4096;  // of API requests that wait for the driver

    void push_frame(driver::PeerFrame frame);
    // Never dropped.
    void push(driver::Event event);
    // False when too many wait or the queue is stopped: answer "busy".
    bool call(DriverCall call);

    // The most urgent work; nullopt at the deadline or after stop().
    [[nodiscard]] std::optional<DriverWork> pop(Clock::time_point deadline);
    // What handling a frame of this peer has cost.
    void charge(const PublicKey& peer, std::chrono::microseconds spent, Clock::time_point now);
    void stop();
    [[nodiscard]] bool is_stopped() const { return is_stopped_.load(); }
    [[nodiscard]] std::uint64_t dropped_frames() const { return dropped_frames_.load(); }

  private:
    [[nodiscard]] FrameLane& lane_of(driver::FrameKind kind);
    // Both with the mutex held.
    [[nodiscard]] std::optional<DriverWork> take();
    [[nodiscard]] std::optional<DriverWork> take_frame(bool is_late_served, bool is_urgent);
    [[nodiscard]] bool is_late(const PublicKey& peer, std::uint64_t now_ms);

    std::mutex mutex_;
    std::condition_variable wake_;
    // In the order of service.
    std::deque<driver::Event> control_;
    FrameLane votes_{kFrameQuotaBytes};
    FrameLane proposals_{kFrameQuotaBytes};
    std::deque<DriverCall> calls_;
    FrameLane transactions_{kFrameQuotaBytes};
    FrameLane sync_{kFrameQuotaBytes};
    FrameLane blobs_{kFrameQuotaBytes};
    std::map<PublicKey, p2p::TokenBucket> shares_;  // of peers that have cost something lately
    std::atomic<bool> is_stopped_{false};
    std::atomic<std::uint64_t> dropped_frames_{0};
};

}  // namespace consilium::node
