// Token buckets and exponential backoff, on times and random numbers passed in.
//
// Pure: no clock, no randomness inside. Not thread-safe.
#pragma once
#include <algorithm>
#include <cstdint>

namespace consilium::p2p {

// Lets `per_second` units pass on average and `burst` at once. What has come is always taken, so
// the level may fall below zero; wait_ms() says for how long to take nothing more.
class TokenBucket {
  public:
    TokenBucket(std::uint64_t per_second, std::uint64_t burst)
        : per_second_(static_cast<std::int64_t>(std::max<std::uint64_t>(per_second, 1))),
          burst_milli_(static_cast<std::int64_t>(burst) * 1000),
          level_milli_(burst_milli_) {}

    void take(std::uint64_t amount, std::uint64_t now_ms) {
        refill(now_ms);
        level_milli_ -= static_cast<std::int64_t>(amount) * 1000;
    }
    [[nodiscard]] std::uint64_t wait_ms(std::uint64_t now_ms) {
        refill(now_ms);
        if (level_milli_ >= 0) return 0;
        return static_cast<std::uint64_t>((-level_milli_ + per_second_ - 1) / per_second_);
    }

  private:
    void refill(std::uint64_t now_ms) {
        if (now_ms <= last_ms_) return;
        // A pause longer than this fills any bucket; the cap keeps the product in range.
        constexpr std::uint64_t kLongestPauseMs = 3'600'000;
        const auto elapsed =
            static_cast<std::int64_t>(std::min(now_ms - last_ms_, kLongestPauseMs));
        last_ms_ = now_ms;
        level_milli_ = std::min(burst_milli_, level_milli_ + elapsed * per_second_);
    }

    std::int64_t per_second_;
    std::int64_t burst_milli_;
    std::int64_t level_milli_;  // thousandths of a unit
    std::uint64_t last_ms_ = 0;
};

// Delays that double up to a cap, each drawn from [half, whole].
class Backoff {
  public:
    Backoff(std::uint64_t first_ms, std::uint64_t cap_ms) : first_ms_(first_ms), cap_ms_(cap_ms) {}

    [[nodiscard]] std::uint64_t next_ms(std::uint64_t random) {
        const std::uint64_t whole = std::min(cap_ms_, first_ms_ << std::min(failures_, 20U));
        ++failures_;
        const std::uint64_t half = whole / 2;
        return half + random % (whole - half + 1);
    }
    void reset() { failures_ = 0; }
    [[nodiscard]] unsigned failures() const { return failures_; }

  private:
    std::uint64_t first_ms_;
    std::uint64_t cap_ms_;
    unsigned failures_ = 0;
};

}  // namespace consilium::p2p
