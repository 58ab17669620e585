// Decides when a replica that may have forgotten its votes can vote again (P12).
//
// Let g be the highest height at which the forgotten self voted. It then held a certificate of
// g - 1, so a quorum had voted at g - 1 and its correct members were at heads of at least g - 2.
// Any quorum of answers to a fresh nonce holds one of those members, hence the highest proven head
// M among them is at least g - 2, and heights from M + 3 on are new: safe once the own head is
// M + 2. Heads are proven by certificates, so a liar cannot push M up.
#pragma once
#include <map>
#include <optional>

#include "consensus/messages.hpp"

namespace consilium::consensus {

class AmnesiaGuard {
  public:
    explicit AmnesiaGuard(std::uint64_t nonce) : nonce_(nonce) {}

    [[nodiscard]] std::uint64_t nonce() const { return nonce_; }
    // A verified answer of another member; one with a foreign nonce is ignored.
    void hear(const Checkpoint& answer) {
        if (answer.nonce != nonce_) return;
        const Height claimed = answer.head ? answer.head->header.height : Height{0};
        Height& best = heads_[answer.sender];
        best = std::max(best, claimed);
    }
    // Answers are counted by ids of one epoch; another epoch starts the count anew.
    void forget_answers() { heads_.clear(); }
    [[nodiscard]] bool has_quorum(std::size_t quorum) const { return heads_.size() >= quorum; }
    [[nodiscard]] bool is_safe_at(Height head, std::size_t quorum) const {
        if (!has_quorum(quorum)) return false;
        std::uint64_t highest = 0;
        for (const auto& [peer, height] : heads_) highest = std::max(highest, height.value);
        return head.value >= saturating_add(highest, std::uint64_t{2});
    }

  private:
    std::uint64_t nonce_;
    std::map<ReplicaId, Height> heads_;
};

}  // namespace consilium::consensus
