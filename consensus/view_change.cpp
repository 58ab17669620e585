// Choice of the block to propose again, and the log of VIEW-CHANGE messages.
#include "consensus/view_change.hpp"

#include <algorithm>
#include <functional>

namespace consilium::consensus {

const PreparedCertificate* choose_prepared(const std::vector<ViewChange>& changes) {
    const PreparedCertificate* best = nullptr;
    for (const ViewChange& change : changes) {
        if (!change.prepared) continue;
        const PreparedCertificate& candidate = *change.prepared;
        if (best == nullptr || candidate.view > best->view ||
            (candidate.view == best->view &&
             header_digest(candidate.header) > header_digest(best->header))) {
            best = &candidate;
        }
    }
    return best;
}

std::optional<Digest> chosen_digest(const std::vector<ViewChange>& changes) {
    const PreparedCertificate* chosen = choose_prepared(changes);
    if (chosen == nullptr) return std::nullopt;
    return header_digest(chosen->header);
}

std::vector<ReplicaId> signers_of(std::uint64_t signers) {
    std::vector<ReplicaId> ids;
    for (std::uint16_t id = 0; id < kMaxMembers; ++id) {
        if (((signers >> id) & 1U) != 0) ids.push_back(ReplicaId{id});
    }
    return ids;
}

ViewChangeLog::Outcome ViewChangeLog::add(const ViewChange& change) {
    const auto found = latest_.find(change.sender);
    if (found == latest_.end()) {
        latest_.emplace(change.sender, change);
        return Outcome::kNew;
    }
    if (change.slot.view < found->second.slot.view) return Outcome::kStale;
    if (change.slot.view == found->second.slot.view) {
        // The signature is not compared: one content signed twice is no equivocation.
        return change.prepared == found->second.prepared ? Outcome::kDuplicate : Outcome::kConflict;
    }
    found->second = change;
    return Outcome::kNew;
}

const ViewChange* ViewChangeLog::latest_of(ReplicaId sender) const {
    const auto found = latest_.find(sender);
    return found == latest_.end() ? nullptr : &found->second;
}

std::size_t ViewChangeLog::count_from(View view) const {
    return static_cast<std::size_t>(
        std::count_if(latest_.begin(), latest_.end(),
                      [view](const auto& entry) { return entry.second.slot.view >= view; }));
}

std::optional<View> ViewChangeLog::view_wanted_by(std::size_t count) const {
    CHECK(count >= 1);
    if (latest_.size() < count) return std::nullopt;
    std::vector<View> views;
    views.reserve(latest_.size());
    for (const auto& [sender, change] : latest_) views.push_back(change.slot.view);
    std::sort(views.begin(), views.end(), std::greater<>());
    return views[count - 1];
}

std::vector<ViewChange> ViewChangeLog::quorum_for(View view, std::size_t quorum) const {
    std::vector<ViewChange> changes;
    for (const auto& [sender, change] : latest_) {
        if (change.slot.view == view && changes.size() < quorum) changes.push_back(change);
    }
    if (changes.size() < quorum) changes.clear();
    return changes;
}

}  // namespace consilium::consensus
