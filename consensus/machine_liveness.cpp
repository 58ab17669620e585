// Deadlines, repetition of lost messages, and help for replicas that lag.
#include <algorithm>
#include <functional>

#include "consensus/machine.hpp"

namespace consilium::consensus {
namespace {

// Messages that come late after a commit or a new view are no sign of a laggard before this time
// has passed: they were sent before.
constexpr std::uint64_t kLatePatienceMs = 300;
// Before block sync is asked for: the missing messages are usually on their way.
constexpr std::uint64_t kSyncPatienceMs = 500;
constexpr std::uint64_t kSyncIntervalMs = 1'000;

}  // namespace

void Replica::Machine::on_time() {
    leave_amnesia();
    if (!is_installed_ && !quorum_left_at_ &&
        view_changes_.count_from(view_) >= membership_.quorum()) {
        quorum_left_at_ = now_;
    }
    leave_slow_view();
    if (const auto due = proposal_due(); due && *due <= now_) request_proposal();
    if (const auto due = resend_due(); due && *due <= now_) {
        resend();
        resend_.advance(now_);
    }
    if (const auto due = query_due(); due && *due <= now_) {
        query_checkpoints();
        query_.advance(now_);
    }
    check_lag();
}

bool Replica::Machine::has_work() const {
    return view_ > View{0} || proposal_ || pending_.oldest_transaction || pending_.has_open_window;
}

std::uint64_t Replica::Machine::timeout_in(View view, std::uint64_t base_ms) const {
    return doubled_timeout(base_ms, view, config_.view_timeout_max_ms);
}

TimeMs Replica::Machine::work_started() const {
    if (view_ > View{0}) return view_started_;
    std::optional<TimeMs> started;
    if (pending_.oldest_transaction || pending_.has_open_window) {
        started = std::max(view_started_, pending_since_);
    }
    if (proposal_) started = earlier(started, std::max(view_started_, proposal_accepted_));
    CHECK(started.has_value());
    return *started;
}

// The paper's timer: it runs while something waits; after a VIEW-CHANGE it starts once a quorum has
// left the old view, so that nobody runs away alone. A commit starts it anew at view 0 (P14).
std::optional<TimeMs> Replica::Machine::view_deadline() const {
    if (!can_vote() || is_committing_ || view_.value >= kMaxView) return std::nullopt;
    const std::uint64_t timeout = timeout_in(view_, config_.view_timeout_ms);
    if (!is_installed_) {
        if (!quorum_left_at_) return std::nullopt;
        return after(*quorum_left_at_, timeout);
    }
    const TimeMs heartbeat_missed =
        after(after(std::max(height_started_, view_started_), config_.heartbeat_ms), timeout);
    if (!has_work()) return heartbeat_missed;
    const TimeMs started = work_started();
    if (proposal_) return after(started, timeout);
    // P16: silence for this long is reason enough.
    return after(started, std::min(timeout, timeout_in(view_, config_.proposal_timeout_ms)));
}

// P17: blocks commit, but not with what has waited longest. One accusation may end in the accused
// block being proposed again, which keeps the accused in office; so the next height accuses at
// once, and only then there is a pause: a transaction that only this replica sees as waiting must
// not keep it from voting.
std::optional<TimeMs> Replica::Machine::inclusion_deadline() const {
    if (!can_vote() || is_committing_ || !is_installed_ || !pending_.oldest_transaction) {
        return std::nullopt;
    }
    const std::uint64_t timeout = timeout_in(view_, config_.inclusion_timeout_ms);
    const TimeMs in_office = view_ == View{0} ? office_since_ : view_started_;
    TimeMs started = std::max(*pending_.oldest_transaction, in_office);
    const bool has_pause = accusations_ > 0 && accusations_ % 2 == 0;
    if (has_pause) started = std::max(started, last_accusation_);
    return after(started, timeout);
}

void Replica::Machine::leave_slow_view() {
    const auto deadline = view_deadline();
    if (deadline && *deadline <= now_) return start_view_change(view_.next());
    const auto inclusion = inclusion_deadline();
    if (!inclusion || *inclusion > now_) return;
    if (view_ == View{0}) {
        ++accusations_;
        last_accusation_ = now_;
    }
    start_view_change(view_.next());
}

std::optional<TimeMs> Replica::Machine::proposal_due() const {
    if (!is_primary() || !is_installed_ || !can_vote() || is_committing_ || held_) {
        return std::nullopt;
    }
    if (proposal_ || is_proposal_requested_ || own_.pre_prepare) return std::nullopt;
    if (view_ > View{0} || pending_.oldest_transaction) return now_;
    const std::uint64_t pause =
        pending_.has_open_window ? config_.proposal_interval_ms : config_.heartbeat_ms;
    return after(height_started_, pause);
}

std::optional<TimeMs> Replica::Machine::resend_due() const {
    if (is_committing_ || !can_vote()) return std::nullopt;
    const bool has_any = own_.pre_prepare || own_.prepare || own_.commit || !is_installed_ ||
                         (new_view_ && is_primary());
    return has_any ? std::optional(resend_.due()) : std::nullopt;
}

std::optional<TimeMs> Replica::Machine::query_due() const {
    if (!amnesia_ || !self_ || amnesia_->has_quorum(membership_.quorum())) return std::nullopt;
    return query_.due();
}

// The very bytes that were sent before.
void Replica::Machine::resend() {
    if (!is_installed_) {
        if (own_.view_change) broadcast(*own_.view_change);
        return;
    }
    if (is_primary()) resend_proposal();
    if (own_.prepare) broadcast(*own_.prepare);
    if (own_.commit) broadcast(*own_.commit);
}

// To those that have not voted in this view: they may lack the NEW-VIEW or the proposal.
void Replica::Machine::resend_proposal() {
    for (std::uint16_t i = 0; i < membership_.size(); ++i) {
        const ReplicaId member{i};
        if (member == self_ || prepares_.vote_of(view_, member) != nullptr) continue;
        if (new_view_) send(member, *new_view_);
        if (own_.pre_prepare) send(member, *own_.pre_prepare);
    }
}

std::optional<ReplicaId> Replica::Machine::address_of(Epoch epoch, ReplicaId sender) const {
    const Membership* membership = context_.find(epoch);
    if (membership == nullptr || !membership->contains(sender)) return std::nullopt;
    return membership_.find(membership->key_of(sender));
}

bool Replica::Machine::needs_checkpoint(const Slot& slot, TimeMs now) const {
    if (slot.height >= height_) return false;
    return slot.height < head_.height || now >= after(height_started_, kLatePatienceMs);
}

bool Replica::Machine::needs_new_view(const Message& message, TimeMs now) const {
    const auto slot = slot_of(message);
    if (!slot || slot->height != height_ || !new_view_ || !is_installed_) return false;
    if (now < after(view_started_, kLatePatienceMs)) return false;
    if (slot->view < view_) return true;
    return slot->view == view_ && type_of(message) == MessageType::kViewChange;
}

void Replica::Machine::help_laggard(const Message& message) {
    const auto address = address_of(epoch_of(message), sender_of(message));
    if (!address || address == self_) return;
    const auto slot = slot_of(message);
    CHECK(slot.has_value());
    if (needs_checkpoint(*slot, now_)) {
        if (help_.take(*address, now_)) send_checkpoint(*address, 0);
    } else if (needs_new_view(message, now_)) {
        if (help_.take(*address, now_)) send(*address, *new_view_);
    }
}

void Replica::Machine::send_checkpoint(ReplicaId to, std::uint64_t nonce) {
    const Membership* membership = context_.find(head_.epoch);
    if (membership == nullptr) return;
    const auto id = membership->find(own_key_);
    if (!id) return;
    Checkpoint message{
        .epoch = head_.epoch, .sender = *id, .nonce = nonce, .head = std::nullopt, .signature = {}};
    if (head_certificate_) message.head = CertifiedHeader{head_, *head_certificate_};
    sign(message);
    send(to, message);
}

void Replica::Machine::query_checkpoints() {
    if (!self_) return;
    CheckpointQuery message{membership_.epoch, *self_, amnesia_->nonce(), {}};
    sign(message);
    broadcast(message);
}

// An amnesic replica does not answer: its head may be behind that of its forgotten self.
void Replica::Machine::handle(const CheckpointQuery& message) {
    const auto address = address_of(message.epoch, message.sender);
    if (!address || address == self_ || !can_vote()) return;
    if (help_.take(*address, now_)) send_checkpoint(*address, message.nonce);
}

void Replica::Machine::handle(const Checkpoint& message) {
    if (amnesia_ && message.epoch == membership_.epoch) amnesia_->hear(message);
    if (!message.head || message.head->header.height < height_) return;
    if (!checkpoint_interval_.take(message.sender, now_)) return;
    if (message.head->header.height > height_) {
        need_sync(message.head->header.height, message.head);
    } else {
        learn({message.head->certificate, message.head->header});
        // Nothing of this block is on its way to here: no reason to wait.
        const bool is_unknown = find_candidate(message.head->certificate.digest) == nullptr;
        if (is_unknown) need_sync(height_, message.head);
    }
}

void Replica::Machine::leave_amnesia() {
    if (!amnesia_ || !amnesia_->is_safe_at(head_.height, membership_.quorum())) return;
    amnesia_.reset();
    view_started_ = now_;
    pending_since_ = std::max(pending_since_, now_);
    prepare_if_valid();
}

// The head that at least f + 1 members have gone past: at least one correct member has it.
std::optional<Height> Replica::Machine::claimed_head() const {
    const std::size_t needed = membership_.faults() + 1;
    if (claimed_.size() < needed) return std::nullopt;
    std::vector<Height> heights;
    heights.reserve(claimed_.size());
    for (const auto& [member, height] : claimed_) heights.push_back(height);
    std::sort(heights.begin(), heights.end(), std::greater<>());
    if (heights[needed - 1] <= height_) return std::nullopt;
    return heights[needed - 1].previous();
}

void Replica::Machine::follow_claims() {
    if (!lag_noticed_ && claimed_head()) lag_noticed_ = now_;
}

std::optional<TimeMs> Replica::Machine::sync_due() const {
    if (!lag_noticed_ || is_committing_) return std::nullopt;
    // While this replica synced, the messages of the height that it has come to went by: they are
    // not on their way.
    const std::uint64_t patience_ms = is_head_synced_ ? 0 : kSyncPatienceMs;
    return std::max(after(*lag_noticed_, patience_ms), next_sync_);
}

void Replica::Machine::check_lag() {
    const auto due = sync_due();
    if (!due || *due > now_) return;
    std::optional<CertifiedHeader> proof;
    if (held_ && held_->header) proof = CertifiedHeader{*held_->header, held_->certificate};
    need_sync(std::max(claimed_head().value_or(height_), height_), proof);
}

void Replica::Machine::need_sync(Height height, const std::optional<CertifiedHeader>& proof) {
    if (now_ < next_sync_) return;
    next_sync_ = after(now_, kSyncIntervalMs);
    out_.actions.emplace_back(NeedSync{height, proof});
}

std::optional<TimeMs> Replica::Machine::next_wake_up() const {
    std::optional<TimeMs> wake_up = view_deadline();
    wake_up = earlier(wake_up, inclusion_deadline());
    wake_up = earlier(wake_up, proposal_due());
    wake_up = earlier(wake_up, resend_due());
    wake_up = earlier(wake_up, query_due());
    return earlier(wake_up, sync_due());
}

}  // namespace consilium::consensus
