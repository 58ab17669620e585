// A member's shares of one round (smpc-protocol.md, R3 to R9): coins R and T, STAT1, STAT2, AGG,
// AGG_OK.
//
// Every share is a function of the batch's keys, the round's keys and what the final state says, so
// a repetition is the same bytes; release_log.hpp makes sure of it. Nothing is computed for a phase
// that is not the current one, with round keys of another round, or on a batch that the state does
// not show as assigned to this round. Memory: one vector per client, and one more; once what is
// owed for the sum is computed, that alone.
#pragma once
#include <map>

#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/statistics.hpp"
#include "node/mpc/batch_keys.hpp"

namespace consilium::mpc {

// s_i^(k) of the round at hand, kept between its phases.
class RoundShares {
  public:
    [[nodiscard]] Result<void> step(const Context& context, const EpochKeys& keys);

  private:
    using Shares = std::map<std::uint32_t, smpc::SecretElements>;  // by slot

    // g by the hash that the chain agreed on, whatever this validator computed itself. False: it is
    // not here yet.
    [[nodiscard]] bool fetch_reference(const Context& context, const schema::RoundRecord& round);
    // True when keys, delta, g and every submitted update are at hand and the shares are computed.
    [[nodiscard]] Result<bool> prepare(const Context& context, const schema::RoundRecord& round);
    // nullopt: a proof of a range is not here yet.
    [[nodiscard]] std::optional<Outgoing> make_statistics(const Context& context,
                                                          const EpochKeys& keys,
                                                          const schema::RoundRecord& round);
    [[nodiscard]] std::optional<Outgoing> make_share(const Context& context, const EpochKeys& keys,
                                                     const schema::RoundRecord& round);
    // nullopt: the first shares are not all here yet, or too few clients have weight.
    [[nodiscard]] std::optional<Outgoing> make_aggregate(const Context& context,
                                                         const EpochKeys& keys,
                                                         const schema::RoundRecord& round);
    // Whether our share lies on the first posters' polynomial; keeps the answer. nullopt as above.
    [[nodiscard]] std::optional<bool> compare_first(const Context& context, const EpochKeys& keys,
                                                    const schema::RoundRecord& round);
    [[nodiscard]] Outgoing make_own_aggregate(const Context& context, const EpochKeys& keys,
                                              const schema::RoundRecord& round) const;
    // Whether AGG or AGG_OK, whichever this phase asks of us, was computed in an earlier step.
    [[nodiscard]] bool is_aggregate_ready(const Context& context,
                                          const schema::RoundRecord& round) const;
    // This member's share of the sum.
    [[nodiscard]] smpc::AggregateStream open_aggregate(const Context& context,
                                                       const EpochKeys& keys,
                                                       const schema::RoundRecord& round) const;

    schema::RoundLabel label_;
    std::optional<BatchKeys> batch_;
    std::vector<smpc::Element> delta_;
    Shares shares_;
    std::optional<std::vector<smpc::RangeShares>> ranges_;  // of V0, once computed
    std::vector<smpc::Element> reference_;                  // g of the attempt; empty without one
    // What was computed for AGG and AGG_OK, which are owed until the state shows them.
    std::optional<Outgoing> own_aggregate_;
    std::optional<Digest> matching_sum_;
};

}  // namespace consilium::mpc
