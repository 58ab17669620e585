// The invariants of the secure computation, checked on every decided block and every worker's step.
//
// M1 the decided chain executes to its roots elsewhere, too. M2 an honest validator has one message
// per label, also across restarts, and is never found to equivocate. M3 opened norms and products
// equal those of the plain updates up to blur. M4 the aggregate equals the plain weighted sum up to
// dither, and the model follows from it. M5 FAULT and EXCLUDE name only liars, at most t. M6 they
// name them once their share was seen. M7 no honest client loses its slot, no forged proof passes.
// M8 secrets are gone when the state says so. M9 for one mask batch one masked update and one proof
// ever leave a trainer. M10 after healing a round ends. M11 no batch is both certified and
// revealed. M12 one seed per coin, everywhere, and it is that of the honest shares. M13 the
// reference that counts, and the products with it, are those of the honest validators' g. M14 in a
// calm run nobody is missed or named and no view changes. M15 see change_checks.hpp.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/events.hpp"
#include "tests/simulation/mpc/change_checks.hpp"
#include "tests/simulation/mpc/lies.hpp"
#include "tests/simulation/mpc/reference_replica.hpp"
#include "tests/simulation/mpc/secret_disk.hpp"
#include "tests/simulation/mpc/trainer.hpp"

namespace consilium::simulation {

class ProtocolChecks final : public TrainerWitness {
  public:
    using Fail = std::function<void(const std::string&)>;
    ProtocolChecks(const Genesis& genesis, bool parameters_differ, Fail fail);

    using MakeReference = std::function<Update(std::uint64_t round, std::size_t dimension)>;
    // Before the run: the approved set, and g of every round.
    void expect_references(const Bytes& set, MakeReference make);
    // Who is what; before the run, and when a member is robbed of its store.
    void add_validator(const PublicKey& key) { (void)validators_[key]; }
    void set_liar(const PublicKey& key) { validators_.at(key).is_honest = false; }
    // May draw again what it had drawn and lost: not bound by M2.
    void set_robbed(const PublicKey& key) { validators_.at(key).is_robbed = true; }
    void add_trainer(const PublicKey& key, bool is_honest) { trainers_[key] = is_honest; }

    // The worker of a validator owes this / the validator hands in this.
    void on_owed(const PublicKey& key, const std::vector<mpc::Outgoing>& owed);
    void on_told(const PublicKey& key, const Told& told);
    // What a process holds after a step of its worker that succeeded on this state.
    struct Stepped {
        std::size_t process{};
        PublicKey key;
    };
    void on_stepped(const Stepped& validator, const StateReader& state,
                    const SecretDisk::Content& secrets);
    void on_masked(const Digest& masked, const Update& update) override;
    void on_proved(const Digest& proof, bool is_forged) override;
    void on_released(const Release& release, const Bytes& blob) override;
    void on_block(const Block& block);

    [[nodiscard]] const ReferenceReplica& reference() const { return reference_; }
    // Blobs that execution reads; everything else may be pruned before a replay.
    [[nodiscard]] const std::map<Digest, Bytes>& execution_inputs() const {
        return execution_inputs_;
    }
    struct Counts {
        std::uint64_t results = 0;
        std::uint64_t aborted = 0;
        std::uint64_t cancelled = 0;
        std::uint64_t faults = 0;
        std::uint64_t openings = 0;  // of statistics, compared with the plain values
        std::uint64_t submissions = 0;
        std::uint64_t ranges = 0;      // proofs of them
        std::uint64_t seeds = 0;       // of coins
        std::uint64_t sacrifices = 0;  // batches without everybody's share
        std::uint64_t absent = 0;      // members recorded as absent
        std::uint64_t disputes = 0;
        std::uint64_t burned = 0;
        std::uint64_t excluded = 0;
        std::uint64_t reveals = 0;       // accepted
        std::uint64_t references = 0;    // agreed on
        std::uint64_t attempts = 0;      // of all rounds
        std::uint64_t newest_round = 0;  // that was opened
        std::uint64_t last_result = 0;   // number of that round
    };
    [[nodiscard]] const Counts& counts() const { return counts_; }
    [[nodiscard]] const ChangeChecks& changes() const { return changes_; }
    // At the end of a run in which no validator and no link had a fault.
    void check_calm(std::uint64_t view_changes);

