// The arithmetic of the view change: what a NEW-VIEW must choose, and who asks for which view.
//
// PBFT paper, 4.4 and 4.5.2. The log keeps one VIEW-CHANGE per member, the highest it sent, so its
// size is bounded by the membership whatever arrives.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "consensus/messages.hpp"

namespace consilium::consensus {

// The prepared certificate of the highest view among the VIEW-CHANGEs (ties, impossible with at
// most f faulty, go to the higher digest); null when nobody has prepared. Points into the argument.
[[nodiscard]] const PreparedCertificate* choose_prepared(const std::vector<ViewChange>& changes);
[[nodiscard]] std::optional<Digest> chosen_digest(const std::vector<ViewChange>& changes);

// Ids of the set bits, ascending.
[[nodiscard]] std::vector<ReplicaId> signers_of(std::uint64_t signers);

class ViewChangeLog {
  public:
    enum class Outcome { kNew, kDuplicate, kStale, kConflict };
    // kConflict: another content for the view it asked for before; the first stays.
    Outcome add(const ViewChange& change);
    void clear() { latest_.clear(); }

    [[nodiscard]] const ViewChange* latest_of(ReplicaId sender) const;
    [[nodiscard]] std::size_t size() const { return latest_.size(); }
    // Members whose latest request is for `view` or a later one.
    [[nodiscard]] std::size_t count_from(View view) const;
    // The highest view that at least `count` members ask for or have passed: with count = f + 1 the
    // smallest view of the f + 1 highest requests, which a correct member wants at least.
    [[nodiscard]] std::optional<View> view_wanted_by(std::size_t count) const;
    // Exactly `quorum` requests for exactly `view`, ascending by sender; empty when there are
    // fewer.
    [[nodiscard]] std::vector<ViewChange> quorum_for(View view, std::size_t quorum) const;

  private:
    std::map<ReplicaId, ViewChange> latest_;
};

}  // namespace consilium::consensus
