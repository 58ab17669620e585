// Runs the driver: its thread, its clock, its links to other validators, its disk.
//
// The driver is touched by one thread only. Everybody else reads the snapshot of the last
// committed block (immutable, shared), reads the storage, or hands in work: submissions and calls.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/genesis.hpp"
#include "core/state_tree.hpp"
#include "node/config.hpp"
#include "node/driver/driver.hpp"
#include "node/event_queue.hpp"
#include "node/peers.hpp"
#include "node/rocks_storage.hpp"
#include "node/verify_pool.hpp"
#include "p2p/mesh.hpp"

namespace boost::asio {
class io_context;
}

namespace consilium::node {

// The chain as of the last committed block.
struct Snapshot {
    BlockHeader header;
    Certificate certificate;  // empty at genesis
    StateTree state;
    Membership membership;
};

struct RuntimeOptions {
    NodeConfig config;
    Genesis genesis;
    bool is_first_start = false;  // see driver::DriverOptions::first_start
};

using SubmissionCallback = std::function<void(const driver::SubmissionResult&)>;
using CommitListener = std::function<void(const driver::CommittedBlock&)>;
using LetterListener = std::function<void(const PublicKey& from, Bytes content)>;

class Runtime final : private driver::Env {
  public:
    // Opens storage, driver and links; nothing runs yet. `key` and `io` must outlive the runtime.
    [[nodiscard]] static Result<std::unique_ptr<Runtime>> open(RuntimeOptions options,
                                                               const KeyPair& key,
                                                               boost::asio::io_context& io);
    ~Runtime() override;
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;
    Runtime(Runtime&&) = delete;
    Runtime& operator=(Runtime&&) = delete;

    // Before start(): called on the driver's thread for every committed block; must return fast.
    void add_listener(CommitListener listener);
    // Before start(): called on the driver's thread for every letter to our worker; must return
    // fast.
    void set_letter_listener(LetterListener listener);
    [[nodiscard]] Result<void> start();
    // Stops the driver's thread and the links; waits for both. Nothing that was acknowledged is
    // lost: every committed block is on disk already.
    void stop();

    // The callback runs on the driver's thread. False: too many submissions wait, it never runs.
    bool submit(driver::SubmitTransaction submission, SubmissionCallback done);
    bool submit_blob(const PublicKey& account, Bytes content, SubmissionCallback done);
    // For the other validator's worker; may be lost. Any thread.
    void send_letter(const PublicKey& to, Bytes content);
    // Runs on the driver's thread. False when too much waits.
    bool call(DriverCall call);

    [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
    [[nodiscard]] driver::DriverStatus status() const;
    [[nodiscard]] const RocksStorage& blocks() const { return *storage_; }
    [[nodiscard]] const ChainIdentity& identity() const { return identity_; }
    [[nodiscard]] const Genesis& genesis() const { return options_.genesis; }
    [[nodiscard]] const NodeConfig& config() const { return options_.config; }
    [[nodiscard]] const PublicKey& own_key() const { return key_.public_key(); }
    [[nodiscard]] const p2p::Mesh& mesh() const { return *mesh_; }
    // How much must be free before a node with a full disk goes on.
    static constexpr std::uint64_t kResumeFreeBytes = std::uint64_t{256} * 1024 * 1024;
    static constexpr std::uint64_t kResumeCheckMs = 2'000;
    [[nodiscard]] std::uint64_t dropped_frames() const { return queue_.dropped_frames(); }
    [[nodiscard]] std::uint64_t report_count(driver::ReportKind kind) const;

    static constexpr std::size_t kMaxOpenSubmissions = 2048;  // answers outstanding at the driver

  private:
    Runtime(RuntimeOptions options, const KeyPair& key, boost::asio::io_context& io);
    void run();
    [[nodiscard]] std::optional<driver::Ticket> open_ticket(SubmissionCallback done);
    bool hand_over(driver::Ticket ticket, driver::Event event);
    void handle(DriverWork work);
    [[nodiscard]] Result<void> open_driver(bool is_first_start);
    void publish_head();
    // After a full disk: once there is space again, everything is read anew from the disk, as a
    // restart would. Other storage errors need a restart by whoever has looked at the disk.
    void resume_if_possible(std::uint64_t now_ms);
    void refuse_open_submissions();
    void on_frame(p2p::PeerIndex peer, p2p::FrameKind kind, Bytes payload);
    void on_link(const PublicKey& peer, p2p::LinkState state);
    [[nodiscard]] Result<void> open_mesh();
    void follow_validators(const StateReader& state);

    // driver::Env
    void send(const PublicKey& to, const driver::Frame& frame) override;
    void broadcast(const driver::Frame& frame) override;
    void report_invalid(const PublicKey& peer) override;
    void wake_at(std::uint64_t monotonic_ms) override;
    [[nodiscard]] driver::Storage& storage() override { return *storage_; }
    [[nodiscard]] Signature sign(const Digest& message) override { return key_.sign(message); }
    [[nodiscard]] driver::SignatureVerifier& verifier() override { return *pool_; }
    void check_later(driver::Ticket ticket, std::vector<driver::SignatureCheck> checks) override;
    void on_committed(const driver::CommittedBlock& committed) override;
    void on_submission(const driver::SubmissionResult& result) override;
    void on_report(const driver::Report& report) override;
    void on_letter(const PublicKey& from, Bytes content) override;

    RuntimeOptions options_;
    const KeyPair& key_;
    boost::asio::io_context& io_;
    ChainIdentity identity_;
    std::unique_ptr<RocksStorage> storage_;
    EventQueue queue_;
    std::unique_ptr<VerifyPool> pool_;
    std::unique_ptr<p2p::Mesh> mesh_;
    PeerBook peers_;  // used by the driver's thread
    std::unique_ptr<driver::Driver> driver_;
    std::vector<CommitListener> listeners_;
    LetterListener letter_listener_;
    std::thread thread_;
    bool is_started_ = false;
    std::uint64_t wake_at_ms_ = 0;
    std::uint64_t next_resume_ms_ = 0;
    // Which driver asked for a signature check; answers to an earlier one are dropped.
    driver::Ticket generation_ = 0;

    mutable std::mutex snapshot_mutex_;
    std::shared_ptr<const Snapshot> snapshot_;  // readers keep it as long as they need it
    driver::DriverStatus status_;

    std::mutex submissions_mutex_;
    std::map<driver::Ticket, SubmissionCallback> submissions_;
    driver::Ticket next_ticket_ = 1;

    mutable std::mutex reports_mutex_;
    std::map<driver::ReportKind, std::uint64_t> reports_;
};

}  // namespace consilium::node
