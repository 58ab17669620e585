// Collecting, executing and judging the proposals of one height.
#include "node/driver/proposal_desk.hpp"

#include <algorithm>
#include <utility>

#include "consensus/block_time.hpp"
#include "contracts/schema/table.hpp"

namespace consilium::driver {
namespace {

constexpr std::uint64_t kAskAgainMs =
    400;  // well below the view timeout, so that several are asked

}  // namespace

ProposalDesk::ProposalDesk(Parts parts) : parts_(parts) {}

ProposalDesk::Proposal& ProposalDesk::open(const BlockHeader& header,
                                           const std::vector<ReplicaId>& holders) {
    const Digest digest = header_digest(header);
    auto found = proposals_.find(digest);
    if (found == proposals_.end()) {
        evict();
        found = proposals_.emplace(digest, Proposal{}).first;
        found->second.header = header;
        found->second.order = next_order_++;
    }
    Proposal& proposal = found->second;
    const Membership& membership = parts_.chain.membership();
    std::vector<PublicKey> order;
    const auto add = [&](const PublicKey& key) {
        if (key != parts_.own_key && std::find(order.begin(), order.end(), key) == order.end()) {
            order.push_back(key);
        }
    };
    for (const ReplicaId holder : holders) {
        if (membership.contains(holder)) add(membership.key_of(holder));
    }
    // Then everybody else: a holder may have crashed after it said so.
    for (const Member& member : membership.members) add(member.validator_key);
    proposal.holders = std::move(order);
    proposal.asked = 0;
    proposal.asked_at_ms = 0;
    return proposal;
}

void ProposalDesk::evict() {
    if (proposals_.size() < limits::kKnownProposals) return;
    // The oldest without an executed body; if all have one, the oldest. Its body stays in the
    // journal of everybody who voted for it.
    auto victim = proposals_.end();
    const auto rank = [](const Proposal& proposal) {
        return std::pair(proposal.executed.has_value(), proposal.order);
    };
    for (auto it = proposals_.begin(); it != proposals_.end(); ++it) {
        if (victim == proposals_.end() || rank(it->second) < rank(victim->second)) victim = it;
    }
    proposals_.erase(victim);
}

void ProposalDesk::validate(const consensus::ValidateBlock& request) {
    Proposal& proposal = open(request.header, request.holders);
    if (!proposal.ids) proposal.ids = request.transactions;
    // The ids that came with the header must be those that it commits to.
    if (*proposal.ids != request.transactions) proposal.is_invalid = true;
    proposal.validation = Validation{request.view, request.is_first_proposal, std::nullopt};
}

void ProposalDesk::propose(const consensus::RequestProposal& request) {
    if (!request.prepared) {
        own_view_ = request.view;
        return;
    }
    open(*request.prepared, request.holders).proposal_view = request.view;
}

void ProposalDesk::fetch(const consensus::FetchBody& request) {
    open(request.header, request.holders);
}

void ProposalDesk::on_ids(ProposalIds answer) {
    const auto found = proposals_.find(answer.proposal);
    if (found == proposals_.end() || found->second.ids) return;
    if (transaction_root(answer.ids) != found->second.header.tx_root) return;
    found->second.ids = std::move(answer.ids);
    found->second.asked_at_ms = 0;
}

std::vector<Digest> ProposalDesk::missing_of(const Proposal& proposal) const {
    std::vector<Digest> missing;
    if (!proposal.ids) return missing;
    for (const Digest& id : *proposal.ids) {
        if (!proposal.bodies.contains(id)) missing.push_back(id);
    }
    return missing;
}

void ProposalDesk::on_transactions(TransactionResponse answer) {
    // Only what an open proposal misses is worth a signature check.
    std::set<Digest> wanted;
    for (const auto& [digest, proposal] : proposals_) {
        if (proposal.executed || proposal.is_invalid) continue;
        for (const Digest& id : missing_of(proposal)) wanted.insert(id);
    }
    std::vector<SignatureCheck> checks;
    std::vector<std::pair<Digest, Transaction>> bodies;
    for (Transaction& transaction : answer.transactions) {
        const Digest id = transaction_id(transaction);
        if (wanted.erase(id) == 0) continue;
        checks.push_back(signature_check(transaction));
        bodies.emplace_back(id, std::move(transaction));
    }
    if (bodies.empty()) return;
    const std::vector<bool> valid = parts_.env.verifier().verify_all(checks);
    for (auto& [digest, proposal] : proposals_) {
        if (proposal.executed || proposal.is_invalid) continue;
        const std::vector<Digest> missing = missing_of(proposal);
        const std::set<Digest> missing_ids(missing.begin(), missing.end());
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            if (!missing_ids.contains(bodies[i].first)) continue;
            if (valid[i]) {
                proposal.bodies.insert(bodies[i]);
                continue;
            }
            // The id covers the signature, so nobody can have a better body.
            refuse(proposal, {ErrorCode::kInvalidSignature, "a transaction's signature"});
        }
        proposal.asked_at_ms = 0;
    }
}

