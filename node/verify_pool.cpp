// Two queues, urgent first, served by a fixed number of threads.
#include "node/verify_pool.hpp"

#include <algorithm>
#include <latch>
#include <memory>

namespace consilium::node {
namespace {

bool check_one(const driver::SignatureCheck& check) {
    return verify_signature(check.key, check.message, check.signature);
}

// Below this a hand-over to another thread costs more than it saves (one check is about 30 us).
constexpr std::size_t kChecksPerPart = 4;

}  // namespace

VerifyPool::VerifyPool(std::size_t threads) {
    for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

VerifyPool::~VerifyPool() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        patient_.clear();
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void VerifyPool::work() {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock,
                       [this] { return is_stopping_ || !urgent_.empty() || !patient_.empty(); });
            auto& queue = urgent_.empty() ? patient_ : urgent_;
            if (queue.empty()) return;
            job = std::move(queue.front());
            queue.pop_front();
        }
        job();
    }
}

bool VerifyPool::verify(const driver::SignatureCheck& check) {
    return check_one(check);
}

std::vector<bool> VerifyPool::verify_all(std::span<const driver::SignatureCheck> checks) {
    const std::size_t parts =
        std::min(threads_.size() + 1, (checks.size() + kChecksPerPart - 1) / kChecksPerPart);
    // One byte per answer: parts write side by side, which vector<bool> does not allow.
    std::vector<char> answers(checks.size());
    const auto run = [&](std::size_t part) {
        for (std::size_t i = part; i < checks.size(); i += parts) {
            answers[i] = check_one(checks[i]) ? 1 : 0;
        }
    };
    if (parts > 1) {
        std::latch done(static_cast<std::ptrdiff_t>(parts - 1));
        {
            const std::lock_guard lock(mutex_);
            for (std::size_t part = 1; part < parts; ++part) {
                urgent_.emplace_back([&run, &done, part] {
                    run(part);
                    done.count_down();
                });
            }
        }
        wake_.notify_all();
        run(0);
        done.wait();
    } else if (parts == 1) {
        run(0);
    }
    return {answers.begin(), answers.end()};
}

void VerifyPool::check_later(std::vector<driver::SignatureCheck> checks,
                             std::function<void(std::vector<bool>)> done) {
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return;
        patient_.emplace_back([checks = std::move(checks), done = std::move(done)] {
            std::vector<bool> answers;
            answers.reserve(checks.size());
            for (const auto& check : checks) answers.push_back(check_one(check));
            done(std::move(answers));
        });
    }
    wake_.notify_one();
}

}  // namespace consilium::node
