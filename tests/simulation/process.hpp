// One simulated process: a production driver on a simulated disk, and its Env.
//
// A member may be run by two processes (twins): same key, two disks, two minds. That is how the
// simulation makes a member equivocate without a line of attack code in the driver.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "node/driver/driver.hpp"
#include "tests/simulation/crypto.hpp"
#include "tests/simulation/disk.hpp"

namespace consilium::simulation {

class World;

// kLiar: follows the ledger's protocol, its part in the secure computation may lie.
// kHidesHaves: shows its HAVEs to backups only, never to the primary.
enum class Behaviour { kCorrect, kTwin, kSilent, kSlowVotes, kGarbage, kLiar, kHidesHaves };

class CountingVerifier final : public driver::SignatureVerifier {
  public:
    [[nodiscard]] bool verify(const driver::SignatureCheck& check) override {
        return verify_signature(check.key, check.message, check.signature);
    }
};

class ProcessEnv final : public driver::Env {
  public:
    ProcessEnv(World& world, std::size_t process) : world_(world), process_(process) {}

    void send(const PublicKey& to, const driver::Frame& frame) override;
    void broadcast(const driver::Frame& frame) override;
    void report_invalid(const PublicKey& peer) override;
    void wake_at(std::uint64_t monotonic_ms) override;
    [[nodiscard]] driver::Storage& storage() override;
    [[nodiscard]] Signature sign(const Digest& message) override;
    [[nodiscard]] driver::SignatureVerifier& verifier() override { return verifier_; }
    void check_later(driver::Ticket ticket, std::vector<driver::SignatureCheck> checks) override;
    void on_committed(const driver::CommittedBlock& committed) override;
    void on_submission(const driver::SubmissionResult& result) override;
    void on_report(const driver::Report& report) override;

  private:
    World& world_;
    std::size_t process_;
    CountingVerifier verifier_;
};

struct Process {
    ReplicaId member;  // its id in the first epoch; newcomers come behind; names its key
    Behaviour behaviour = Behaviour::kCorrect;
    std::unique_ptr<SimulatedDisk> disk;
    std::unique_ptr<ProcessEnv> env;
    std::unique_ptr<driver::Driver> driver;  // absent: down
    std::uint64_t life = 0;                  // counts starts; events of an earlier life are void
    std::uint64_t timer = 0;                 // counts wake_at() calls; only the last is in force
    std::int64_t clock_skew_ms = 0;
    bool is_first_start = true;
    bool is_restart_planned = false;
    bool was_robbed = false;              // of its store
    const Bytes* last_checked = nullptr;  // a broadcast is checked once
    std::optional<SimulatedDisk::Content> backup;

    [[nodiscard]] bool is_correct() const { return behaviour == Behaviour::kCorrect; }
    [[nodiscard]] bool is_up() const { return driver != nullptr; }
};

}  // namespace consilium::simulation