const Transaction* ProposalDesk::find_body(const Digest& id) const {
    if (const Waiting* waiting = parts_.mempool.find(id)) return &waiting->candidate.transaction;
    for (const auto& [digest, proposal] : proposals_) {
        const auto body = proposal.bodies.find(id);
        if (body != proposal.bodies.end()) return &body->second;
    }
    const auto decided = last_decided_places_.find(id);
    if (decided == last_decided_places_.end()) return nullptr;
    return &last_decided_->transactions[decided->second];
}

void ProposalDesk::on_request(const PublicKey& from, const ProposalIdsRequest& request) const {
    ProposalIds answer{.proposal = request.proposal, .ids = {}};
    const auto found = proposals_.find(request.proposal);
    if (found != proposals_.end() && found->second.ids) {
        answer.ids = *found->second.ids;
    } else if (last_decided_ && header_digest(last_decided_->header) == request.proposal) {
        answer.ids = transaction_ids(last_decided_->transactions);
    } else {
        return;
    }
    parts_.env.send(from, encode_frame(answer));
}

void ProposalDesk::on_request(const PublicKey& from, const TransactionRequest& request) const {
    TransactionResponse answer;
    std::size_t size_bytes = 0;
    std::set<Digest> answered;  // an id asked for twice is sent once
    for (const Digest& id : request.ids) {
        if (!answered.insert(id).second) continue;
        const Transaction* body = find_body(id);
        if (body == nullptr) continue;
        const std::size_t body_bytes = encode(*body).size();
        if (size_bytes + body_bytes > limits::kResponseBytes) {
            parts_.env.send(from, encode_frame(std::exchange(answer, {})));
            size_bytes = 0;
        }
        size_bytes += body_bytes;
        answer.transactions.push_back(*body);
    }
    if (!answer.transactions.empty()) parts_.env.send(from, encode_frame(answer));
}

void ProposalDesk::wake_by(std::uint64_t monotonic_ms) {
    wake_ms_ = wake_ms_ ? std::min(*wake_ms_, monotonic_ms) : monotonic_ms;
}

std::optional<std::uint64_t> ProposalDesk::next_wake() const {
    return wake_ms_;
}

void ProposalDesk::refuse(Proposal& proposal, const Error& error) {
    if (proposal.is_invalid) return;
    proposal.is_invalid = true;
    proposal.bodies.clear();
    ++refused_;
    parts_.env.on_report(
        {ReportKind::kInvalidProposal,
         "height " + std::to_string(proposal.header.height.value) + ": " + error.context});
}

void ProposalDesk::ask_holders(const Digest& digest, Proposal& proposal, Now now) {
    if (proposal.holders.empty()) return;
    const std::uint64_t due = proposal.asked_at_ms + kAskAgainMs;
    if (proposal.asked_at_ms != 0 && due > now.monotonic_ms) return wake_by(due);
    const PublicKey& holder = proposal.holders[proposal.asked % proposal.holders.size()];
    ++proposal.asked;
    proposal.asked_at_ms = std::max<std::uint64_t>(now.monotonic_ms, 1);
    wake_by(now.monotonic_ms + kAskAgainMs);
    if (!proposal.ids) {
        parts_.env.send(holder, encode_frame(ProposalIdsRequest{digest}));
        return;
    }
    parts_.env.send(holder, encode_frame(TransactionRequest{missing_of(proposal)}));
}

