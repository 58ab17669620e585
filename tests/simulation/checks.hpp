// The invariants, checked at every step against one omniscient record of the run.
//
// Letters are those of the design: A1 agreement, A2 prefix, A3 no double vote, A4 equal roots, A5
// certificates (by the members of the block's own epoch), A6 a transaction at most once, A7 nothing
// acknowledged is lost, A9 bounded structures. The first violation is kept; a run ends with it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/evidence.hpp"
#include "node/driver/driver.hpp"

namespace consilium::simulation {

class Checks {
  public:
    Checks(ChainIdentity identity, Membership membership);

    // A correct process (by its index) announced a block.
    void on_committed(std::size_t process, const driver::CommittedBlock& committed);
    // A correct process came up; its store ends with this block.
    void on_started(std::size_t process, const driver::Head& head, const StateTree& state);
    // A block that is durable somewhere although its writer crashed before it could tell.
    void on_stored(const driver::CertifiedBlock& block, const Membership& next);
    // Its store was lost or replaced: the prefix begins anew, votes do not.
    void on_store_lost(std::size_t process) { heads_.erase(process); }
    // A correct process with this key sent this.
    void on_sent(const PublicKey& sender, const driver::Frame& frame);
    void on_status(std::size_t process, const driver::DriverStatus& status);
    void on_report(std::size_t process, const driver::Report& report);
    // At the end: what was decided up to the store's head is all there.
    void on_final(std::size_t process, const driver::Storage& storage, Height head);

    void fail(const std::string& what);
    [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
    [[nodiscard]] Height top() const;
    [[nodiscard]] const Membership& membership_of(Epoch epoch) const {
        return memberships_.at(epoch);
    }
    [[nodiscard]] const Membership& newest_membership() const {
        return memberships_.rbegin()->second;
    }
    // The decided chain from height 1 on.
    [[nodiscard]] const std::vector<driver::CertifiedBlock>& chain() const { return chain_; }
    [[nodiscard]] bool is_committed(const Digest& id) const { return acknowledged_.contains(id); }
    [[nodiscard]] std::size_t acknowledged() const { return acknowledged_.size(); }

  private:
    struct VoteKey {
        PublicKey member;
        consensus::MessageType type;
        Height height;
        View view;
        friend auto operator<=>(const VoteKey&, const VoteKey&) = default;
    };
    void decide(const Block& block, const Certificate& certificate);
    void note_membership(const BlockHeader& header, const Membership& next);

    ChainIdentity identity_;
    std::map<Epoch, Membership> memberships_;
    std::vector<driver::CertifiedBlock> chain_;
    std::set<Digest> acknowledged_;
    std::map<std::size_t, Height> heads_;
    std::map<VoteKey, Digest> votes_;
    std::optional<std::string> violation_;
};

}  // namespace consilium::simulation
