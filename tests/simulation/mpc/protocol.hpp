// The secure computation in a simulated world: validators' workers, trainers, a council, checks.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "node/driver/env.hpp"
#include "tests/simulation/mpc/council.hpp"
#include "tests/simulation/mpc/options.hpp"
#include "tests/simulation/mpc/protocol_checks.hpp"
#include "tests/simulation/mpc/reference.hpp"
#include "tests/simulation/mpc/validator.hpp"

namespace consilium::simulation {

class Protocol {
  public:
    struct Parts {
        Stage& stage;
        const Genesis& genesis;
        MpcOptions options;
        std::uint64_t seed{};
        std::size_t replicas{};
        std::size_t first_council_key{};
    };
    explicit Protocol(const Parts& parts);

    // Once per process, before it starts; `member` is the index of its validator key. Only the
    // first process of a member computes: a twin has its own mind, but no secrets.
    void add_process(std::size_t process, std::size_t member, bool is_faulty);
    void begin();

    void on_started(std::size_t process);
    void on_stopped(std::size_t process);
    void on_committed(std::size_t process);
    void on_submission(std::size_t process, const driver::SubmissionResult& result);
    void on_decided(const Block& block);
    void on_backup(std::size_t process);
    void on_store_lost(std::size_t process, bool is_wiped);
    void inject_fault();
    void heal();
    // Whether a round that was opened after healing has ended with a result.
    [[nodiscard]] bool is_settled() const;
    [[nodiscard]] const ProtocolChecks::Counts& counts() const { return checks_.counts(); }
    [[nodiscard]] const std::map<std::string, std::uint64_t>& changes() const {
        return checks_.changes().counts();
    }
    [[nodiscard]] std::deque<Account>& council() { return council_.members(); }
    [[nodiscard]] std::uint64_t letters() const { return letters_; }  // that members sent
    [[nodiscard]] Step step() const { return step_; }
    [[nodiscard]] const std::map<Digest, Bytes>& execution_inputs() const {
        return checks_.execution_inputs();
    }
    [[nodiscard]] std::string describe() const;
    void check_calm(std::uint64_t view_changes) { checks_.check_calm(view_changes); }

  private:
    void make_trainers();
    void follow_step();
    void plan_lies(Validator& validator, const PublicKey& key);
    [[nodiscard]] Validator::Parts validator_parts(std::size_t process, std::size_t member);
    void send_letter(std::size_t process, const PublicKey& from, const mpc::Letter& letter);
    void tick_trainer(Trainer& trainer);
    void tick_council();
    [[nodiscard]] Validator* validator_of(std::size_t process);
    [[nodiscard]] CrashPoint draw_crash_point();

    Parts parts_;
    ReferenceUse references_;
    SimulatedReference reference_;
    Random random_;
    ProtocolChecks checks_;
    Council council_;
    std::deque<Trainer> trainers_;
    std::vector<PublicKey> trainer_keys_;
    std::map<std::size_t, std::unique_ptr<Validator>> validators_;  // by process
    std::map<std::size_t, std::size_t> members_;                    // key index by process
    std::uint64_t letters_ = 0;
    std::uint64_t seen_progress_ = 0;
    Step step_ = Step::kNone;
    std::vector<Outage> outages_;
    std::optional<std::uint64_t> goal_round_;  // must end after healing
};

// Parameters and task of the simulated consortium.
[[nodiscard]] schema::Parameters simulated_parameters();
[[nodiscard]] schema::TaskSpec simulated_task(std::uint64_t seed, ReferenceUse references);

}  // namespace consilium::simulation