bool ProposalDesk::collect(Proposal& proposal, Now now) {
    if (proposal.ids) {
        for (const Digest& id : missing_of(proposal)) {
            if (const Transaction* body = find_body(id)) proposal.bodies.emplace(id, *body);
        }
        if (missing_of(proposal).empty()) return true;
    }
    ask_holders(header_digest(proposal.header), proposal, now);
    return false;
}

bool ProposalDesk::has_blobs(Proposal& proposal, Now now) {
    bool has_all = true;
    std::uint64_t total = 0;
    std::set<BlobKey> distinct;
    for (const auto& [id, transaction] : proposal.bodies) {
        const auto blob = schema::blob_reference(transaction);
        if (!blob) continue;
        const WantedBlob wanted = wanted_by(*blob, true);
        if (!distinct.insert(wanted.key).second) continue;
        total = saturating_add(total, blob->length);
        switch (parts_.blobs.examine(wanted)) {
            case BlobPresence::kHeld:
                break;
            case BlobPresence::kUnusable:
                refuse(proposal, {ErrorCode::kMalformed, "a blob that does not parse"});
                return false;
            case BlobPresence::kAbsent:
                parts_.blobs.want(wanted, now.monotonic_ms);
                has_all = false;
                break;
        }
    }
    if (total > limits::kBlockBlobBytes) {
        refuse(proposal, {ErrorCode::kLimitExceeded, "too many bytes of blobs"});
        return false;
    }
    return has_all;
}

void ProposalDesk::execute(const Digest& digest, Proposal& proposal, Now now) {
    if (proposal.executed || proposal.is_invalid) return;
    if (!collect(proposal, now) || !has_blobs(proposal, now)) return;
    Block block{.header = proposal.header, .transactions = {}};
    std::size_t size_bytes = 0;
    for (const Digest& id : *proposal.ids) {
        block.transactions.push_back(proposal.bodies.at(id));
        size_bytes += encode(block.transactions.back()).size();
    }
    if (size_bytes > limits::kBlockTransactionBytes) {
        return refuse(proposal, {ErrorCode::kLimitExceeded, "too many bytes of transactions"});
    }
    auto executed = parts_.chain.execute(block);
    if (!executed) {
        if (!executed.error().missing) return refuse(proposal, executed.error().error);
        parts_.blobs.want({{*executed.error().missing, 0}, schema::BlobKind::kNone, true},
                          now.monotonic_ms);
        return;
    }
    CHECK(executed->digest == digest);
    proposal.executed = std::move(*executed);
}

void ProposalDesk::judge(const Digest& digest, Proposal& proposal, Now now,
                         std::vector<consensus::Event>& answers) {
    if (!proposal.validation) return;
    Validation& validation = *proposal.validation;
    consensus::Verdict verdict = consensus::Verdict::kNotYet;
    if (proposal.executed) verdict = consensus::Verdict::kValid;
    if (proposal.is_invalid) verdict = consensus::Verdict::kInvalid;
    const consensus::BlockTimes times{.parent = parts_.chain.head().header.time,
                                      .block = proposal.header.time,
                                      .own_clock = now.wall};
    switch (consensus::check_block_time(times, validation.is_first)) {
        case consensus::BlockTimeVerdict::kAcceptable:
            break;
        case consensus::BlockTimeVerdict::kNotAfterParent:
            verdict = consensus::Verdict::kInvalid;
            break;
        case consensus::BlockTimeVerdict::kAheadOfClock:
            if (verdict != consensus::Verdict::kValid) break;
            verdict = consensus::Verdict::kNotYet;
            wake_by(now.monotonic_ms + 50);
            break;
    }
    if (validation.answered == verdict) return;
    validation.answered = verdict;
    answers.emplace_back(consensus::ValidationResult{proposal.header.height, digest, verdict});
}

