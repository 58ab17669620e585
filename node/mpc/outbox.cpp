// Signing, repeating and forgetting.
#include "node/mpc/outbox.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace consilium::mpc {

Outbox::Outbox(ChainIdentity identity, const PublicKey& key, Sign sign)
    : identity_(std::move(identity)), key_(key), sign_(std::move(sign)) {}

void Outbox::settle(const std::vector<Outgoing>& owed, Height height) {
    std::set<std::string> labels;
    for (const Outgoing& outgoing : owed) labels.insert(outgoing.label);
    std::erase_if(pending_, [&](const auto& entry) {
        return !labels.contains(entry.first) || entry.second.valid_until < height;
    });
}

bool Outbox::has_nonce_gap(const NextNonce& next_nonce) const {
    if (pending_.empty()) return false;
    // A transaction that came too late is dropped by all nodes; those after it would wait in vain.
    const auto next = next_nonce();
    return next && std::all_of(pending_.begin(), pending_.end(),
                               [&](const auto& entry) { return entry.second.nonce > *next; });
}

Outbox::Pending Outbox::sign(Outgoing outgoing, const Moment& moment, std::uint64_t nonce) const {
    Transaction transaction;
    transaction.chain_id = identity_.chain_id;
    transaction.genesis_hash = identity_.genesis_hash;
    transaction.sender = key_;
    transaction.nonce = nonce;
    transaction.valid_until = Height{moment.height.value + kExpiryBlocks};
    transaction.module = outgoing.module;
    transaction.action = outgoing.action;
    transaction.arguments = std::move(outgoing.arguments);
    transaction.signature = sign_(signing_digest(transaction));
    auto message = std::make_shared<const SignedMessage>(
        SignedMessage{encode(transaction), std::move(outgoing.blobs)});
    return {std::move(message), transaction.valid_until, nonce, moment.now_ms};
}

std::vector<HandIn> Outbox::plan(std::vector<Outgoing> owed, const Moment& moment,
                                 const NextNonce& next_nonce) {
    settle(owed, moment.height);
    if (has_nonce_gap(next_nonce)) forget();
    std::vector<HandIn> due;
    std::vector<Outgoing*> fresh;
    for (Outgoing& outgoing : owed) {
        const auto found = pending_.find(outgoing.label);
        if (found == pending_.end()) {
            fresh.push_back(&outgoing);
        } else if (moment.now_ms - found->second.handed_in_ms >= kResubmitMs) {
            found->second.handed_in_ms = moment.now_ms;
            due.push_back({found->first, found->second.message});
        }
    }
    if (fresh.empty()) return due;
    const auto next = next_nonce();
    if (!next) return due;
    std::uint64_t nonce = *next;
    for (const auto& [label, pending] : pending_) nonce = std::max(nonce, pending.nonce + 1);
    for (Outgoing* outgoing : fresh) {
        const std::string label = outgoing->label;
        Pending pending = sign(std::move(*outgoing), moment, nonce++);
        due.push_back({label, pending.message});
        pending_.insert_or_assign(label, std::move(pending));
    }
    return due;
}

}  // namespace consilium::mpc
