// The three phases: PRE-PREPARE, PREPARE, COMMIT (PBFT paper, 4.2).
#include <algorithm>

#include "consensus/machine.hpp"

namespace consilium::consensus {

void Replica::Machine::handle(const PrePrepare& message) {
    const View view = message.slot.view;
    if (message.sender != primary_in(view)) return;
    if (view < view_) return help_laggard(message);
    if (view > view_ || !is_installed_) {
        // Justified later by the NEW-VIEW, or never looked at.
        if (view.value > view_.value + kMaxViewsAhead) return;
        const auto [kept, is_new] = early_proposals_.try_emplace(view, message);
        if (!is_new && claim_of(kept->second) != claim_of(message)) report(kept->second, message);
        return;
    }
    if (proposal_) {
        if (claim_of(*proposal_) != claim_of(message)) report(*proposal_, message);
        return;
    }
    if (!is_acceptable(message)) return;
    accept_proposal(message);
    decide_if_committed(view);
}

// What can be said without executing the block. In a view above 0 the NEW-VIEW decides: the chosen
// block with its digest unchanged (P2), or a fresh block of this primary.
bool Replica::Machine::is_acceptable(const PrePrepare& message) const {
    const BlockHeader& header = message.header;
    if (header.height != height_ || header.epoch != membership_.epoch) return false;
    if (header.parent != head_digest_ || header.time <= head_.time) return false;
    const Digest digest = header_digest(header);
    // After a restart: the vote of the earlier life binds.
    if (own_.prepare && own_.prepare->digest != digest) return false;
    if (new_view_ && new_view_->chosen) return digest == *new_view_->chosen;
    return header.proposer == message.sender;
}

void Replica::Machine::accept_proposal(const PrePrepare& message) {
    proposal_ = message;
    proposal_digest_ = header_digest(message.header);
    proposal_accepted_ = now_;
    resend_.restart(now_);
    Candidate& candidate = remember_candidate(message.header, proposal_digest_);
    if (candidate.verdict == Verdict::kValid) {
        prepare_if_valid();
        return;
    }
    candidate.verdict.reset();
    ValidateBlock request{.height = height_,
                          .view = view_,
                          .header = message.header,
                          .transactions = message.transactions,
                          .is_first_proposal = true,
                          .holders = {message.sender}};
    if (new_view_ && new_view_->chosen) {
        request.is_first_proposal = false;
        const PreparedCertificate* chosen = choose_prepared(new_view_->view_changes);
        CHECK(chosen != nullptr);
        for (const ReplicaId id : signers_of(chosen->signers)) {
            if (id != message.sender && id != self_) request.holders.push_back(id);
        }
    }
    // What the earlier life voted for was measured against the clock then.
    if (own_.prepare || message.sender == self_) request.is_first_proposal = false;
    if (message.sender == self_) request.holders.clear();
    out_.actions.push_back(std::move(request));
}

Replica::Machine::Candidate& Replica::Machine::remember_candidate(const BlockHeader& header,
                                                                  const Digest& digest) {
    if (Candidate* known = find_candidate(digest)) return *known;
    if (candidates_.size() == kMaxCandidates) candidates_.erase(candidates_.begin());
    return candidates_.emplace_back(Candidate{digest, header, std::nullopt});
}

const Replica::Machine::Candidate* Replica::Machine::find_candidate(const Digest& digest) const {
    const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                    [&digest](const Candidate& c) { return c.digest == digest; });
    return found == candidates_.end() ? nullptr : &*found;
}

Replica::Machine::Candidate* Replica::Machine::find_candidate(const Digest& digest) {
    return const_cast<Candidate*>(std::as_const(*this).find_candidate(digest));
}

bool Replica::Machine::is_validated(const Digest& digest) const {
    const Candidate* candidate = find_candidate(digest);
    return candidate != nullptr && candidate->verdict == Verdict::kValid;
}

