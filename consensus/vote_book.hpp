// Counts the votes of one kind at one height, per view, and tells when a quorum agrees.
//
// Each member counts once per view, for the first digest it votes for (P4, P5): a quorum is a set
// of member ids, not of signatures. Two quorums share a correct replica, so a view certifies at
// most one digest. Each member's votes are kept for its kMaxViewsPerMember highest views only (P9).
#pragma once
#include <map>
#include <optional>

#include "consensus/messages.hpp"

namespace consilium::consensus {

// Enough for a member that is some views ahead; a flood pushes out the flooder's own votes.
inline constexpr std::size_t kMaxViewsPerMember = 4;

struct Vote {
    Digest digest;
    Signature signature;
};

// Signers and signatures, lowest id first.
struct VoteQuorum {
    Digest digest;
    std::uint64_t signers{};
    std::vector<Signature> signatures;
};

class VoteBook {
  public:
    enum class Outcome { kCounted, kDuplicate, kConflict, kOverQuota };
    // An authenticated vote of a member. kConflict: it voted for another digest in this view.
    Outcome add(View view, ReplicaId voter, const Vote& vote);
    void clear() { votes_.clear(); }

    [[nodiscard]] const Vote* vote_of(View view, ReplicaId voter) const;
    // Exactly `quorum` votes (the lowest ids) for one digest, if there are that many.
    [[nodiscard]] std::optional<VoteQuorum> quorum_in(View view, std::size_t quorum) const;
    [[nodiscard]] std::size_t size() const;

  private:
    std::map<View, std::map<ReplicaId, Vote>> votes_;
};

}  // namespace consilium::consensus
