// Blobs of clients in the pool: masked updates and range proofs, erased when their attempt is over
// for long enough (smpc-protocol.md, R9).
//
// Only the store remembers across a crash: each such blob stands there with the batch that masks
// it, erasing is one synced write, and what a crash prevented is due again at the next block. The
// end of an attempt is read from the state, so that a node that was away comes to the same.
#include <algorithm>

#include "contracts/executor.hpp"
#include "node/driver/blob_pool.hpp"

namespace consilium::driver {

WantedBlob wanted_by(const schema::BlobReference& name, bool is_urgent) {
    return {.key = {name.sha256, name.length},
            .kind = name.kind,
            .is_urgent = is_urgent,
            .batch = name.batch};
}

void BlobPool::restore(const std::vector<ClientBlob>& held) {
    for (const ClientBlob& blob : held) of_clients_.emplace(blob.hash, blob.batch);
}

Result<void> BlobPool::put(const WantedBlob& wanted, ByteView content) {
    if (!wanted.batch) return env_.storage().put_blob(wanted.key.hash, content);
    auto stored = env_.storage().put_client_blob({wanted.key.hash, *wanted.batch}, content);
    if (stored) of_clients_.emplace(wanted.key.hash, *wanted.batch);
    return stored;
}

void BlobPool::keep(const Digest& hash) {
    if (!of_clients_.contains(hash)) return;
    if (auto kept = env_.storage().keep_client_blob(hash); !kept) {
        storage_error_ = kept.error();
        return;
    }
    of_clients_.erase(hash);
}

void BlobPool::erase_spent(const StateReader& state, Height head, std::uint64_t keep_blocks) {
    if (of_clients_.empty() || storage_error_) return;
    std::map<std::pair<std::uint64_t, std::uint64_t>, bool> is_spent;  // by epoch and batch
    std::vector<Digest> spent;
    for (const auto& [hash, batch] : of_clients_) {
        const auto [known, is_new] = is_spent.try_emplace({batch.mpc_epoch, batch.batch}, false);
        if (is_new) {
            const auto end = contracts::attempt_end(state, batch);
            known->second = end && saturating_add(end->value, keep_blocks) <= head.value;
        }
        if (known->second) spent.push_back(hash);
    }
    if (spent.empty()) return;
    // A client may have pledged somebody's older bytes: then the running attempt reads them.
    const std::set<Digest> in_use = contracts::client_blobs_in_use(state);
    std::erase_if(spent, [&](const Digest& hash) { return in_use.contains(hash); });
    if (spent.empty()) return;
    // Before they go: a HAVE is a promise.
    for (const Digest& hash : spent) forget(hash);
    if (auto erased = env_.storage().erase_client_blobs(spent); !erased) {
        storage_error_ = erased.error();
        return;
    }
    for (const Digest& hash : spent) of_clients_.erase(hash);
    erased_of_clients_ += spent.size();
}

void BlobPool::forget(const Digest& hash) {
    std::erase_if(served_, [&](const Served& served) { return served.hash == hash; });
    const auto self = membership_.find(own_key_);
    if (!self) return;
    for (auto entry = haves_.lower_bound({hash, 0});
         entry != haves_.end() && entry->first.hash == hash;) {
        entry->second.erase(*self);
        entry = entry->second.empty() ? haves_.erase(entry) : std::next(entry);
    }
    std::erase_if(haves_by_member_[*self], [&](const BlobKey& blob) { return blob.hash == hash; });
    changes_.insert(hash);
}

}  // namespace consilium::driver