std::optional<consensus::Event> ProposalDesk::assemble(View view, Now now) {
    const auto self = parts_.chain.membership().find(parts_.own_key);
    if (!self) return std::nullopt;
    const TimeMs time = consensus::next_block_time(parts_.chain.head().header.time, now.wall);
    BlockBudget budget;
    budget.cost = parts_.chain.block_cost_max();
    std::vector<Transaction> transactions;
    for (const Waiting* waiting : parts_.mempool.select(budget)) {
        transactions.push_back(waiting->candidate.transaction);
    }
    auto executed = parts_.chain.assemble({*self, time}, std::move(transactions));
    if (!executed) {
        parts_.env.on_report(
            {ReportKind::kInvalidProposal, "own block: " + executed.error().error.context});
        return std::nullopt;
    }
    parts_.mempool.rotate();
    Proposal& proposal = open(executed->block.header, {});
    proposal.ids = executed->ids;
    for (std::size_t i = 0; i < executed->ids.size(); ++i) {
        proposal.bodies.emplace(executed->ids[i], executed->block.transactions[i]);
    }
    consensus::ProposalReady ready{.height = executed->block.header.height,
                                   .view = view,
                                   .header = executed->block.header,
                                   .transactions = executed->ids};
    proposal.executed = std::move(*executed);
    return ready;
}

std::vector<consensus::Event> ProposalDesk::progress(Now now) {
    std::vector<consensus::Event> answers;
    wake_ms_.reset();
    for (auto& [digest, proposal] : proposals_) {
        execute(digest, proposal, now);
        judge(digest, proposal, now, answers);
        if (!proposal.proposal_view || !proposal.executed) continue;
        answers.emplace_back(consensus::ProposalReady{.height = proposal.header.height,
                                                      .view = *proposal.proposal_view,
                                                      .header = proposal.header,
                                                      .transactions = *proposal.ids});
        proposal.proposal_view.reset();
    }
    if (own_view_) {
        const View view = *std::exchange(own_view_, std::nullopt);
        if (auto ready = assemble(view, now)) answers.push_back(std::move(*ready));
    }
    return answers;
}

std::optional<Block> ProposalDesk::take_unsaved_body(const Digest& digest) {
    const auto found = proposals_.find(digest);
    if (found == proposals_.end()) return std::nullopt;
    Proposal& proposal = found->second;
    if (!proposal.executed || proposal.is_saved) return std::nullopt;
    proposal.is_saved = true;
    return proposal.executed->block;
}

void ProposalDesk::restore(std::vector<Block> bodies) {
    for (Block& block : bodies) {
        if (block.header.parent != parts_.chain.head_digest()) continue;
        Proposal& proposal = open(block.header, {});
        proposal.ids = transaction_ids(block.transactions);
        for (std::size_t i = 0; i < block.transactions.size(); ++i) {
            proposal.bodies.emplace((*proposal.ids)[i], std::move(block.transactions[i]));
        }
        proposal.is_saved = true;
    }
}

ExecutionResult<ExecutedBlock> ProposalDesk::take_decided(const BlockHeader& header) {
    const auto found = proposals_.find(header_digest(header));
    if (found == proposals_.end() || !found->second.ids || !missing_of(found->second).empty()) {
        return tl::unexpected(
            ExecutionFailure{{}, {ErrorCode::kNotFound, "the body of the decided block"}, {}});
    }
    if (!found->second.executed) {
        Block block{.header = header, .transactions = {}};
        for (const Digest& id : *found->second.ids) {
            block.transactions.push_back(found->second.bodies.at(id));
        }
        return parts_.chain.execute(block);
    }
    return std::move(*found->second.executed);
}

void ProposalDesk::advance(Block decided) {
    proposals_.clear();
    own_view_.reset();
    wake_ms_.reset();
    last_decided_places_.clear();
    for (std::size_t i = 0; i < decided.transactions.size(); ++i) {
        last_decided_places_.emplace(transaction_id(decided.transactions[i]), i);
    }
    last_decided_ = std::move(decided);
}

}  // namespace consilium::driver
