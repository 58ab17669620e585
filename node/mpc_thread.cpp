// The worker's thread, and its way to the driver.
#include "node/mpc_thread.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <utility>

#include "core/random.hpp"

namespace consilium::node {

using std::chrono::milliseconds;

static_assert(mpc::kMaxLetterBytes == driver::limits::kWorkerLetterBytes);

class MpcThread::StoredBlobs final : public mpc::BlobSource {
  public:
    explicit StoredBlobs(const Runtime& runtime) : runtime_(runtime) {}
    [[nodiscard]] Result<Bytes> get(const Digest& hash) override {
        return runtime_.blocks().get_blob(hash);
    }
    [[nodiscard]] Result<std::unique_ptr<BlobContent>> open(const Digest& hash) override {
        return runtime_.blocks().open_blob(hash);
    }

  private:
    const Runtime& runtime_;
};

MpcThread::MpcThread(Runtime& runtime, const KeyPair& key,
                     std::unique_ptr<mpc::SecretStore> secrets)
    : runtime_(runtime),
      own_key_(key.public_key()),
      secrets_(std::move(secrets)),
      blobs_(std::make_unique<StoredBlobs>(runtime)),
      worker_({.identity = runtime.identity(),
               .own_key = key.public_key(),
               .random = [](std::span<std::uint8_t> out) { fill_random(out); },
               .sign = [&key](const Digest& message) { return key.sign(message); },
               .block_at = [&runtime](Height height) -> std::optional<Digest> {
                   const auto block = runtime.blocks().block_at(height);
                   if (!block) return std::nullopt;
                   return header_digest(block->block.header);
               }},
              *secrets_, *blobs_, &references_),
      outbox_(runtime.identity(), key.public_key(),
              [&key](const Digest& message) { return key.sign(message); }) {
    runtime.add_listener([this](const driver::CommittedBlock&) {
        {
            const std::lock_guard lock(mutex_);
            has_news_ = true;
        }
        wake_.notify_one();
    });
    runtime.set_letter_listener([this](const PublicKey& from, Bytes content) {
        const std::lock_guard lock(mutex_);
        (void)mailbox_.push({from, std::move(content)});
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
                outbox_.forget();
            }
        }
        // The snapshot is of a committed block: the state is final (rule F).
        work_on(*runtime_.snapshot());
        // A slice of preparation is unfinished: go on, but look at the newest state first.
        if (const std::lock_guard lock(mutex_); status_.has_work_left) has_news_ = true;
    }
}

void MpcThread::hand_over_letters() {
    std::vector<mpc::Letter> letters;
    {
        const std::lock_guard lock(mutex_);
        letters = mailbox_.take();
    }
    for (mpc::Letter& letter : letters) worker_.receive(std::move(letter));
}

void MpcThread::tell_news(const mpc::WorkerStatus& before, const mpc::WorkerStatus& now) {
    if (now.is_behind && !before.is_behind) {
        spdlog::warn(
            "secure computation: silent until the chain has the block again that was answered "
            "last; if a quorum was set back, let the council open another MPC epoch");
    }
    if (now.is_set_back && !before.is_set_back) {
        spdlog::error(
            "secure computation: the chain was set back behind what was answered: epoch {} is "
            "void, and its keys are erased here",
            now.mpc_epoch);
    }
    if (now.recoveries > before.recoveries) {
        spdlog::info("secure computation: lost keys of epoch {} are here again", now.mpc_epoch);
    }
    if (now.contradictions > before.contradictions) {
        spdlog::error(
            "secure computation: the members contradict each other about lost keys of epoch {}: "
            "silent until the next one",
            now.mpc_epoch);
    }
    if (now.keys_given > before.keys_given) {
        spdlog::warn(
            "secure computation: keys of epoch {} were given to {}, which says that it lost "
            "them; if no disk was lost there, its validator key is in wrong hands",
            now.mpc_epoch, now.last_receiver);
    }
}

void MpcThread::work_on(const Snapshot& newest) {
    // A state known to be old asks for nothing that is still open.
    const driver::DriverStatus status = runtime_.status();
    if (status.mode == driver::DriverMode::kSyncing &&
        status.highest_claim.value > status.height.value + kFarBehindBlocks) {
        return;
    }
    hand_over_letters();
    auto owed = worker_.step(
        newest.state, mpc::ChainPosition{newest.header.height, header_digest(newest.header)});
    {
        const mpc::WorkerStatus now = worker_.status();
        const std::lock_guard lock(mutex_);
        tell_news(std::exchange(status_, now), now);
    }
    if (!owed) {
        spdlog::error("secure computation: {}", owed.error().context);
        return;
    }
    for (mpc::Letter& letter : worker_.take_letters()) {
        runtime_.send_letter(letter.peer, std::move(letter.content));
    }
    using std::chrono::duration_cast;
    const auto now = EventQueue::Clock::now().time_since_epoch();
    const auto now_ms = static_cast<std::uint64_t>(duration_cast<milliseconds>(now).count());
    for (const mpc::HandIn& due : outbox_.plan(std::move(*owed), {newest.header.height, now_ms},
                                               [this] { return next_nonce(); })) {
        submit(due);
    }
}

std::optional<std::uint64_t> MpcThread::next_nonce() {
    auto answer = std::make_shared<std::promise<std::uint64_t>>();
    auto future = answer->get_future();
    const PublicKey own = own_key_;
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

void MpcThread::submit(const mpc::HandIn& due) {
    const bool is_queued = runtime_.submit(
        {0, due.message->transaction, {due.message, &due.message->blobs}},
        [this, label = due.label](const driver::SubmissionResult& result) {
            if (result.status != driver::SubmissionStatus::kRefused) return;
            spdlog::debug("own transaction {} refused: {}", label, result.error.context);
            const std::lock_guard lock(mutex_);
            must_resign_ = true;
        });
    if (!is_queued) spdlog::warn("own transaction {} waits: the node is busy", due.label);
}

}  // namespace consilium::node
