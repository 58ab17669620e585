// What waits for the driver's thread: bounded, most urgent first.
//
// Frames of peers have a byte quota per kind; one over it is dropped and counted (peers send
// again). Timers, finished signature checks and calls are few and never dropped. Thread-safe.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>

#include "node/driver/driver.hpp"

namespace consilium::node {

// Runs on the driver's thread.
using DriverCall = std::function<void(driver::Driver&, driver::Now)>;
using DriverWork = std::variant<driver::Event, DriverCall>;

class EventQueue {
  public:
    using Clock = std::chrono::steady_clock;
    // Per frame kind; a peer's send queue is 32 MiB, so this holds two peers' worth of backlog.
    static constexpr std::size_t kFrameQuotaBytes = std::size_t{64} * 1024 * 1024;
    static constexpr std::size_t kMaxCalls = 4096;  // of API requests that wait for the driver

    // False: dropped for its quota.
    bool push_frame(driver::PeerFrame frame);
    // Never dropped.
    void push(driver::Event event);
    // False when too many wait or the queue is stopped: answer "busy".
    bool call(DriverCall call);

    // The most urgent work; nullopt at the deadline or after stop().
    [[nodiscard]] std::optional<DriverWork> pop(Clock::time_point deadline);
    void stop();
    [[nodiscard]] bool is_stopped() const { return is_stopped_.load(); }
    [[nodiscard]] std::uint64_t dropped_frames() const { return dropped_frames_.load(); }

  private:
    // Order of service: control, votes, proposals, calls, transactions, sync, blobs.
    static constexpr std::size_t kControlLane = 0;
    static constexpr std::size_t kCallLane = 3;
    static constexpr std::size_t kLaneCount = 7;
    static std::size_t lane_of(driver::FrameKind kind);
    [[nodiscard]] std::optional<DriverWork> take();  // mutex held

    std::mutex mutex_;
    std::condition_variable wake_;
    std::array<std::deque<DriverWork>, kLaneCount> lanes_;
    std::array<std::size_t, kLaneCount> bytes_{};
    std::atomic<bool> is_stopped_{false};
    std::atomic<std::uint64_t> dropped_frames_{0};
};

}  // namespace consilium::node
