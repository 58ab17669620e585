// A validator's part in the secure computation: production worker and book, simulated secrets.
//
// One per process. It lives and dies with the process; what it has synced and how it lies survive.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "node/mpc/outbox.hpp"
#include "node/mpc/worker.hpp"
#include "tests/simulation/mpc/lies.hpp"
#include "tests/simulation/mpc/secret_disk.hpp"
#include "tests/simulation/mpc/stage.hpp"

namespace consilium::simulation {

class Validator {
  public:
    // What the omniscient record is told about this validator.
    struct Observer {
        std::function<void(const std::vector<mpc::Outgoing>&)> on_owed;
        std::function<void(const Told&)> on_told;
        // After a step that succeeded on this state.
        std::function<void(const StateReader&)> on_stepped;
    };
    struct Parts {
        Stage& stage;
        ChainIdentity identity;
        std::size_t process{};
        std::size_t key{};  // index of a simulation_key()
        std::uint64_t seed{};
        SecretDefect defect = SecretDefect::kNone;
        // A planted defect: after a restart, repeated messages carry other bytes.
        bool resigns_after_crash = false;
        Observer observer;
        std::function<void(mpc::Letter)> send_letter;  // `peer` is who shall get it
        mpc::ReferenceSource* references = nullptr;    // of a task that has references
    };
    explicit Validator(Parts parts);

    void start();  // the process is up
    void stop();   // and gone, what it held in memory with it
    void plan_step(std::uint64_t delay_ms);
    [[nodiscard]] std::string describe() const;
    void on_refused() { is_refused_ = true; }
    // From the validator of this key; lost when the process is down.
    void receive(mpc::Letter letter);

    [[nodiscard]] SecretDisk& secrets() { return secrets_; }
    [[nodiscard]] Liar& liar() { return liar_; }
    [[nodiscard]] std::optional<SecretDisk::Content>& backup() { return backup_; }

    static constexpr driver::Ticket kTicket = 7;  // of its submissions

  private:
    class DiskBlobs final : public mpc::BlobSource {
      public:
        explicit DiskBlobs(const SimulatedDisk& disk) : disk_(disk) {}
        [[nodiscard]] Result<Bytes> get(const Digest& hash) override {
            return disk_.get_blob(hash);
        }

      private:
        const SimulatedDisk& disk_;
    };
    void step();
    void hand_in(const std::vector<mpc::Outgoing>& owed, const driver::Driver& driver);

    Parts parts_;
    SecretDisk secrets_;
    std::optional<SecretDisk::Content> backup_;
    Liar liar_;
    DiskBlobs blobs_;
    std::unique_ptr<mpc::Worker> worker_;  // absent: down
    std::optional<mpc::Outbox> outbox_;
    std::uint64_t life_ = 0;
    bool is_refused_ = false;
    std::set<std::string> seen_labels_;  // for resigns_after_crash
};

}  // namespace consilium::simulation
