// The state behind Replica, private to consensus/.
//
// Split by concern: machine.cpp (inputs, heights, own votes), machine_agreement.cpp (the three
// phases), machine_view_change.cpp, machine_liveness.cpp (deadlines, repeats, help for laggards),
// machine_admission.cpp (cheap refusals). Actions are appended to out_ in the order of work.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consensus/amnesia.hpp"
#include "consensus/replica.hpp"
#include "consensus/timing.hpp"
#include "consensus/view_change.hpp"
#include "consensus/vote_book.hpp"

namespace consilium::consensus {

// How far ahead of the own view proposals are kept; later ones are sent again when due.
inline constexpr std::uint64_t kMaxViewsAhead = 4;
// Blocks of one height whose validation is remembered, so that a re-proposal needs none.
inline constexpr std::size_t kMaxCandidates = 4;

class Replica::Machine {
  public:
    Machine(const ReplicaConfig& config, ChainIdentity identity, const Signer& signer,
            StartState start);

    Output step(const Input& input);
    [[nodiscard]] Admission admit(const Message& message, TimeMs now) const;

    [[nodiscard]] const VerifyContext& context() const { return context_; }
    [[nodiscard]] Height height() const { return height_; }
    [[nodiscard]] View view() const { return view_; }
    [[nodiscard]] ReplicaId primary_in(View view) const;
    [[nodiscard]] std::optional<ReplicaId> self() const { return self_; }
    [[nodiscard]] bool can_vote() const;
    [[nodiscard]] bool is_changing_view() const { return !is_installed_; }
    [[nodiscard]] std::size_t buffered_messages() const;
    [[nodiscard]] std::size_t max_buffered_messages() const;

  private:
    // A block of this height that was proposed, and what the driver said about it.
    struct Candidate {
        Digest digest;
        BlockHeader header;
        std::optional<Verdict> verdict;
    };
    // Own messages of the current height and view, exactly as they were signed.
    struct OwnVotes {
        std::optional<PrePrepare> pre_prepare;
        std::optional<Prepare> prepare;
        std::optional<Commit> commit;
        std::optional<ViewChange> view_change;
    };
    // A COMMIT quorum for a block that is not validated here yet.
    struct HeldCertificate {
        Certificate certificate;
        std::optional<BlockHeader> header;
    };

    // machine.cpp
    void on(const Tick& event);
    void on(const VerifiedMessage& event);
    void on(const ProposalReady& event);
    void on(const ValidationResult& event);
    void on(const HeadAdvanced& event);
    void on(const PendingWork& event);
    void start_height();
    void clear_height();
    void apply_journal();
    void replay_early_messages();
    void dispatch(const Message& message);
    void claim(ReplicaId sender, Height height);
    void buffer_for_next_height(const Message& message);
    [[nodiscard]] Slot slot_in(View view) const;
    [[nodiscard]] bool is_primary() const;
    template <typename T>
    void sign(T& message) const;
    void persist(const Message& message, const std::optional<PreparedCertificate>& prepared);
    void broadcast(const Message& message);
    void send(ReplicaId to, const Message& message);
    void report(const Message& first, const Message& second);

    // machine_agreement.cpp
    void handle(const PrePrepare& message);
    void handle(const Prepare& message);
    void handle(const Commit& message);
    void accept_proposal(const PrePrepare& message);
    [[nodiscard]] bool is_acceptable(const PrePrepare& message) const;
    Candidate& remember_candidate(const BlockHeader& header, const Digest& digest);
    Candidate* find_candidate(const Digest& digest);
    [[nodiscard]] const Candidate* find_candidate(const Digest& digest) const;
    [[nodiscard]] bool is_validated(const Digest& digest) const;
    void prepare_if_valid();
    void commit_if_prepared();
    void decide_if_committed(View view);
    void learn(HeldCertificate proof);
    void commit_if_validated();

    // machine_view_change.cpp
    void handle(const ViewChange& message);
    void handle(const NewView& message);
    void start_view_change(View view);
    void join_view_change();
    void make_new_view();
    void install(const NewView& message);
    void begin_installed_view();
    void request_proposal();

