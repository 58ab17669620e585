// The inside of Driver: routes events to its parts and carries out what consensus asks for.
//
// One event is handled to its end before the next: inputs for the replica queue up, each step's
// actions are carried out in order, and afterwards work that became possible is done, timers are
// set. Private to node/driver.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "consensus/replica.hpp"
#include "node/driver/block_sync.hpp"
#include "node/driver/driver.hpp"
#include "node/driver/proposal_desk.hpp"
#include "node/driver/transaction_entry.hpp"

namespace consilium::driver {

// Signs consensus messages through Env.
class EnvSigner final : public consensus::Signer {
  public:
    EnvSigner(const PublicKey& key, Env& env) : key_(key), env_(&env) {}
    [[nodiscard]] PublicKey public_key() const override { return key_; }
    [[nodiscard]] Signature sign(const Digest& digest) const override { return env_->sign(digest); }

  private:
    PublicKey key_;
    Env* env_;
};

class Driver::Core {
  public:
    struct Recovered {
        consensus::RecoveredState journal;
        std::vector<Block> bodies;
        std::optional<std::uint64_t> amnesia_nonce;
        std::map<PublicKey, std::size_t> evidence;  // stored records, by offender
        std::vector<ClientBlob> client_blobs;       // held
    };
    Core(const DriverOptions& options, Env& env, Chain chain, Recovered recovered);

    void start(Now now);
    void handle(const Event& event, Now now);

    [[nodiscard]] const Chain& chain() const { return chain_; }
    [[nodiscard]] const Mempool& mempool() const { return mempool_; }
    [[nodiscard]] const TransactionEntry& entry() const { return entry_; }
    [[nodiscard]] DriverStatus status() const;

  private:
    // What work_now() depends on, the clock apart.
    struct WorkBasis {
        std::uint64_t mempool_revision{};
        Height height;
        bool is_primary{};
        friend bool operator==(const WorkBasis&, const WorkBasis&) = default;
    };
    [[nodiscard]] static consensus::StartState start_state(const Chain& chain, Recovered& from);

    // Events from outside.
    void on_event(const PeerFrame& event);
    void on_event(const PeerConnected& event);
    void on_event(const PeerDisconnected& event);
    void on_event(const SubmitTransaction& event);
    void on_event(const SubmitBlob& event);
    void on_event(const SignaturesChecked& event);
    void on_event(const TimerFired& event);

    // Messages of peers.
    void on_message(const PublicKey& from, const VoteMessage& message);
    void on_message(const PublicKey& from, const ProposalMessage& message);
    void on_message(const PublicKey& from, const ProposalIdsRequest& message);
    void on_message(const PublicKey& from, ProposalIds message);
    void on_message(const PublicKey& from, const TransactionRequest& message);
    void on_message(const PublicKey& from, TransactionResponse message);
    void on_message(const PublicKey& from, const TransactionRelay& message);
    void on_message(const PublicKey& from, const StatusMessage& message);
    void on_message(const PublicKey& from, const BlockRequest& message);
    void on_message(const PublicKey& from, BlockResponse message);
    void on_message(const PublicKey& from, const HaveMessage& message);
    void on_message(const PublicKey& from, const ManifestRequest& message);
    void on_message(const PublicKey& from, Manifest message);
    void on_message(const PublicKey& from, const ChunkRequest& message);
    void on_message(const PublicKey& from, Chunk message);
    void on_message(const PublicKey& from, WorkerLetter message);
    void on_consensus(const PublicKey& from, ByteView content);
    void invalid(const PublicKey& from, const std::string& why);

    // Consensus.
    void queue(consensus::Event event);
    void run_queue();
    void perform(const consensus::Output& output);
    void persist(const std::vector<consensus::Persist>& records);
    void perform(const consensus::Broadcast& action);
    void perform(const consensus::Send& action);
    void perform(const consensus::RequestProposal& action);
    void perform(const consensus::ValidateBlock& action);
    void perform(const consensus::FetchBody& action);
    void perform(const consensus::CommitBlock& action);
    void perform(const consensus::NeedSync& action);
    void perform(const consensus::ReportEvidence& action);

    // After each event.
    void settle();
    void apply_synced();
    [[nodiscard]] bool apply_synced_block(const CertifiedBlock& block);
    bool commit(ExecutedBlock executed, const Certificate& certificate, bool is_live);
    void refresh_blobs();
    void report_work();
    void resend();
    // Pulls what waiting transactions name and the state expects, and what the state uses and is
    // not here; drops transactions that came too late.
    void want_expected_blobs();
    // Adds the blobs that the state uses and we lack, because they were voted for without us.
    void want_blobs_in_use(std::set<Digest>& named);
    void note_missing_blobs(const Block& block);
    // What members post is read by whoever replays the chain, whichever other name its bytes have.
    void keep_blobs_of_members(const Block& block);
    void erase_spent_blobs();
    void set_timer();
    void fail(const Error& error, ReportKind kind);
    void note_modes();
    [[nodiscard]] consensus::PendingWork work_now();
    void ask_status();
    void refuse_degraded(Ticket ticket);
    [[nodiscard]] bool is_primary() const;
    [[nodiscard]] std::uint64_t sync_slack() const;

    DriverOptions options_;
    Env& env_;
    EnvSigner signer_;
    Chain chain_;
    BlobPool blobs_;
    Mempool mempool_;
    TransactionEntry entry_;
    ProposalDesk desk_;
    BlockSync sync_;
    consensus::Replica replica_;
    std::deque<consensus::Event> inputs_;
    std::optional<consensus::PendingWork> reported_work_;
    std::optional<WorkBasis> work_basis_;  // of reported_work_
    std::optional<bool> has_open_window_;  // of the head's state
    bool may_lack_blobs_ = true;           // that the head's state uses
    std::optional<std::uint64_t> replica_wake_ms_;
    std::optional<std::uint64_t> work_wake_ms_;
    std::optional<std::uint64_t> blob_wake_ms_;
    std::optional<std::uint64_t> sync_wake_ms_;
    std::uint64_t next_resend_ms_ = 0;
    std::uint64_t next_status_ms_ = 0;
    Now now_;
    bool is_degraded_ = false;
    bool is_amnesic_ = false;
    View last_view_;
    std::uint64_t view_changes_ = 0;
    std::uint64_t invalid_messages_ = 0;
    std::uint64_t evidence_ = 0;
    std::map<PublicKey, std::size_t> stored_evidence_;
};

}  // namespace consilium::driver
