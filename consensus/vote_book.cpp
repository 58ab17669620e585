// Votes by view and member.
#include "consensus/vote_book.hpp"

namespace consilium::consensus {

VoteBook::Outcome VoteBook::add(View view, ReplicaId voter, const Vote& vote) {
    if (const Vote* first = vote_of(view, voter)) {
        return first->digest == vote.digest ? Outcome::kDuplicate : Outcome::kConflict;
    }
    std::size_t held = 0;
    std::optional<View> lowest;
    for (const auto& [held_view, voters] : votes_) {
        if (!voters.contains(voter)) continue;
        ++held;
        if (!lowest) lowest = held_view;
    }
    if (held >= kMaxViewsPerMember) {
        if (view < *lowest) return Outcome::kOverQuota;
        const auto oldest = votes_.find(*lowest);
        oldest->second.erase(voter);
        if (oldest->second.empty()) votes_.erase(oldest);
    }
    votes_[view].emplace(voter, vote);
    return Outcome::kCounted;
}

const Vote* VoteBook::vote_of(View view, ReplicaId voter) const {
    const auto in_view = votes_.find(view);
    if (in_view == votes_.end()) return nullptr;
    const auto found = in_view->second.find(voter);
    return found == in_view->second.end() ? nullptr : &found->second;
}

std::optional<VoteQuorum> VoteBook::quorum_in(View view, std::size_t quorum) const {
    const auto in_view = votes_.find(view);
    if (in_view == votes_.end()) return std::nullopt;
    std::map<Digest, std::size_t> counts;
    for (const auto& [voter, vote] : in_view->second) ++counts[vote.digest];
    for (const auto& [digest, count] : counts) {
        if (count < quorum) continue;
        VoteQuorum result{.digest = digest, .signers = 0, .signatures = {}};
        for (const auto& [voter, vote] : in_view->second) {
            if (vote.digest != digest || result.signatures.size() == quorum) continue;
            result.signers |= std::uint64_t{1} << voter.value;
            result.signatures.push_back(vote.signature);
        }
        return result;
    }
    return std::nullopt;
}

std::size_t VoteBook::size() const {
    std::size_t total = 0;
    for (const auto& [view, voters] : votes_) total += voters.size();
    return total;
}

}  // namespace consilium::consensus
