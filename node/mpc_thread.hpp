// Runs the MPC worker beside the driver and carries what it owes into transactions.
//
// Computation happens on a thread of its own, on copies of final states; only the newest state
// counts. Each owed transaction is signed once with the validator key; as long as it is owed and
// not expired the same bytes are handed to the driver again, after expiry it is signed anew.
#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "node/mpc/worker.hpp"
#include "node/reference_trainer.hpp"
#include "node/runtime.hpp"

namespace consilium::node {

class MpcThread {
  public:
    // Registers itself with the runtime; before the runtime starts. All must outlive it.
    MpcThread(Runtime& runtime, const KeyPair& key, std::unique_ptr<mpc::SecretStore> secrets);
    ~MpcThread();
    MpcThread(const MpcThread&) = delete;
    MpcThread& operator=(const MpcThread&) = delete;
    MpcThread(MpcThread&&) = delete;
    MpcThread& operator=(MpcThread&&) = delete;

    void start();
    void stop();
    [[nodiscard]] mpc::WorkerStatus status() const;

    static constexpr std::uint64_t kExpiryBlocks = 200;  // of the worker's transactions
    static constexpr std::uint64_t kResubmitMs = 2'000;
    static constexpr std::uint64_t kIdleMs = 500;  // looks again although no block came

  private:
    class StoredBlobs;
    struct Pending {
        std::shared_ptr<const driver::SubmitTransaction> submission;  // shared with driver calls
        Height valid_until;
        std::uint64_t nonce{};
        EventQueue::Clock::time_point submitted;
    };

    void run();
    void work_on(const Snapshot& newest);
    void settle(const std::vector<mpc::Outgoing>& owed, Height height);
    void submit_fresh(const std::vector<mpc::Outgoing>& fresh, const Snapshot& newest);
    void submit(const std::string& label, const Pending& pending);
    [[nodiscard]] std::optional<std::uint64_t> next_nonce();
    // True when nothing that waits has the account's next nonce.
    [[nodiscard]] bool has_nonce_gap();

    Runtime& runtime_;
    const KeyPair& key_;
    std::unique_ptr<mpc::SecretStore> secrets_;
    std::unique_ptr<StoredBlobs> blobs_;
    ReferenceTrainer references_;
    mpc::Worker worker_;
    std::map<std::string, Pending> pending_;  // by label

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool has_news_ = true;
    bool is_stopping_ = false;
    bool must_resign_ = false;  // a submission was refused: nonces moved under us
    mpc::WorkerStatus status_;
    std::thread thread_;
};

}  // namespace consilium::node
