// Helpers of the p2p tests: an io_context on threads, waiting for a condition, raw sockets.
//
// Tests wait for events with a generous deadline and never for a fixed time.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "core/random.hpp"
#include "p2p/mesh.hpp"

namespace consilium::p2p::test {

inline constexpr std::uint64_t kPatienceMs = 20'000;

// Polls a condition on atomics or locked state; false when it does not come true in time.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition, std::uint64_t patience_ms = kPatienceMs) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

// Runs an io_context on its own threads until destroyed.
class Runner {
  public:
    explicit Runner(unsigned threads = 1) : guard_(io_.get_executor()) {
        for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { io_.run(); });
    }
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;
    ~Runner() {
        guard_.reset();
        io_.stop();
        for (auto& thread : threads_) thread.join();
    }
    [[nodiscard]] boost::asio::io_context& io() { return io_; }

  private:
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
    std::vector<std::thread> threads_;
};

struct Received {
    PeerIndex peer;
    FrameKind kind{};
    Bytes payload;
};

// What a mesh called back, readable from the test's thread.
class Inbox {
  public:
    [[nodiscard]] MeshCallbacks callbacks() {
        MeshCallbacks calls;
        calls.on_frame = [this](PeerIndex peer, FrameKind kind, Bytes payload) {
            const std::lock_guard lock(mutex_);
            frames_.push_back({peer, kind, std::move(payload)});
        };
        calls.on_link = [this](PeerIndex peer, const PublicKey&, LinkState state) {
            const std::lock_guard lock(mutex_);
            links_.emplace_back(peer, state);
        };
        return calls;
    }
    [[nodiscard]] std::vector<Received> frames() const {
        const std::lock_guard lock(mutex_);
        return frames_;
    }
    [[nodiscard]] std::size_t frame_count() const {
        const std::lock_guard lock(mutex_);
        return frames_.size();
    }
    [[nodiscard]] std::vector<std::pair<PeerIndex, LinkState>> links() const {
        const std::lock_guard lock(mutex_);
        return links_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Received> frames_;
    std::vector<std::pair<PeerIndex, LinkState>> links_;
};

inline Digest test_genesis() {
    return tagged_hash("consilium/test/p2p", as_bytes("genesis"));
}

}  // namespace consilium::p2p::test
