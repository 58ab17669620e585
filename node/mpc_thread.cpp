// The worker's thread, and the book of its transactions on the way.
#include "node/mpc_thread.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <set>

#include "core/random.hpp"

namespace consilium::node {

using std::chrono::milliseconds;

class MpcThread::StoredBlobs final : public mpc::BlobSource {
  public:
    explicit StoredBlobs(const Runtime& runtime) : runtime_(runtime) {}
    [[nodiscard]] Result<Bytes> get(const Digest& hash) override {
        return runtime_.blocks().get_blob(hash);
    }

  private:
    const Runtime& runtime_;
};

MpcThread::MpcThread(Runtime& runtime, const KeyPair& key,
                     std::unique_ptr<mpc::SecretStore> secrets)
    : runtime_(runtime),
      key_(key),
      secrets_(std::move(secrets)),
      blobs_(std::make_unique<StoredBlobs>(runtime)),
      worker_({.identity = runtime.identity(),
               .own_key = key.public_key(),
               .random = [](std::span<std::uint8_t> out) { fill_random(out); }},
              *secrets_, *blobs_, &references_) {
    runtime.add_listener([this](const driver::CommittedBlock&) {
        {
            const std::lock_guard lock(mutex_);
            has_news_ = true;
        }
        wake_.notify_one();
    });
}

MpcThread::~MpcThread() {
    stop();
}

void MpcThread::start() {
    thread_ = std::thread([this] { run(); });
}

void MpcThread::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

mpc::WorkerStatus MpcThread::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void MpcThread::run() {
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, milliseconds(kIdleMs),
                           [this] { return has_news_ || is_stopping_; });
            if (is_stopping_) return;
            has_news_ = false;
            if (must_resign_) {
                must_resign_ = false;
                pending_.clear();
            }
        }
        // The snapshot is of a committed block: the state is final (rule F).
        work_on(*runtime_.snapshot());
        // A slice of preparation is unfinished: go on, but look at the newest state first.
        if (const std::lock_guard lock(mutex_); status_.has_work_left) has_news_ = true;
    }
}

void MpcThread::work_on(const Snapshot& newest) {
    const auto owed = worker_.step(newest.state);
    {
        const std::lock_guard lock(mutex_);
        status_ = worker_.status();
    }
    if (!owed) {
        spdlog::error("secure computation: {}", owed.error().context);
        return;
    }
    settle(*owed, newest.header.height);
    if (has_nonce_gap()) pending_.clear();  // then everything that is owed is signed again
    std::vector<mpc::Outgoing> fresh;
    const auto now = EventQueue::Clock::now();
    for (const mpc::Outgoing& outgoing : *owed) {
        const auto found = pending_.find(outgoing.label);
        if (found == pending_.end()) {
            fresh.push_back(outgoing);
        } else if (now - found->second.submitted >= milliseconds(kResubmitMs)) {
            found->second.submitted = now;
            submit(found->first, found->second);
        }
    }
    if (!fresh.empty()) submit_fresh(fresh, newest);
}

void MpcThread::settle(const std::vector<mpc::Outgoing>& owed, Height height) {
    std::set<std::string> labels;
    for (const mpc::Outgoing& outgoing : owed) labels.insert(outgoing.label);
    std::erase_if(pending_, [&](const auto& entry) {
        return !labels.contains(entry.first) || entry.second.valid_until < height;
    });
}

std::optional<std::uint64_t> MpcThread::next_nonce() {
    auto answer = std::make_shared<std::promise<std::uint64_t>>();
    auto future = answer->get_future();
    const PublicKey own = key_.public_key();
    if (!runtime_.call([answer, own](driver::Driver& target, driver::Now) {
            answer->set_value(target.next_nonce(own));
        })) {
        return std::nullopt;
    }
    // The driver drops its calls when the node stops; then there is no answer.
    while (future.wait_for(milliseconds(50)) != std::future_status::ready) {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return std::nullopt;
    }
    return future.get();
}

bool MpcThread::has_nonce_gap() {
    if (pending_.empty()) return false;
    // A transaction that came too late is dropped by all nodes; those after it would wait in vain.
    const auto next = next_nonce();
    return next && std::all_of(pending_.begin(), pending_.end(),
                               [&](const auto& entry) { return entry.second.nonce > *next; });
}

void MpcThread::submit_fresh(const std::vector<mpc::Outgoing>& fresh, const Snapshot& newest) {
    const auto from_driver = next_nonce();
    if (!from_driver) return;
    std::uint64_t nonce = *from_driver;
    for (const auto& [label, pending] : pending_) nonce = std::max(nonce, pending.nonce + 1);
    for (const mpc::Outgoing& outgoing : fresh) {
        Transaction transaction;
        transaction.chain_id = runtime_.identity().chain_id;
        transaction.genesis_hash = runtime_.identity().genesis_hash;
        transaction.nonce = nonce++;
        transaction.valid_until = Height{newest.header.height.value + kExpiryBlocks};
        transaction.module = outgoing.module;
        transaction.action = outgoing.action;
        transaction.arguments = outgoing.arguments;
        sign_transaction(transaction, key_);
        auto submission = std::make_shared<driver::SubmitTransaction>(
            driver::SubmitTransaction{0, encode(transaction), outgoing.blobs});
        const Pending pending{std::move(submission), transaction.valid_until, transaction.nonce,
                              EventQueue::Clock::now()};
        pending_[outgoing.label] = pending;
        submit(outgoing.label, pending);
    }
}

void MpcThread::submit(const std::string& label, const Pending& pending) {
    const bool is_queued =
        runtime_.submit(*pending.submission, [this, label](const driver::SubmissionResult& result) {
            if (result.status != driver::SubmissionStatus::kRefused) return;
            spdlog::debug("own transaction {} refused: {}", label, result.error.context);
            const std::lock_guard lock(mutex_);
            must_resign_ = true;
        });
    if (!is_queued) spdlog::warn("own transaction {} waits: the node is busy", label);
}

}  // namespace consilium::node
