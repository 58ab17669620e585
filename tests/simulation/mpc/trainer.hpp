// A simulated trainer: the client functions of fl_engine/smpc around a vault that may crash.
//
// It does what fl_engine/trainer does at each tick, on the final state of a node: transport key,
// mask keys from the bundles, a masked update made durable before it is pledged, the blob released
// only when the pledge is final and its own, one proof of the range per batch. Malicious ones
// depart from that in one named way.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "contracts/schema/mpc_records.hpp"
#include "fl_engine/smpc/keys.hpp"
#include "tests/simulation/mpc/account.hpp"
#include "tests/simulation/mpc/secret_disk.hpp"

namespace consilium::simulation {

enum class TrainerKind : std::uint8_t {
    kHonest,
    kVanishing,     // pledges and is gone
    kEquivocating,  // a second pledge, and a submission that is not the pledged one
    kWithholding,   // relays SUBMIT to all, its blob to nobody
    kOneNode,       // its blob to one node
    kDripping,      // its blob to one node after the other, slowly
    kBadWords,      // pledges and uploads words that are no field elements
    kTooLong,       // an update whose norm is over the bound, with a forged proof if need be
    kUnproved,      // submits and proves no range
    kFalseRange     // a proof with a wrong word
};
inline constexpr std::uint64_t kTrainerKinds = 10;
[[nodiscard]] const char* name_of(TrainerKind kind);

using Update = std::vector<std::int64_t>;

// What the omniscient record is told; the checks implement it.
class TrainerWitness {
  public:
    TrainerWitness() = default;
    TrainerWitness(const TrainerWitness&) = delete;
    TrainerWitness& operator=(const TrainerWitness&) = delete;
    TrainerWitness(TrainerWitness&&) = delete;
    TrainerWitness& operator=(TrainerWitness&&) = delete;
    virtual ~TrainerWitness() = default;
    // `masked` was computed from `update` (and may be pledged).
    virtual void on_masked(const Digest& masked, const Update& update) = 0;
    // `proof` may be sent; a forged one must not pass.
    virtual void on_proved(const Digest& proof, bool is_forged) = 0;
    // SUBMIT or RANGE of a batch.
    struct Release {
        PublicKey trainer;
        schema::BatchLabel batch;
        std::uint16_t action{};
    };
    // These bytes left the trainer.
    virtual void on_released(const Release& release, const Bytes& blob) = 0;
};

class Trainer {
  public:
    struct Parts {
        Stage& stage;
        const Genesis& genesis;
        TrainerWitness& witness;
        std::size_t key{};  // index of a simulation_key()
        std::uint64_t seed{};
        TrainerKind kind = TrainerKind::kHonest;
        // A planted defect: masks anew each time, although it may have pledged.
        bool is_forgetful = false;
        // A planted defect: another proof at each step.
        bool is_unsteady = false;
    };
    explicit Trainer(const Parts& parts);

    void tick();
    void crash(std::uint64_t down_ms);
    void crash_at_write(std::uint64_t writes, CrashPoint point) {
        vault_.plan_crash(writes, point);
    }
    void back_up() { backup_ = vault_.content(); }
    // An old copy of the vault comes back; false when there is none.
    bool restore_backup();
    void behave() { kind_ = TrainerKind::kHonest; }
    [[nodiscard]] const PublicKey& public_key() const { return account_.public_key(); }
    [[nodiscard]] TrainerKind kind() const { return kind_; }
    [[nodiscard]] bool was_always_honest() const { return parts_.kind == TrainerKind::kHonest; }

  private:
    struct Epoch {
        const StateReader& state;
        schema::EpochRecord record;
        std::uint16_t slot{};
    };
    void step(std::size_t process);
    void post_transport_key(const Epoch& epoch);
    [[nodiscard]] bool has_mask_keys(const Epoch& epoch, std::size_t process);
    void take_part(const Epoch& epoch, std::size_t process);
    [[nodiscard]] std::optional<Bytes> masked_update(const Epoch& epoch,
                                                     const schema::RoundRecord& round);
    [[nodiscard]] Bytes mask(const Epoch& epoch, const schema::RoundRecord& round,
                             const std::vector<smpc::ClientMaskKey>& ring);
    void pledge(const schema::Pledge& arguments);
    void prove_range(const Epoch& epoch, const schema::RoundRecord& round, std::size_t process);
    [[nodiscard]] std::optional<Bytes> range_proof(const Epoch& epoch,
                                                   const schema::RoundRecord& round,
                                                   ByteView update);
    // A transaction of the module submission that names a blob.
    struct Message {
        std::uint16_t action{};
        schema::RoundLabel label;
        Bytes arguments;
    };
    void hand_in(const Message& message, const Bytes& blob, std::size_t process);
    // Stops waiting for a blob transaction whose phase is over.
    void give_up_late(const schema::RoundRecord& round);
    void deliver(const Bytes& blob, std::size_t process);
    void misbehave_after_pledge(const schema::Pledge& arguments);

    Parts parts_;
    TrainerKind kind_;
    Account account_;
    SecretDisk vault_;
    std::optional<SecretDisk::Content> backup_;
    Random random_;
    smpc::Kdf kdf_;
    std::uint64_t down_until_ms_ = 0;
    std::uint64_t lives_ = 0;
    // Of this life.
    std::optional<Digest> sent_;  // hash of the blob whose SUBMIT or RANGE was sent
    std::pair<std::uint64_t, std::uint32_t> sent_attempt_{};  // round and attempt
    schema::Phase sent_phase_{};
    std::optional<std::uint64_t> pledged_batch_;
    std::optional<std::uint64_t> misbehaved_round_;
    std::uint64_t next_delivery_ms_ = 0;
    std::set<std::size_t> dripped_;
    std::uint8_t steps_of_proof_ = 0;  // of one that is unsteady
};

// d coordinates around a common direction of the round, a little different for every trainer and
// every time it is made.
[[nodiscard]] Update similar_update(std::uint64_t seed, std::uint64_t round, std::uint64_t own,
                                    std::size_t dimension);

}  // namespace consilium::simulation
