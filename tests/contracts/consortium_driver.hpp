// Plays validators and trainers of an MPC epoch against a test chain, honest or not.
//
// Mask keys come from a seed per epoch (tests/smpc/consortium.hpp), so a batch can be prepared at
// any time by stepping a fresh consortium to it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/contracts/chain.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::contracts::testing {

using Updates = std::vector<std::vector<std::int64_t>>;

struct Conduct {
    std::set<std::uint16_t> silent;  // members that post nothing
    std::set<std::uint16_t> liars;   // members that add an error to every share
};

class ConsortiumDriver {
  public:
    explicit ConsortiumDriver(Chain& chain) : chain_(chain) {}

    // EPK, KEY_COMMIT, KEY_ACK, CLIENT_KEYS of everybody.
    void set_up_epoch();
    void post_ephemeral_keys();
    void post_commitments(const Conduct& conduct = {});
    void post_acknowledgements(const Conduct& conduct = {});
    void post_bundles();
    // PREP_SHARE for every batch that is posting.
    void prepare_batches(const Conduct& conduct = {});
    // PLEDGE and SUBMIT of the given slots in two blocks; entry i-1 of `updates` is of slot i.
    void submit(const Updates& updates, const std::set<std::uint16_t>& slots);
    // The coin of the current phase.
    void draw_coin(const Conduct& conduct = {});
    // RANGE of these slots; of all submitters when empty.
    void prove(const std::set<std::uint16_t>& slots = {});
    // From the closed submissions over coins and range proofs to STAT1.
    void reach_stat1(const Conduct& conduct = {});
    // Slot `slot` will submit these field elements, whatever they are, and prove what it can.
    void cheat(std::uint16_t slot, std::vector<std::uint64_t> elements) {
        cheats_[slot] = std::move(elements);
    }
    // Slot `slot` will change the words of its RANGE blob before it sends them.
    void alter_proof(std::uint16_t slot, std::function<void(std::vector<std::uint64_t>&)> change) {
        alterations_[slot] = std::move(change);
    }
    // Reaches STAT1 with honest coins first when need be.
    void post_stat1(const Conduct& conduct = {});
    void post_stat2(const Conduct& conduct = {});
    // AGG of the first t+1, then AGG_OK of the others; after a fallback AGG of all.
    void post_aggregate(const Conduct& conduct = {});
    // REF of the given validators, by their position in the chain's list: this update and norm.
    void post_references(const std::vector<std::int64_t>& update, std::uint64_t squared_norm,
                         const std::vector<std::size_t>& validators);
    // From the closed submissions to RESULT.
    void verify(const Conduct& conduct = {});

    [[nodiscard]] schema::EpochRecord epoch() const;
    [[nodiscard]] schema::RoundRecord round() const;  // the newest one
    // Updates around a common direction; `poisoner` sends the opposite.
    [[nodiscard]] Updates similar_updates(std::uint64_t seed, std::uint16_t poisoner) const;
    [[nodiscard]] schema::CoinShare coin_share(std::uint16_t member);
    [[nodiscard]] schema::Range range_of(std::uint16_t slot);
    [[nodiscard]] std::vector<std::uint64_t> stat1_share(std::uint16_t member);
    // The member's share of the sum; with zeros, plus 1000 prod (x - zero) at its index from
    // coordinate kFirstBent on: liars that add the same polynomial agree with members at its zeros.
    [[nodiscard]] std::vector<std::uint64_t> sum_share(
        std::uint16_t member, const std::vector<std::uint16_t>& zeros = {});
    static constexpr std::size_t kFirstBent = 7;
    [[nodiscard]] Transaction aggregate_of(std::uint16_t member,
                                           const std::vector<std::uint64_t>& share);
    [[nodiscard]] std::vector<std::uint64_t> prep_share(std::uint64_t batch, std::uint16_t member);
    // The parties with their keys and masks of that batch.
    [[nodiscard]] smpc::testing::Consortium& consortium_at(std::uint64_t batch);

  private:
    using Consortium = smpc::testing::Consortium;
    // The consortium of the round's batch, with the updates submitted and delta known.
    [[nodiscard]] Consortium& working();
    [[nodiscard]] std::vector<std::uint64_t> aggregate_share(const smpc::testing::MemberState& m);
    [[nodiscard]] std::vector<Transaction> aggregates(const Conduct& conduct,
                                                      const std::set<std::uint16_t>& members);
    [[nodiscard]] PublicKey member_key(std::uint16_t member) const;

    Chain& chain_;
    Updates updates_;
    std::map<std::uint16_t, std::vector<std::uint64_t>> cheats_;
    std::map<std::uint16_t, std::function<void(std::vector<std::uint64_t>&)>> alterations_;
    std::map<std::uint16_t, std::vector<std::uint64_t>> proofs_;  // of the current round
    std::map<Digest, std::vector<std::int64_t>> references_;      // posted, by hash
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::unique_ptr<Consortium>> consortia_;
};

}  // namespace consilium::contracts::testing
