// M15: what a change of the validators does to the epoch, the batches and the round under way.
//
// docs/protocol.md, section 2: before COIN_T the attempt is ABORTED and restarts with the new
// committee; from then on the change waits for the end of the round and happens in that very block.
#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>

#include "contracts/schema/events.hpp"
#include "contracts/schema/membership.hpp"
#include "core/block.hpp"
#include "core/state.hpp"

namespace consilium::simulation {

class ChangeChecks {
  public:
    using Fail = std::function<void(const std::string&)>;
    explicit ChangeChecks(Fail fail) : fail_(std::move(fail)) {}

    struct Executed {
        const StateReader& before;
        const StateReader& after;
        Height height;
        std::span<const Event> events;  // of the contracts, outside of transactions
    };
    void on_block(const Executed& block);

    // Changes by what stood when they were due: "changes_between", "changes_restarting" (an attempt
    // was aborted), "changes_waiting" (for the end of a round), and one for each phase.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

  private:
    void check_due(const Executed& block, const schema::ChangeValidators& change);
    void check_changed(const Executed& block, const schema::MembershipRecord& before,
                       const schema::MembershipRecord& after);
    void check_attempt(const Executed& block);
    void check_old_epoch(const Executed& block);
    void check_committee(const Executed& block, const schema::MembershipRecord& record);
    void fail(const Executed& block, const std::string& what) const;

    Fail fail_;
    std::map<std::string, std::uint64_t> counts_;
};

}  // namespace consilium::simulation
