// A few threads that check signatures, for the driver and for the mempool's entry.
//
// verify_all() splits its work over the pool and the caller and waits; check_later() queues and
// calls back on a pool thread. Jobs of check_later() give way to verify_all(), so a flood of
// transactions never delays votes. Thread-safe. The queue is bounded by the driver
// (limits::kMaxPendingChecks).
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "node/driver/signatures.hpp"

namespace consilium::node {

class VerifyPool final : public driver::SignatureVerifier {
  public:
    explicit VerifyPool(std::size_t threads);  // at least one
    // Drops what is queued, waits for what runs.
    ~VerifyPool() override;
    VerifyPool(const VerifyPool&) = delete;
    VerifyPool& operator=(const VerifyPool&) = delete;
    VerifyPool(VerifyPool&&) = delete;
    VerifyPool& operator=(VerifyPool&&) = delete;

    [[nodiscard]] bool verify(const driver::SignatureCheck& check) override;
    [[nodiscard]] std::vector<bool> verify_all(
        std::span<const driver::SignatureCheck> checks) override;

    // One answer per check, in their order, on a pool thread.
    void check_later(std::vector<driver::SignatureCheck> checks,
                     std::function<void(std::vector<bool>)> done);

  private:
    void work();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> urgent_;
    std::deque<std::function<void()>> patient_;
    bool is_stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace consilium::node
