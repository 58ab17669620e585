// A member's shares of one round (smpc-protocol.md, R6, R7, R9): STAT1, STAT2, AGG, AGG_OK.
//
// Every share is a function of the batch's keys, the round's keys and what the final state says, so
// a repetition is the same bytes. Nothing is computed for a phase that is not the current one.
#pragma once
#include <map>

#include "node/mpc/batch_keys.hpp"

namespace consilium::mpc {

// s_i^(k) of the round at hand, kept between its phases.
class RoundShares {
  public:
    [[nodiscard]] Result<void> step(const Context& context, const EpochKeys& keys);

  private:
    using Shares = std::map<std::uint32_t, smpc::SecretElements>;  // by slot

    [[nodiscard]] Result<bool> prepare(const Context& context, const schema::RoundRecord& round);
    void post_statistics(const Context& context, const EpochKeys& keys,
                         const schema::RoundRecord& round) const;
    void post_aggregate(const Context& context, const EpochKeys& keys,
                        const schema::RoundRecord& round);
    void post_approval(const Context& context, const schema::RoundRecord& round,
                       const std::vector<smpc::MemberIndex>& first,
                       const std::vector<smpc::Element>& own) const;
    [[nodiscard]] std::vector<smpc::Element> own_aggregate(const Context& context,
                                                           const EpochKeys& keys,
                                                           const schema::RoundRecord& round) const;

    schema::RoundLabel label_;
    std::optional<BatchKeys> batch_;
    Shares shares_;
    std::vector<smpc::Element> aggregate_;  // own share of the sum, once computed
};

}  // namespace consilium::mpc
