// What is refused before its signature is looked at (reliability rule: cheap checks first).
#include "consensus/machine.hpp"

namespace consilium::consensus {

// Whether a vote is new: not counted yet, or a conflict that was not reported yet.
struct Replica::Machine::AdmitVisitor {
    const Machine& machine;
    TimeMs now;

    Admission operator()(const PrePrepare& m) const {
        if (m.sender != machine.primary_in(m.slot.view)) return Admission::kOutOfRange;
        if (m.slot.view.value > machine.view_.value + kMaxViewsAhead) return Admission::kOutOfRange;
        const PrePrepare* known = nullptr;
        const auto early = machine.early_proposals_.find(m.slot.view);
        if (early != machine.early_proposals_.end()) known = &early->second;
        if (m.slot.view == machine.view_ && machine.proposal_) known = &*machine.proposal_;
        if (known == nullptr) return Admission::kVerify;
        return claim_of(*known) == claim_of(m) ? Admission::kDuplicate : conflict(m);
    }
    Admission operator()(const Prepare& m) const { return admit_vote(machine.prepares_, m); }
    Admission operator()(const Commit& m) const { return admit_vote(machine.commits_, m); }
    Admission operator()(const ViewChange& m) const {
        const ViewChange* known = machine.view_changes_.latest_of(m.sender);
        if (known != nullptr && known->slot.view > m.slot.view) return Admission::kDuplicate;
        if (known != nullptr && known->slot.view == m.slot.view) {
            return known->prepared == m.prepared ? Admission::kDuplicate : conflict(m);
        }
        return machine.view_change_budget_.has_token(m.sender, now) ? Admission::kVerify
                                                                    : Admission::kTooMany;
    }
    Admission operator()(const NewView& m) const {
        if (m.sender != machine.primary_in(m.slot.view) || m.slot.view < machine.view_) {
            return Admission::kOutOfRange;
        }
        if (m.slot.view > machine.view_ || !machine.is_installed_) return Admission::kVerify;
        const bool is_known = machine.new_view_ && claim_of(*machine.new_view_) == claim_of(m);
        return is_known ? Admission::kDuplicate : conflict(m);
    }
    Admission operator()(const Checkpoint& m) const {
        const bool is_answer = machine.amnesia_ && m.nonce == machine.amnesia_->nonce();
        if (is_answer) return Admission::kVerify;
        if (!m.head || m.head->header.height < machine.height_) return Admission::kDuplicate;
        return machine.checkpoint_interval_.is_open(m.sender, now) ? Admission::kVerify
                                                                   : Admission::kTooMany;
    }
    Admission operator()(const CheckpointQuery& m) const {
        const auto address = machine.address_of(m.epoch, m.sender);
        if (!address) return Admission::kOutOfRange;
        return machine.help_.is_open(*address, now) ? Admission::kVerify : Admission::kTooMany;
    }

    template <typename T>
    Admission admit_vote(const VoteBook& book, const T& m) const {
        const Vote* known = book.vote_of(m.slot.view, m.sender);
        if (known == nullptr) return Admission::kVerify;
        return known->digest == m.digest ? Admission::kDuplicate : conflict(m);
    }
    Admission conflict(const Message& m) const {
        return machine.reported_.contains({sender_of(m), type_of(m)}) ? Admission::kDuplicate
                                                                      : Admission::kVerify;
    }
};

bool Replica::Machine::would_help(const Message& message, TimeMs now) const {
    const auto slot = slot_of(message);
    if (!slot || !(needs_checkpoint(*slot, now) || needs_new_view(message, now))) return false;
    const auto address = address_of(slot->epoch, sender_of(message));
    return address && help_.is_open(*address, now);
}

Admission Replica::Machine::admit_slot(const Message& message, const Slot& slot, TimeMs now) const {
    if (would_help(message, now)) return Admission::kVerify;
    if (slot.height < height_ || slot.epoch != membership_.epoch) return Admission::kOutOfRange;
    if (slot.height == height_) {
        if (is_committing_) return Admission::kOutOfRange;
        const bool is_commit = type_of(message) == MessageType::kCommit;
        if (slot.view < view_ && !is_commit) return Admission::kOutOfRange;
        return std::visit(AdmitVisitor{*this, now}, message);
    }
    if (slot.height == height_.next()) {
        const auto kept = next_height_.find({sender_of(message), type_of(message)});
        if (kept == next_height_.end()) return Admission::kVerify;
        return slot_of(kept->second)->view < slot.view ? Admission::kVerify : Admission::kDuplicate;
    }
    const auto claimed = claimed_.find(sender_of(message));
    const bool is_news = claimed == claimed_.end() || claimed->second < slot.height;
    if (!is_news) return Admission::kDuplicate;
    return claim_interval_.is_open(sender_of(message), now) ? Admission::kVerify
                                                            : Admission::kTooMany;
}

Admission Replica::Machine::admit(const Message& message, TimeMs now) const {
    now = std::max(now, now_);
    const Epoch epoch = epoch_of(message);
    const Membership* membership = context_.find(epoch);
    if (membership == nullptr) {
        // A later epoch is a sign of lagging: verify() says so without any work.
        return epoch > membership_.epoch ? Admission::kVerify : Admission::kOutOfRange;
    }
    if (!membership->contains(sender_of(message))) return Admission::kNotMember;
    if (membership->key_of(sender_of(message)) == own_key_) {
        return Admission::kOutOfRange;
    }
    if (const auto slot = slot_of(message)) return admit_slot(message, *slot, now);
    return std::visit(AdmitVisitor{*this, now}, message);
}

}  // namespace consilium::consensus
