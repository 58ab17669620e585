// The council of the simulated consortium: approves trainers, opens the task, renews a stuck epoch.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "tests/simulation/mpc/account.hpp"

namespace consilium::simulation {

class Council {
  public:
    // `first_key`: index of the first member's simulation_key(); one member per organisation.
    // `reference_set`: what the task's reference set must be approved as; empty: the task has none.
    Council(Stage& stage, const Genesis& genesis, std::size_t first_key, schema::TaskSpec task,
            Bytes reference_set);

    // `state`: newest decided. `trainers`: who is to take part.
    void tick(const StateReader& state, const std::vector<PublicKey>& trainers);
    // A round was opened or has ended with a result: nothing is stuck.
    void on_progress() { progress_ms_ = stage_.now_ms(); }

    // For others of its business; tick() looks after them, too.
    [[nodiscard]] std::deque<Account>& members() { return members_; }

    static constexpr std::uint64_t kPatienceMs = 12'000;  // then the epoch is renewed

  private:
    [[nodiscard]] bool approve(const StateReader& state, const std::vector<PublicKey>& trainers);
    [[nodiscard]] bool vote(const StateReader& state);
    void propose(schema::ProposalKind kind, Bytes payload, std::vector<Bytes> blobs = {});
    // Approves the set, then opens the task.
    void prepare_task(const StateReader& state);

    Stage& stage_;
    schema::TaskSpec task_;
    Bytes reference_set_;
    std::deque<Account> members_;
    std::uint64_t progress_ms_ = 0;
};

}  // namespace consilium::simulation
