// Bookkeeping of waiting transactions.
#include "node/driver/mempool.hpp"

#include <algorithm>
#include <string>

namespace consilium::driver {

Mempool::Mempool(MempoolLimits limits, Eligibility is_eligible)
    : limits_(limits), is_eligible_(std::move(is_eligible)) {}

Result<void> Mempool::admits(const Candidate& candidate, Height head) const {
    const Transaction& transaction = candidate.transaction;
    if (by_id_.contains(candidate.id)) return make_error(ErrorCode::kRefused, "waits already");
    if (transaction.valid_until <= head) {
        return make_error(ErrorCode::kRefused, "expired: valid until height " +
                                                   std::to_string(transaction.valid_until.value));
    }
    if (transaction.nonce < candidate.account_nonce) {
        return make_error(ErrorCode::kRefused,
                          "nonce_used: the next is " + std::to_string(candidate.account_nonce));
    }
    if (transaction.nonce - candidate.account_nonce >= limits_.nonce_gap) {
        return make_error(ErrorCode::kRefused, "nonce_gap: too far ahead, the next is " +
                                                   std::to_string(candidate.account_nonce));
    }
    if (by_id_.size() >= limits_.transactions ||
        candidate.size_bytes > limits_.bytes - std::min(limits_.bytes, bytes_)) {
        return make_error(ErrorCode::kLimitExceeded, "the mempool is full");
    }
    if (!candidate.is_known_account && unknown_ >= limits_.unknown_accounts) {
        return make_error(ErrorCode::kLimitExceeded, "too many transactions of unknown accounts");
    }
    const auto account = accounts_.find(transaction.sender);
    if (account == accounts_.end()) return {};
    if (account->second.waiting.contains(transaction.nonce)) {
        return make_error(ErrorCode::kRefused,
                          "nonce_waiting: another transaction waits with this nonce");
    }
    if (account->second.waiting.size() >= limits_.per_account) {
        return make_error(ErrorCode::kLimitExceeded, "too many transactions of this account");
    }
    return {};
}

Result<void> Mempool::add(Candidate candidate, Height head, std::uint64_t now_ms) {
    if (auto admitted = admits(candidate, head); !admitted) return admitted;
    const Transaction& transaction = candidate.transaction;
    const PublicKey sender = transaction.sender;
    const std::uint64_t nonce = transaction.nonce;
    auto [account, is_new] = accounts_.try_emplace(sender);
    if (is_new) account->second.is_known = candidate.is_known_account;
    account->second.next_nonce = candidate.account_nonce;
    if (!account->second.is_known) ++unknown_;
    bytes_ += candidate.size_bytes;
    by_id_.emplace(candidate.id, std::pair(sender, nonce));
    by_expiry_.emplace(transaction.valid_until, candidate.id);
    for (const BlobKey& blob : candidate.blobs) by_blob_[blob.hash].insert(candidate.id);
    account->second.waiting.emplace(nonce, Waiting{std::move(candidate), std::nullopt});
    refresh(account->second, now_ms);
    return {};
}

const Waiting* Mempool::find(const Digest& id) const {
    const auto place = by_id_.find(id);
    if (place == by_id_.end()) return nullptr;
    return &accounts_.at(place->second.first).waiting.at(place->second.second);
}

std::uint64_t Mempool::clock_of(const Waiting& waiting) const {
    CHECK(waiting.ready_since_ms.has_value());
    const std::uint64_t delay = waiting.candidate.blobs.empty() ? 0 : limits_.blob_fetch_ms;
    return saturating_add(*waiting.ready_since_ms, delay);
}

void Mempool::set_clock(Waiting& waiting, std::optional<std::uint64_t> ready_since_ms) {
    if (waiting.ready_since_ms == ready_since_ms) return;
    ++revision_;
    if (waiting.ready_since_ms) clock_.erase({clock_of(waiting), waiting.candidate.id});
    waiting.ready_since_ms = ready_since_ms;
    if (waiting.ready_since_ms) clock_.emplace(clock_of(waiting), waiting.candidate.id);
}

void Mempool::refresh(Account& account, std::uint64_t now_ms) {
    std::uint64_t expected = account.next_nonce;
    bool is_chain_ready = true;
    for (auto& [nonce, waiting] : account.waiting) {
        is_chain_ready = is_chain_ready && nonce == expected &&
                         std::all_of(waiting.candidate.blobs.begin(), waiting.candidate.blobs.end(),
                                     [this](const BlobKey& blob) { return is_eligible_(blob); });
        if (is_chain_ready != waiting.ready_since_ms.has_value()) {
            set_clock(waiting, is_chain_ready ? std::optional(now_ms) : std::nullopt);
        }
        expected = saturating_add(expected, std::uint64_t{1});
    }
}

void Mempool::erase(Accounts::iterator account, std::uint64_t nonce) {
    const auto place = account->second.waiting.find(nonce);
    CHECK(place != account->second.waiting.end());
    Waiting& waiting = place->second;
    set_clock(waiting, std::nullopt);
    const Candidate& candidate = waiting.candidate;
    for (const BlobKey& blob : candidate.blobs) {
        const auto ids = by_blob_.find(blob.hash);
        if (ids == by_blob_.end()) continue;  // named twice by one transaction
        ids->second.erase(candidate.id);
        if (ids->second.empty()) by_blob_.erase(ids);
    }
    by_expiry_.erase({candidate.transaction.valid_until, candidate.id});
    by_id_.erase(candidate.id);
    bytes_ -= candidate.size_bytes;
    if (!account->second.is_known) --unknown_;
    account->second.waiting.erase(place);
}

std::size_t Mempool::advance(Height head, const std::map<PublicKey, std::uint64_t>& nonces,
                             std::uint64_t now_ms) {
    for (const auto& [key, next_nonce] : nonces) {
        const auto account = accounts_.find(key);
        if (account == accounts_.end()) continue;
        if (!account->second.is_known) {
            account->second.is_known = true;
            unknown_ -= account->second.waiting.size();
        }
        account->second.next_nonce = next_nonce;
        while (!account->second.waiting.empty() &&
               account->second.waiting.begin()->first < next_nonce) {
            erase(account, account->second.waiting.begin()->first);
        }
        refresh(account->second, now_ms);
        if (account->second.waiting.empty()) accounts_.erase(account);
    }
    std::size_t expired = 0;
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= head) {
        remove(Digest(by_expiry_.begin()->second), now_ms);
        ++expired;
    }
    return expired;
}

