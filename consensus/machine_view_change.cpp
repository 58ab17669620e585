// The view change (PBFT paper, 4.4 and 4.5.2), for the one height in flight.
#include "consensus/machine.hpp"

namespace consilium::consensus {

// Leaves the current view for good at this height: nothing below `view` is voted for any more.
void Replica::Machine::start_view_change(View view) {
    if (!can_vote() || is_committing_ || view <= view_ || view.value > kMaxView) return;
    view_ = view;
    view_started_ = now_;
    is_installed_ = false;
    new_view_.reset();
    proposal_.reset();
    own_ = OwnVotes{};
    is_proposal_requested_ = false;
    quorum_left_at_.reset();
    std::erase_if(early_proposals_, [view](const auto& entry) { return entry.first < view; });
    ViewChange message{slot_in(view), *self_, prepared_, {}};
    sign(message);
    own_.view_change = message;
    persist(message, std::nullopt);
    broadcast(message);
    resend_.restart(now_);
    view_changes_.add(message);
    join_view_change();
    make_new_view();
}

void Replica::Machine::handle(const ViewChange& message) {
    const ViewChange* known = view_changes_.latest_of(message.sender);
    const bool is_new = known == nullptr || known->slot.view < message.slot.view;
    // P15: a member gets a few new views at once and then one per refill time.
    if (is_new && !view_change_budget_.take(message.sender, now_)) return;
    if (view_changes_.add(message) == ViewChangeLog::Outcome::kConflict) {
        report(*view_changes_.latest_of(message.sender), message);
    }
    if (message.slot.view <= view_) help_laggard(message);
    join_view_change();
    make_new_view();
}

// f + 1 members want a higher view, so a correct one does: join without waiting for the timer, in
// the smallest view of the f + 1 highest. f loud members move nobody (P7, P15).
void Replica::Machine::join_view_change() {
    const auto wanted = view_changes_.view_wanted_by(membership_.faults() + 1);
    if (wanted && *wanted > view_) start_view_change(*wanted);
}

void Replica::Machine::make_new_view() {
    if (is_installed_ || !is_primary() || !can_vote() || is_committing_) return;
    NewView message{slot_in(view_), *self_, {}, std::nullopt, {}};
    message.view_changes = view_changes_.quorum_for(view_, membership_.quorum());
    if (message.view_changes.empty()) return;
    message.chosen = chosen_digest(message.view_changes);
    sign(message);
    install(message);
    broadcast(message);
    begin_installed_view();
}

// verify() has recomputed the choice and checked every VIEW-CHANGE (P1).
void Replica::Machine::handle(const NewView& message) {
    const View view = message.slot.view;
    if (message.sender != primary_in(view) || view < view_) return;
    if (view == view_ && is_installed_) {
        // The journaled one, or the first that came, stays.
        if (new_view_ && claim_of(*new_view_) != claim_of(message)) report(*new_view_, message);
        return;
    }
    install(message);
    begin_installed_view();
}

// Journaled before anything is voted for in the view, so that a restart finds its justification.
void Replica::Machine::install(const NewView& message) {
    if (message.slot.view > view_) own_ = OwnVotes{};
    view_ = message.slot.view;
    view_started_ = now_;
    is_installed_ = true;
    new_view_ = message;
    proposal_.reset();
    is_proposal_requested_ = false;
    quorum_left_at_.reset();
    resend_.restart(now_);
    if (can_vote()) persist(message, std::nullopt);
}

void Replica::Machine::begin_installed_view() {
    const View view = view_;
    if (is_primary() && can_vote()) {
        request_proposal();
    } else if (const auto* chosen = choose_prepared(new_view_->view_changes);
               chosen != nullptr && !is_validated(*new_view_->chosen)) {
        out_.actions.push_back(FetchBody{chosen->header, signers_of(chosen->signers)});
    }
    std::erase_if(early_proposals_, [view](const auto& entry) { return entry.first < view; });
    const auto early = early_proposals_.find(view);
    if (early == early_proposals_.end()) return;
    const PrePrepare proposal = std::move(early->second);
    early_proposals_.erase(early);
    handle(proposal);
}

void Replica::Machine::request_proposal() {
    if (is_proposal_requested_ || proposal_ || own_.pre_prepare || held_ || is_committing_) return;
    is_proposal_requested_ = true;
    RequestProposal request{height_, view_, std::nullopt, {}};
    if (new_view_ && new_view_->chosen) {
        const PreparedCertificate* chosen = choose_prepared(new_view_->view_changes);
        CHECK(chosen != nullptr);
        request.prepared = chosen->header;
        request.holders = signers_of(chosen->signers);
    }
    out_.actions.push_back(std::move(request));
}

}  // namespace consilium::consensus
