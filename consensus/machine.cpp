// Inputs, heights and own votes of the replica.
#include "consensus/machine.hpp"

#include <limits>
#include <utility>

namespace consilium::consensus {
namespace {

// A laggard is answered, a resend of it looked at, at most once in this time (P15).
constexpr std::uint64_t kHelpIntervalMs = 200;
constexpr std::uint64_t kClaimIntervalMs = 200;
constexpr std::uint64_t kCheckpointIntervalMs = 100;
// VIEW-CHANGE messages of one member for new views: correct members need one per timeout.
constexpr std::uint64_t kViewChangeBurst = 8;
constexpr std::uint64_t kViewChangeRefillMs = 250;

}  // namespace

Replica::Machine::Machine(const ReplicaConfig& config, ChainIdentity identity, const Signer& signer,
                          StartState start)
    : config_(config),
      signer_(&signer),
      own_key_(signer.public_key()),
      context_{std::move(identity), {start.membership}},
      journal_(std::move(start.journal)),
      next_sequence_(journal_.next_sequence),
      head_(start.head),
      head_digest_(header_digest(start.head)),
      head_certificate_(std::move(start.certificate)),
      membership_(std::move(start.membership)),
      self_(membership_.find(own_key_)),
      height_(start.head.height.next()),
      resend_(config.resend_ms, config.resend_max_ms),
      query_(config.resend_ms, config.resend_max_ms),
      help_(kHelpIntervalMs),
      claim_interval_(kClaimIntervalMs),
      checkpoint_interval_(kCheckpointIntervalMs),
      view_change_budget_(kViewChangeBurst, kViewChangeRefillMs) {
    CHECK(!membership_.members.empty());
    CHECK(membership_.size() <= kMaxMembers);
    if (start.amnesia_nonce) amnesia_.emplace(*start.amnesia_nonce);
}

Output Replica::Machine::step(const Input& input) {
    now_ = std::max(now_, input.now);
    if (!is_started_) {
        is_started_ = true;
        office_since_ = now_;
        start_height();
        query_.restart(now_);
        if (amnesia_) query_checkpoints();
    }
    std::visit([this](const auto& event) { on(event); }, input.event);
    on_time();
    out_.next_wake_up = next_wake_up();
    return std::exchange(out_, Output{});
}

void Replica::Machine::on(const Tick& /*event*/) {}

void Replica::Machine::on(const VerifiedMessage& event) {
    dispatch(event.message());
}

void Replica::Machine::on(const ProposalReady& event) {
    if (event.height != height_ || event.view != view_ || !is_primary() || !is_installed_) return;
    if (!can_vote() || is_committing_ || own_.pre_prepare || proposal_) return;
    PrePrepare message{.slot = slot_in(view_),
                       .sender = *self_,
                       .header = event.header,
                       .transactions = event.transactions,
                       .signature = {}};
    if (!is_acceptable(message)) return;
    sign(message);
    own_.pre_prepare = message;
    persist(message, std::nullopt);
    const Digest digest = header_digest(message.header);
    remember_candidate(message.header, digest).verdict = Verdict::kValid;
    broadcast(message);
    accept_proposal(message);
}

void Replica::Machine::on(const ValidationResult& event) {
    if (event.height != height_ || is_committing_) return;
    Candidate* candidate = find_candidate(event.digest);
    if (candidate == nullptr || candidate->verdict == Verdict::kValid) return;
    candidate->verdict = event.verdict;
    const bool is_current = proposal_ && proposal_digest_ == event.digest;
    if (event.verdict == Verdict::kValid) {
        commit_if_validated();
        if (is_current) prepare_if_valid();
    }
    // The primary is at fault and nobody correct will vote for this block: no need to wait for the
    // timer. A block that a quorum prepared before is never left for this reason.
    const bool is_fresh = !new_view_ || !new_view_->chosen;
    if (event.verdict == Verdict::kInvalid && is_current && is_installed_ && is_fresh) {
        start_view_change(view_.next());
    }
}

void Replica::Machine::on(const HeadAdvanced& event) {
    if (event.header.height < height_) return;  // known already
    CHECK(event.header.membership_hash == event.membership.hash());
    CHECK(!event.membership.members.empty() && event.membership.size() <= kMaxMembers);
    const bool is_next = event.header.height == height_;
    const ReplicaId old_office = primary_in(View{0});
    const bool is_new_epoch = event.membership.epoch != membership_.epoch;
    if (is_new_epoch) {
        context_.memberships = {membership_, event.membership};
        membership_ = event.membership;
        self_ = membership_.find(own_key_);
        // Everything that is kept by member id belongs to the old epoch's ids.
        claimed_.clear();
        help_.clear();
        claim_interval_.clear();
        checkpoint_interval_.clear();
        view_change_budget_.clear();
        if (amnesia_) amnesia_->forget_answers();
    }
    is_head_synced_ = !is_next || !is_committing_;
    next_sync_ = now_;  // the interval is one between requests that brought nothing
    head_ = event.header;
    head_digest_ = header_digest(head_);
    head_certificate_ = event.certificate;
    height_ = head_.height.next();
    if (is_new_epoch || !is_next) next_height_.clear();
    if (is_new_epoch || primary_in(View{0}) != old_office) {
        office_since_ = now_;
        accusations_ = 0;
    }
    clear_height();
    start_height();
}

void Replica::Machine::on(const PendingWork& event) {
    const bool had_work = pending_.oldest_transaction || pending_.has_open_window;
    const bool has_work_now = event.oldest_transaction || event.has_open_window;
    if (!had_work && has_work_now) pending_since_ = now_;
    pending_ = event;
}

void Replica::Machine::clear_height() {
    view_ = View{0};
    is_installed_ = true;
    new_view_.reset();
    proposal_.reset();
    own_ = OwnVotes{};
    prepared_.reset();
    candidates_.clear();
    held_.reset();
    is_committing_ = false;
    is_proposal_requested_ = false;
    prepares_.clear();
    commits_.clear();
    view_changes_.clear();
    early_proposals_.clear();
    reported_.clear();
    quorum_left_at_.reset();
    lag_noticed_.reset();
}

void Replica::Machine::start_height() {
    height_started_ = now_;
    view_started_ = now_;
    resend_.restart(now_);
    if (amnesia_ && amnesia_->is_safe_at(head_.height, membership_.quorum())) amnesia_.reset();
    if (journal_.height == height_) apply_journal();
    replay_early_messages();
    follow_claims();
}

// P11: the stored messages stand for what was promised; nothing of this view is signed anew.
void Replica::Machine::apply_journal() {
    view_ = journal_.view;
    new_view_ = journal_.new_view;
    is_installed_ = view_ == View{0} || new_view_.has_value();
    prepared_ = journal_.prepared;
    own_ = OwnVotes{std::nullopt, journal_.prepare, journal_.commit, journal_.view_change};
    const auto& proposal = journal_.pre_prepare;
    if (proposal && proposal->sender == self_) own_.pre_prepare = proposal;
    if (own_.view_change) view_changes_.add(*own_.view_change);
    const View view = view_;
    if (own_.prepare) {
        prepares_.add(view, own_.prepare->sender, {own_.prepare->digest, own_.prepare->signature});
    }
    if (own_.commit) {
        commits_.add(view, own_.commit->sender, {own_.commit->digest, own_.commit->signature});
    }
    // That the block was executed is not remembered: it is validated again before it can commit.
    if (proposal) accept_proposal(*proposal);
    if (can_vote()) resend();
}

void Replica::Machine::replay_early_messages() {
    const auto messages = std::exchange(next_height_, {});
    for (const auto& [key, message] : messages) dispatch(message);
}

void Replica::Machine::dispatch(const Message& message) {
    const Membership* senders = context_.find(epoch_of(message));
    // Verified under a membership that this replica has left behind since, or its own echo.
    if (senders == nullptr || !senders->contains(sender_of(message))) return;
    if (senders->key_of(sender_of(message)) == own_key_) return;
    std::visit(
        [this, &message](const auto& m) {
            if constexpr (requires { m.slot; }) {
                if (m.slot.height < height_) {
                    help_laggard(message);
                    return;
                }
                if (m.slot.epoch != membership_.epoch) return;
                if (m.slot.height > height_) {
                    claim(m.sender, m.slot.height);
                    if (m.slot.height == height_.next()) buffer_for_next_height(message);
                    return;
                }
                if (is_committing_) return;
            }
            handle(m);
        },
        message);
    follow_claims();
}

// Claims far ahead are noted once per interval; admit() refuses the others unverified.
void Replica::Machine::claim(ReplicaId sender, Height height) {
    Height& claimed = claimed_[sender];
    if (height <= claimed) return;
    if (height > height_.next() && !claim_interval_.take(sender, now_)) return;
    claimed = height;
}

// One message of a kind and member; the later view counts. NEW-VIEW is repeated on request.
void Replica::Machine::buffer_for_next_height(const Message& message) {
    if (type_of(message) == MessageType::kNewView) return;
    const ReplicaId sender = sender_of(message);
    if (const auto* proposal = std::get_if<PrePrepare>(&message)) {
        // Only the next primary's, when it can be told already: proposals are large.
        const bool is_expected =
            proposal_ && proposal_digest_ == proposal->header.parent &&
            sender == primary_of(proposal_->header, proposal->slot.view, membership_);
        if (!is_expected || proposal->slot.view != View{0}) return;
    }
    const auto [entry, is_new] = next_height_.try_emplace({sender, type_of(message)}, message);
    if (!is_new && slot_of(entry->second)->view < slot_of(message)->view) entry->second = message;
}

Slot Replica::Machine::slot_in(View view) const {
    return {membership_.epoch, height_, view};
}

ReplicaId Replica::Machine::primary_in(View view) const {
    return primary_of(head_, view, membership_);
}

bool Replica::Machine::is_primary() const {
    return self_ && primary_in(view_) == *self_;
}

bool Replica::Machine::can_vote() const {
    return self_.has_value() && !amnesia_ && journal_.height <= height_;
}

template <typename T>
void Replica::Machine::sign(T& message) const {
    message.signature = signer_->sign(signing_digest(context_.identity, message));
}
template void Replica::Machine::sign(PrePrepare&) const;
template void Replica::Machine::sign(Prepare&) const;
template void Replica::Machine::sign(Commit&) const;
template void Replica::Machine::sign(ViewChange&) const;
template void Replica::Machine::sign(NewView&) const;
template void Replica::Machine::sign(Checkpoint&) const;
template void Replica::Machine::sign(CheckpointQuery&) const;

void Replica::Machine::persist(const Message& message,
                               const std::optional<PreparedCertificate>& prepared) {
    const auto slot = slot_of(message);
    CHECK(slot.has_value());
    CHECK(can_vote());
    const JournalRecord record{next_sequence_, *slot, encode_message(message), prepared};
    CHECK(next_sequence_ != std::numeric_limits<std::uint64_t>::max());
    ++next_sequence_;
    out_.actions.emplace_back(Persist{slot->height, encode(record)});
}

void Replica::Machine::broadcast(const Message& message) {
    out_.actions.emplace_back(Broadcast{encode_message(message)});
}

void Replica::Machine::send(ReplicaId to, const Message& message) {
    out_.actions.emplace_back(Send{to, encode_message(message)});
}

// P4: once for each member and kind at a height.
void Replica::Machine::report(const Message& first, const Message& second) {
    const ReplicaId offender = sender_of(second);
    if (!reported_.insert({offender, type_of(second)}).second) return;
    out_.actions.emplace_back(ReportEvidence{Evidence{.kind = type_of(second),
                                                      .slot = *slot_of(second),
                                                      .offender = offender,
                                                      .first = encode_message(first),
                                                      .second = encode_message(second)}});
}

std::size_t Replica::Machine::buffered_messages() const {
    return prepares_.size() + commits_.size() + view_changes_.size() + early_proposals_.size() +
           next_height_.size();
}

std::size_t Replica::Machine::max_buffered_messages() const {
    const std::size_t per_member = 2 * kMaxViewsPerMember  // PREPARE and COMMIT of this height
                                   + 1                     // VIEW-CHANGE
                                   + 3;                    // the same kinds of the next height
    return membership_.size() * per_member + kMaxViewsAhead + 2;
}

}  // namespace consilium::consensus