void Replica::Machine::prepare_if_valid() {
    if (!proposal_ || !is_installed_ || !can_vote() || is_committing_) return;
    if (!is_validated(proposal_digest_)) return;
    if (!own_.prepare) {
        Prepare message{slot_in(view_), *self_, proposal_digest_, {}};
        sign(message);
        own_.prepare = message;
        // With the proposal itself: if all replicas lose power at once, its list of transactions
        // must not be lost with the memory of the primary.
        if (proposal_->sender != *self_) persist(*proposal_, std::nullopt);
        persist(message, std::nullopt);
        broadcast(message);
        prepares_.add(view_, *self_, {message.digest, message.signature});
    }
    commit_if_prepared();
}

void Replica::Machine::handle(const Prepare& message) {
    const View view = message.slot.view;
    if (view < view_) return help_laggard(message);
    const auto outcome = prepares_.add(view, message.sender, {message.digest, message.signature});
    if (outcome == VoteBook::Outcome::kConflict) {
        const Vote& first = *prepares_.vote_of(view, message.sender);
        report(Prepare{message.slot, message.sender, first.digest, first.signature}, message);
    }
    if (view == view_) commit_if_prepared();
}

// Prepared: the proposal, validated and voted for here, and PREPAREs of a quorum that match it. The
// proof is persisted with the COMMIT it stands behind and carried by every later VIEW-CHANGE (P2).
void Replica::Machine::commit_if_prepared() {
    if (!proposal_ || !is_installed_ || !can_vote() || is_committing_) return;
    if (!own_.prepare || own_.commit) return;
    const auto quorum = prepares_.quorum_in(view_, membership_.quorum());
    if (!quorum || quorum->digest != own_.prepare->digest) return;
    CHECK(quorum->digest == proposal_digest_);
    prepared_ = PreparedCertificate{view_, proposal_->header, quorum->signers, quorum->signatures};
    Commit message{slot_in(view_), *self_, proposal_digest_, {}};
    sign(message);
    own_.commit = message;
    persist(message, prepared_);
    broadcast(message);
    resend_.restart(now_);
    commits_.add(view_, *self_, {message.digest, message.signature});
    decide_if_committed(view_);
}

// COMMITs are counted in every view: a certificate is a proof whatever view this replica is in.
void Replica::Machine::handle(const Commit& message) {
    const View view = message.slot.view;
    const auto outcome = commits_.add(view, message.sender, {message.digest, message.signature});
    if (outcome == VoteBook::Outcome::kConflict) {
        const Vote& first = *commits_.vote_of(view, message.sender);
        report(Commit{message.slot, message.sender, first.digest, first.signature}, message);
    }
    decide_if_committed(view);
    if (view < view_ && !is_committing_) help_laggard(message);
}

void Replica::Machine::decide_if_committed(View view) {
    auto quorum = commits_.quorum_in(view, membership_.quorum());
    if (!quorum) return;
    const Certificate certificate{.epoch = membership_.epoch,
                                  .height = height_,
                                  .view = view,
                                  .digest = quorum->digest,
                                  .signers = quorum->signers,
                                  .signatures = std::move(quorum->signatures)};
    const Candidate* candidate = find_candidate(certificate.digest);
    learn({certificate, candidate ? std::optional(candidate->header) : std::nullopt});
}

void Replica::Machine::learn(HeldCertificate proof) {
    if (is_committing_) return;
    if (!held_) {
        held_ = std::move(proof);
        if (!lag_noticed_) lag_noticed_ = now_;
    } else if (!held_->header) {
        held_->header = proof.header;
    }
    commit_if_validated();
}

void Replica::Machine::commit_if_validated() {
    if (!held_ || is_committing_ || !is_validated(held_->certificate.digest)) return;
    const Candidate* candidate = find_candidate(held_->certificate.digest);
    is_committing_ = true;
    out_.actions.push_back(CommitBlock{candidate->header, held_->certificate});
}

}  // namespace consilium::consensus
