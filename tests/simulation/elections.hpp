// Changes of the validators during a run: newcomers register, the council proposes and votes.
//
// One decision at a time, by people who look at the newest decided state. Who has left never comes
// back: the supply of newcomers bounds the number of changes.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "contracts/schema/membership.hpp"
#include "tests/simulation/mpc/account.hpp"

namespace consilium::simulation {

class Elections {
  public:
    struct Parts {
        std::deque<Account>& council;  // accounts of its members, perhaps shared with others
        std::size_t first_newcomer{};  // index of its simulation_key()
        std::size_t newcomers{};
        // Blocks from a proposal to its change, and time from one proposal to the next.
        std::uint64_t lead_min = 14;
        std::uint64_t lead_spread = 0;
        std::uint64_t rest_min_ms = 100;
        std::uint64_t rest_max_ms = 1'500;
        std::uint64_t first_ms = 0;  // no proposal before
    };
    Elections(Stage& stage, const Genesis& genesis, const Parts& parts);

    // `state`: newest decided; `proposer`: who made its block.
    void tick(const StateReader& state, ReplicaId proposer);
    // A block was decided under `membership`; `next` certifies the one after it.
    void on_decided(const BlockHeader& header, const Membership& membership,
                    const Membership& next);

  private:
    struct Newcomer {
        Account account;
        std::string organisation;
    };
    void register_newcomers(const StateReader& state);
    [[nodiscard]] bool vote(const StateReader& state);
    // The next list, or nothing when this draw does not fit.
    [[nodiscard]] std::optional<std::vector<schema::Validator>> draw_list(
        const StateReader& state, const schema::MembershipRecord& record, ReplicaId proposer);
    [[nodiscard]] std::optional<schema::Validator> next_newcomer(const StateReader& state);

    Stage& stage_;
    Parts parts_;
    std::deque<Newcomer> newcomers_;
    std::uint64_t rest_until_ms_;
};

// Kinds that a report over many seeds must count.
[[nodiscard]] const std::vector<std::string>& election_kinds();

}  // namespace consilium::simulation
