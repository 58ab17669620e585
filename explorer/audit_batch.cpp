// POSTING, SACRIFICE, DISPUTED and what they decide.
#include "explorer/audit_batch.hpp"

#include <algorithm>
#include <bit>

#include "fl_engine/smpc/batch.hpp"
#include "fl_engine/smpc/coin.hpp"

namespace consilium::explorer {
namespace {

using schema::BatchState;
namespace action = schema::action;

struct BatchAudit {
    BatchTranscript& batch;
    OpeningAudit openings;
    std::optional<Digest> seed{};                  // of chi
    std::vector<smpc::MemberIndex> weight_base{};  // members whose PREP_W defines w

    [[nodiscard]] Comparison& comparison() const { return openings.comparison; }
    [[nodiscard]] bool has_state(BatchState state) const {
        return std::find(batch.states.begin(), batch.states.end(), state) != batch.states.end();
    }
};

// The state that a decision leads to; nullopt: none yet.
std::optional<BatchState> state_after(smpc::BatchOutcome outcome) {
    switch (outcome) {
        case smpc::BatchOutcome::kWait:
            return std::nullopt;
        case smpc::BatchOutcome::kIncomplete:
            return BatchState::kSacrifice;
        case smpc::BatchOutcome::kCertified:
            return BatchState::kCertified;
        case smpc::BatchOutcome::kDisputed:
            return BatchState::kDisputed;
    }
    UNREACHABLE();
}

std::string name_of(const std::optional<BatchState>& state) {
    return state ? std::string(schema::to_string(*state)) : "none";
}

std::string name_of(const std::optional<schema::BatchDisputed>& dispute) {
    if (!dispute) return "none";
    return std::string(schema::to_string(dispute->kind)) + " of " + std::to_string(dispute->first) +
           ", " + std::to_string(dispute->second);
}

void compare_dispute(BatchAudit& audit, const schema::BatchDisputed& expected) {
    audit.comparison().equal("dispute", name_of(std::optional(expected)),
                             name_of(audit.batch.dispute));
}

bool are_vectors(const BatchAudit& audit, std::size_t length) {
    const auto& all = audit.batch.shares.all;
    return std::all_of(all.begin(), all.end(), [&](const Post& post) {
        return post.member >= 1 && post.values.size() == length;
    });
}

void audit_late_shares(BatchAudit& audit, std::span<const smpc::PostedShare> certified) {
    for (const Post& post : audit.batch.shares.all) {
        if (!post.is_late) continue;
        ++audit.comparison().counts.late_shares;
        const auto fault =
            smpc::check_late_delta(audit.openings.committee, certified, {post.member, post.values});
        if (fault) expect_fault(audit.openings, audit.batch.shares, action::kPrepShare, *fault);
    }
}

// P3: from the shares to delta and to the first state after POSTING.
void audit_decision(BatchAudit& audit) {
    const BatchTranscript& batch = audit.batch;
    if (batch.states.empty() || batch.states.front() == BatchState::kVoid) return;
    ++audit.comparison().counts.preparations;
    const smpc::BatchItems items(static_cast<std::uint32_t>(batch.parties.clients.size()));
    if (!are_vectors(audit, items.size())) {
        return audit.comparison().note("prep_share", "a vector over the items", "another length");
    }
    const auto heard = heard_posts(batch.shares);
    const auto decision =
        smpc::decide_batch(audit.openings.committee, heard,
                           static_cast<std::uint32_t>(std::popcount(batch.shares.excluded)));
    audit.comparison().equal("state after POSTING", name_of(state_after(decision.outcome)),
                             name_of(std::optional(batch.states.front())));
    if (decision.outcome == smpc::BatchOutcome::kDisputed) {
        const smpc::BatchItem item = items.at(decision.bad_item);
        return compare_dispute(audit, {batch.label, schema::DisputeKind::kShares,
                                       static_cast<std::uint16_t>(item.first),
                                       static_cast<std::uint16_t>(item.second)});
    }
    audit.comparison().equal("delta", decision.delta, batch.delta);
    if (decision.outcome == smpc::BatchOutcome::kCertified) audit_late_shares(audit, heard);
}

// P4: w. It has no event of its own: whatever can be opened was opened at once, and what comes
// later is compared with the same polynomial.
void audit_weights(BatchAudit& audit) {
    BatchTranscript& batch = audit.batch;
    const std::size_t needed = 2 * std::size_t{audit.openings.committee.t()} + 1;
    if (batch.weights.all.size() < needed) return;
    batch.weights.opened = batch.last;
    if (!read_words(audit.openings, batch.weights, batch.blobs, batch.dimension)) return;
    const auto opening = smpc::open_shares(audit.openings.committee, heard_posts(batch.weights));
    if (!opening) {
        if (batch.checks.all.empty()) return;  // still waiting
        return audit.comparison().note("prep_w opening", "WAIT", "opened");
    }
    ++audit.comparison().counts.weights;
    audit.weight_base = opening->base;
    for (const smpc::Fault& fault : opening->faults) {
        expect_fault(audit.openings, batch.weights, action::kPrepWeights, fault);
    }
}

// P4: w and the checks; the state that the checks lead to.
void audit_sacrifice(BatchAudit& audit) {
    BatchTranscript& batch = audit.batch;
    if (!audit.has_state(BatchState::kSacrifice)) return;
    audit.seed = audit_coin(audit.openings, batch.coin,
                            smpc::chi_label(batch.label.mpc_epoch, batch.label.batch), batch.seed);
    // What comes after an opening is compared with the same polynomial, so all shares are opened
    // together. X does not change during a sacrifice, and a member of X posts nothing after it.
    batch.weights.excluded = batch.checks.excluded = batch.shares.excluded;
    audit_weights(audit);
    const auto sacrificed =
        std::find(batch.states.begin(), batch.states.end(), BatchState::kSacrifice);
    const auto decided = sacrificed + 1;
    const bool is_decided = decided != batch.states.end() && *decided != BatchState::kVoid;
    if (!is_decided) return;
    ++audit.comparison().counts.checks;
    batch.checks.opened = batch.last;
    const auto opening =
        reopen(audit.openings, batch.checks, action::kPrepCheck, batch.parties.clients.size());
    if (!opening) return;
    const auto bad = std::find_if(opening->values.begin(), opening->values.end(),
                                  [](std::uint64_t value) { return value != 0; });
    const bool is_right = bad == opening->values.end();
    audit.comparison().equal(
        "state after SACRIFICE",
        name_of(std::optional(is_right ? BatchState::kCertified : BatchState::kDisputed)),
        name_of(std::optional(*decided)));
    if (is_right) return;
    const auto slot = static_cast<std::uint16_t>(bad - opening->values.begin() + 1);
    compare_dispute(audit, {batch.label, schema::DisputeKind::kCheck, slot, slot});
}

// A halted epoch leaves nothing to be served.
void audit_end(BatchAudit& audit) {
    const BatchTranscript& batch = audit.batch;
    if (!batch.halted) return;
    const bool is_over =
        audit.has_state(BatchState::kVoid) || audit.has_state(BatchState::kConsumed);
    audit.comparison().equal("ended by the halt", true, is_over);
    audit.comparison().equal("height of the halt", batch.halted->value, batch.last.value);
}

}  // namespace

BatchAuditResult audit_batch(BatchTranscript transcript, const std::string& chain_id) {
    BatchAuditResult result{transcript.label.mpc_epoch,
                            Comparison(text_of(transcript.label), transcript.last), std::nullopt};
    Comparison& comparison = result.comparison;
    ++comparison.counts.batches;
    const auto committee =
        smpc::Committee::make(static_cast<std::uint32_t>(transcript.parties.members.size()));
    const std::size_t clients = transcript.parties.clients.size();
    if (!committee || clients < 1 || clients > smpc::kMaxClients) {
        comparison.note(
            "committee", "4 to 13 members, 1 to 64 clients",
            std::to_string(transcript.parties.members.size()) + " and " + std::to_string(clients));
        return result;
    }
    schema::RoundLabel label;
    label.mpc_epoch = transcript.label.mpc_epoch;
    label.batch = transcript.label.batch;
    BatchAudit audit{transcript, {*committee, label, comparison, {}}};
    audit_decision(audit);
    audit_sacrifice(audit);
    const bool are_missing = !comparison.missing().empty();
    if (audit.has_state(BatchState::kDisputed) && !are_missing) {
        result.blame =
            audit_dispute(audit.openings, {transcript, chain_id, audit.seed, audit.weight_base});
    }
    // What could not be recomputed is told already; the epoch goes on with what the chain says.
    if (!result.blame) result.blame = adopt_blame(transcript);
    audit_end(audit);
    comparison.equal_faults(audit.openings.faults, transcript.faults);
    return result;
}

}  // namespace consilium::explorer