  private:
    struct Member {
        bool is_honest = true;
        bool is_robbed = false;
        std::map<std::string, Digest> owed;  // by label: hash of arguments and blobs
    };
    struct FalseShare {
        PublicKey sender;
        std::uint16_t action{};
        Bytes arguments;
        friend auto operator<=>(const FalseShare&, const FalseShare&) = default;
    };
    void on_transaction(const Transaction& transaction, const Receipt& receipt);
    void on_event(const Event& event);
    void check(const schema::FaultProved& fault);
    void check(const schema::Equivocation& equivocation);
    void check(const schema::Statistics& statistics);
    void check(const schema::VerdictRecord& verdict);
    void check(const schema::RoundResult& result);
    void check_aggregate(const schema::RoundResult& result, const schema::RoundRecord& round,
                         const std::vector<std::int64_t>& aggregate);
    void check(const schema::ReferenceFixed& fixed);
    void check_references(const schema::Statistics& statistics, const schema::RoundRecord& round,
                          const std::vector<const Update*>& updates, std::int64_t blur);
    void check_products(const schema::Statistics& statistics, const schema::RoundRecord& round,
                        const std::vector<const Update*>& updates, std::int64_t blur);
    void check(const schema::SeedOpened& opened);
    void check(const schema::ExclusionRecord& liar);
    void check(const schema::BatchStateChanged& change);
    void check_seed(schema::CoinKind kind, const schema::RoundLabel& label, const Digest& seed);
    void check_seeds(const StateReader& state);
    void check_outcome(const schema::RoundRecord& round, const schema::ClientOutcome& outcome,
                       bool is_honest);
    void note_coin_share(const PublicKey& key, const mpc::Outgoing& outgoing);
    void note_reveal(const mpc::Outgoing& outgoing);
    // Of a batch (round and attempt are 0) or a round.
    [[nodiscard]] bool has_told(const PublicKey& key, std::uint16_t action,
                                const schema::RoundLabel& label) const;
    [[nodiscard]] bool has_unnamed(std::uint16_t action, const schema::RoundLabel& label,
                                   bool counts_excluded) const;
    void check_named(std::uint16_t action, const schema::RoundLabel& label);
    [[nodiscard]] schema::EpochRecord epoch_of(std::uint64_t mpc_epoch) const;
    [[nodiscard]] std::optional<std::vector<std::int64_t>> find_aggregate(
        const schema::RoundResult& result, const smpc::Committee& committee) const;
    [[nodiscard]] const Update* update_of(const schema::RoundLabel& label,
                                          std::uint16_t slot) const;
    void check_gone(const std::string& name, const Bytes& before,
                    const SecretDisk::Content& secrets);

    ReferenceReplica reference_;
    MakeReference make_reference_;  // empty: the task has no reference
    Fail fail_;
    ChangeChecks changes_;
    std::map<PublicKey, Member> validators_;
    std::map<PublicKey, bool> trainers_;  // whether honest
    std::map<Digest, Update> updates_;    // by hash of the masked bytes
    std::set<Digest> forged_;             // proofs
    // By trainer, epoch, batch and action.
    std::map<std::tuple<PublicKey, std::uint64_t, std::uint64_t, std::uint16_t>, Digest> released_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> certified_;  // batches, by epoch and number
    std::set<std::pair<std::uint64_t, std::uint64_t>> revealed_;   // by an honest worker
    std::map<Bytes, std::map<std::uint16_t, std::vector<std::uint64_t>>> coin_shares_;  // honest
    std::map<Bytes, Digest> seeds_;                                                     // by coin
    std::set<FalseShare> told_;     // handed in by liars
    std::set<FalseShare> unnamed_;  // executed with success, no FAULT yet
    std::map<std::uint64_t, std::map<std::uint32_t, Bytes>> aggregates_;  // by round and member
    std::map<Digest, Bytes> execution_inputs_;
    std::map<std::pair<std::size_t, std::string>, Bytes> batch_secrets_;  // by process and name
    Counts counts_;
};

}  // namespace consilium::simulation
