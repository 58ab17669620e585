// The frames waiting for one peer: strict priority, a byte quota, lowest priority dropped first.
//
// Pure: no I/O, no clock. Not thread-safe; the mesh holds a lock around it.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "core/bytes.hpp"
#include "p2p/frame.hpp"

namespace consilium::p2p {

struct QueuedFrame {
    FrameKind kind{};
    std::shared_ptr<const Bytes> payload;  // shared by the queues of one broadcast
};

class SendQueue {
  public:
    explicit SendQueue(std::size_t quota_bytes) : quota_bytes_(quota_bytes) {}

    struct PushOutcome {
        bool is_queued = false;
        std::size_t dropped = 0;  // frames dropped to make room
    };
    // Over the quota, the oldest frames of the lowest priority go first, up to the new frame's own
    // kind (a newer vote is worth more than an older one); never a frame of higher priority.
    PushOutcome push(QueuedFrame frame);
    // The oldest frame of the highest priority.
    [[nodiscard]] std::optional<QueuedFrame> pop();
    // Drops everything; returns how many frames.
    std::size_t clear();

    [[nodiscard]] bool is_empty() const { return bytes_ == 0; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }  // payloads and overhead

  private:
    [[nodiscard]] std::deque<QueuedFrame>* lowest_at_or_below(FrameKind kind);

    std::size_t quota_bytes_;
    std::size_t bytes_ = 0;
    std::array<std::deque<QueuedFrame>, kFrameKindCount> queues_;  // by kind, highest first
};

}  // namespace consilium::p2p
