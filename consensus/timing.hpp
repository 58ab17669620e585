// Small pieces of logical time: doubling timeouts, resend backoff, per-peer rate limits.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "core/types.hpp"

namespace consilium::consensus {

[[nodiscard]] constexpr TimeMs after(TimeMs start, std::uint64_t delay_ms) {
    return TimeMs{saturating_add(start.value, delay_ms)};
}

// base doubled `view` times, at most cap (PBFT paper, 4.5.2; P14).
[[nodiscard]] constexpr std::uint64_t doubled_timeout(std::uint64_t base_ms, View view,
                                                      std::uint64_t cap_ms) {
    std::uint64_t timeout = std::min(base_ms, cap_ms);
    for (std::uint64_t i = 0; i < view.value && timeout < cap_ms; ++i) {
        timeout = std::min(checked_mul(timeout, std::uint64_t{2}).value_or(cap_ms), cap_ms);
        if (timeout == 0) break;
    }
    return timeout;
}

// The earlier of two times of which either may be absent.
[[nodiscard]] constexpr std::optional<TimeMs> earlier(std::optional<TimeMs> a,
                                                      std::optional<TimeMs> b) {
    if (!a) return b;
    if (!b) return a;
    return std::min(*a, *b);
}

// When to repeat what got no answer: after first_ms, then twice as long each time, up to cap_ms.
class Backoff {
  public:
    Backoff(std::uint64_t first_ms, std::uint64_t cap_ms)
        : first_ms_(std::max<std::uint64_t>(first_ms, 1)), cap_ms_(std::max(cap_ms, first_ms_)) {}
    void restart(TimeMs now) {
        interval_ms_ = first_ms_;
        due_ = after(now, interval_ms_);
    }
    // Call when due: sets the next, later one.
    void advance(TimeMs now) {
        interval_ms_ = std::min(saturating_add(interval_ms_, interval_ms_), cap_ms_);
        due_ = after(now, interval_ms_);
    }
    [[nodiscard]] TimeMs due() const { return due_; }

  private:
    std::uint64_t first_ms_;
    std::uint64_t cap_ms_;
    std::uint64_t interval_ms_ = 0;
    TimeMs due_;
};

// At most one event per peer in each interval. Holds one time per member.
class PeerInterval {
  public:
    explicit PeerInterval(std::uint64_t interval_ms) : interval_ms_(interval_ms) {}
    [[nodiscard]] bool is_open(ReplicaId peer, TimeMs now) const {
        const auto found = next_.find(peer);
        return found == next_.end() || now >= found->second;
    }
    // True, and closes the interval, if it is open.
    [[nodiscard]] bool take(ReplicaId peer, TimeMs now) {
        if (!is_open(peer, now)) return false;
        next_[peer] = after(now, interval_ms_);
        return true;
    }
    void clear() { next_.clear(); }

  private:
    std::uint64_t interval_ms_;
    std::map<ReplicaId, TimeMs> next_;
};

// A token bucket per peer: `burst` at once, then one per refill_ms.
class PeerBudget {
  public:
    PeerBudget(std::uint64_t burst, std::uint64_t refill_ms)
        : allowance_ms_(burst * refill_ms), refill_ms_(refill_ms) {}
    [[nodiscard]] bool has_token(ReplicaId peer, TimeMs now) const {
        const auto found = paid_until_.find(peer);
        if (found == paid_until_.end()) return true;
        const std::uint64_t from = std::max(found->second.value, now.value);
        return saturating_sub(saturating_add(from, refill_ms_), now.value) <= allowance_ms_;
    }
    [[nodiscard]] bool take(ReplicaId peer, TimeMs now) {
        if (!has_token(peer, now)) return false;
        TimeMs& paid = paid_until_[peer];
        paid = after(std::max(paid, now), refill_ms_);
        return true;
    }
    void clear() { paid_until_.clear(); }

  private:
    std::uint64_t allowance_ms_;
    std::uint64_t refill_ms_;
    std::map<ReplicaId, TimeMs> paid_until_;
};

}  // namespace consilium::consensus