    // machine_liveness.cpp
    void handle(const Checkpoint& message);
    void handle(const CheckpointQuery& message);
    void on_time();
    void leave_slow_view();
    void leave_amnesia();
    void resend();
    void resend_proposal();
    void follow_claims();
    void help_laggard(const Message& message);
    [[nodiscard]] bool needs_checkpoint(const Slot& slot, TimeMs now) const;
    [[nodiscard]] bool needs_new_view(const Message& message, TimeMs now) const;
    [[nodiscard]] std::optional<ReplicaId> address_of(Epoch epoch, ReplicaId sender) const;
    void send_checkpoint(ReplicaId to, std::uint64_t nonce);
    void query_checkpoints();
    void check_lag();
    [[nodiscard]] std::optional<TimeMs> sync_due() const;
    [[nodiscard]] std::optional<Height> claimed_head() const;
    void need_sync(Height height, const std::optional<CertifiedHeader>& proof);
    [[nodiscard]] bool has_work() const;
    [[nodiscard]] std::uint64_t timeout_in(View view, std::uint64_t base_ms) const;
    [[nodiscard]] TimeMs work_started() const;
    [[nodiscard]] std::optional<TimeMs> view_deadline() const;
    [[nodiscard]] std::optional<TimeMs> inclusion_deadline() const;
    [[nodiscard]] std::optional<TimeMs> proposal_due() const;
    [[nodiscard]] std::optional<TimeMs> resend_due() const;
    [[nodiscard]] std::optional<TimeMs> query_due() const;
    [[nodiscard]] std::optional<TimeMs> next_wake_up() const;

    // machine_admission.cpp
    struct AdmitVisitor;
    [[nodiscard]] Admission admit_slot(const Message& message, const Slot& slot, TimeMs now) const;
    [[nodiscard]] bool would_help(const Message& message, TimeMs now) const;

    ReplicaConfig config_;
    const Signer* signer_;
    PublicKey own_key_;
    VerifyContext context_;
    RecoveredState journal_;
    std::uint64_t next_sequence_;
    std::optional<AmnesiaGuard> amnesia_;

    // The head and who agrees on the block after it.
    BlockHeader head_;
    Digest head_digest_;
    std::optional<Certificate> head_certificate_;
    Membership membership_;
    std::optional<ReplicaId> self_;
    Height height_;

    // The current height.
    View view_;
    bool is_installed_ = true;            // false: a VIEW-CHANGE for view_ waits for its NEW-VIEW
    std::optional<NewView> new_view_;     // that installed view_
    std::optional<PrePrepare> proposal_;  // accepted in view_
    Digest proposal_digest_;
    OwnVotes own_;
    std::optional<PreparedCertificate> prepared_;  // of the highest view; behind a sent COMMIT
    std::vector<Candidate> candidates_;            // oldest first
    std::optional<HeldCertificate> held_;
    bool is_committing_ = false;  // CommitBlock is out, HeadAdvanced is awaited
    bool is_proposal_requested_ = false;

    // Messages of others.
    VoteBook prepares_;
    VoteBook commits_;
    ViewChangeLog view_changes_;
    std::map<View, PrePrepare> early_proposals_;
    std::map<std::pair<ReplicaId, MessageType>, Message> next_height_;
    std::map<ReplicaId, Height> claimed_;  // highest height each member has signed a message for
    std::set<std::pair<ReplicaId, MessageType>> reported_;

    // Time.
    bool is_started_ = false;
    TimeMs now_;
    PendingWork pending_;
    TimeMs pending_since_;
    TimeMs height_started_;
    TimeMs view_started_;
    TimeMs proposal_accepted_;
    TimeMs office_since_;  // since when the primary of view 0 is whom it is
    TimeMs last_accusation_;
    std::uint64_t accusations_ = 0;
    std::optional<TimeMs> quorum_left_at_;  // since when a quorum asks for view_ or a later one
    Backoff resend_;
    Backoff query_;                // of an amnesic replica; not put off by blocks that come
    bool is_head_synced_ = false;  // the newest block came from others, not by own decision
    std::optional<TimeMs> lag_noticed_;
    TimeMs next_sync_;
    PeerInterval help_;
    PeerInterval claim_interval_;
    PeerInterval checkpoint_interval_;
    PeerBudget view_change_budget_;

    Output out_;
};

}  // namespace consilium::consensus
