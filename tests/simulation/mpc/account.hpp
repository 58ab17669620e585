// Sends transactions one after the other from one account: signs, repeats, starts anew on expiry.
#pragma once
#include <cstdint>
#include <optional>

#include "contracts/schema/modules.hpp"
#include "core/genesis.hpp"
#include "tests/simulation/mpc/stage.hpp"

namespace consilium::simulation {

class Account {
  public:
    // `key`: index of a simulation_key().
    Account(Stage& stage, const Genesis& genesis, std::size_t key);

    [[nodiscard]] const PublicKey& public_key() const;
    [[nodiscard]] bool is_busy() const { return waiting_.has_value(); }
    // Whether the last transaction stands in a block; a node that is behind may not show it yet.
    [[nodiscard]] bool was_committed() const { return was_committed_; }
    // To one running process, and to others when it takes long. No effect while busy or when no
    // process answers.
    void send(schema::Module module, std::uint16_t action, Bytes arguments,
              std::vector<Bytes> blobs = {});
    // Settles what was committed or expired, hands in again what was not.
    void tick();
    // What was on its way is not waited for any more: after a crash of the program, or because its
    // time is over, for then nodes drop a transaction with a blob.
    void forget() { waiting_.reset(); }

  private:
    struct Waiting {
        Bytes transaction;
        std::vector<Bytes> blobs;  // that come with it
        Digest id;
        Height valid_until;
        std::uint64_t nonce{};
        std::uint64_t submitted_ms{};
    };
    void submit();

    Stage& stage_;
    const Genesis& genesis_;
    std::size_t key_;
    std::optional<Waiting> waiting_;
    bool was_committed_ = false;
    std::uint64_t nonce_min_ = 0;  // after what was committed, whatever a node behind says
};

}  // namespace consilium::simulation