void Mempool::remove(const Digest& id, std::uint64_t now_ms) {
    const auto place = by_id_.find(id);
    if (place == by_id_.end()) return;
    const auto account = accounts_.find(place->second.first);
    erase(account, place->second.second);
    refresh(account->second, now_ms);
    if (account->second.waiting.empty()) accounts_.erase(account);
}

void Mempool::refresh_blob(const Digest& hash, std::uint64_t now_ms) {
    const auto ids = by_blob_.find(hash);
    if (ids == by_blob_.end()) return;
    for (const Digest& id : ids->second) refresh(accounts_.at(by_id_.at(id).first), now_ms);
}

void Mempool::refresh_all(std::uint64_t now_ms) {
    for (auto& [key, account] : accounts_) refresh(account, now_ms);
}

std::vector<const Waiting*> Mempool::select(const BlockBudget& budget) const {
    struct Queue {
        std::map<std::uint64_t, Waiting>::const_iterator next;
        std::map<std::uint64_t, Waiting>::const_iterator end;
    };
    std::vector<Queue> queues;
    const auto first = cursor_ ? accounts_.upper_bound(*cursor_) : accounts_.begin();
    const auto add = [&queues](const Account& account) {
        queues.push_back({account.waiting.begin(), account.waiting.end()});
    };
    for (auto it = first; it != accounts_.end(); ++it) add(it->second);
    for (auto it = accounts_.begin(); it != first; ++it) add(it->second);

    std::vector<const Waiting*> selected;
    BlockBudget left = budget;
    while (!queues.empty() && left.transactions > 0) {
        std::vector<Queue> again;
        for (Queue& queue : queues) {
            if (queue.next == queue.end || left.transactions == 0) continue;
            const Waiting& waiting = queue.next->second;
            if (!waiting.ready_since_ms) continue;
            const Candidate& candidate = waiting.candidate;
            std::uint64_t blob_bytes = 0;
            for (const BlobKey& blob : candidate.blobs) {
                blob_bytes = saturating_add(blob_bytes, blob.length);
            }
            // What does not fit ends its account's turn: its later nonces cannot go before it.
            if (candidate.size_bytes > left.bytes || blob_bytes > left.blob_bytes ||
                candidate.cost > left.cost) {
                continue;
            }
            left.transactions -= 1;
            left.bytes -= candidate.size_bytes;
            left.blob_bytes -= blob_bytes;
            left.cost -= candidate.cost;
            selected.push_back(&waiting);
            ++queue.next;
            again.push_back(queue);
        }
        queues = std::move(again);
    }
    return selected;
}

void Mempool::rotate() {
    if (accounts_.empty()) return;
    auto next = cursor_ ? accounts_.upper_bound(*cursor_) : accounts_.begin();
    if (next == accounts_.end()) next = accounts_.begin();
    cursor_ = next->first;
}

std::optional<std::uint64_t> Mempool::oldest_clock_ms() const {
    if (clock_.empty()) return std::nullopt;
    return clock_.begin()->first;
}

std::vector<const Waiting*> Mempool::oldest(std::size_t count) const {
    std::vector<const Waiting*> result;
    for (auto it = clock_.begin(); it != clock_.end() && result.size() < count; ++it) {
        result.push_back(find(it->second));
    }
    return result;
}

std::vector<BlobKey> Mempool::named_blobs() const {
    std::vector<BlobKey> names;
    for (const auto& [hash, ids] : by_blob_) {
        if (auto length = named_length(hash)) names.push_back({hash, *length});
    }
    return names;
}

std::optional<std::uint64_t> Mempool::named_length(const Digest& hash) const {
    const auto waiting = naming(hash);
    if (waiting.empty()) return std::nullopt;
    for (const BlobKey& blob : waiting.front()->candidate.blobs) {
        if (blob.hash == hash) return blob.length;
    }
    return std::nullopt;
}

std::vector<const Waiting*> Mempool::naming(const Digest& hash) const {
    std::vector<const Waiting*> result;
    const auto ids = by_blob_.find(hash);
    if (ids == by_blob_.end()) return result;
    for (const Digest& id : ids->second) result.push_back(find(id));
    return result;
}

std::uint64_t Mempool::next_free_nonce(const PublicKey& account, std::uint64_t state_nonce) const {
    const auto found = accounts_.find(account);
    std::uint64_t nonce = state_nonce;
    if (found == accounts_.end()) return nonce;
    while (found->second.waiting.contains(nonce)) ++nonce;
    return nonce;
}

}  // namespace consilium::driver
