// Runs the MPC worker beside the driver and carries what it owes into transactions.
//
// Computation happens on a thread of its own, on copies of final states; only the newest state
// counts. mpc::Outbox says what is signed and what is handed to the driver again.
// Letters of other workers wait for the next look at the state: nobody can make us look more often.
#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "node/mpc/outbox.hpp"
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

    static constexpr std::uint64_t kIdleMs = 500;  // looks again although no block came
    // A node that syncs and is further behind does nothing: what such a state asks for is over.
    static constexpr std::uint64_t kFarBehindBlocks = 20;

  private:
    class StoredBlobs;
    void run();
    void work_on(const Snapshot& newest);
    static void tell_news(const mpc::WorkerStatus& before, const mpc::WorkerStatus& now);
    void submit(const mpc::HandIn& due);
    void hand_over_letters();
    [[nodiscard]] std::optional<std::uint64_t> next_nonce();

    Runtime& runtime_;
    PublicKey own_key_;
    std::unique_ptr<mpc::SecretStore> secrets_;
    std::unique_ptr<StoredBlobs> blobs_;
    ReferenceTrainer references_;
    mpc::Worker worker_;
    mpc::Outbox outbox_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    mpc::Mailbox mailbox_;
    bool has_news_ = true;
    bool is_stopping_ = false;
    bool must_resign_ = false;  // a submission was refused: nonces moved under us
    mpc::WorkerStatus status_;
    std::thread thread_;
};

}  // namespace consilium::node
