// MPC epochs: key setup by transactions, and when an epoch opens, becomes active and ends.
//
// An epoch has the committee and the client slots of one moment. It opens when a task needs rounds
// and ends, only between rounds, when the sets have changed, after its share of rounds, or when
// the council asks (smpc-protocol.md, section 2.1).
#pragma once
#include <optional>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::verification {

// ephemeral_key, key_commit, key_ack, client_keys.
[[nodiscard]] schema::Code execute_setup(Execution& execution, const Sender& sender,
                                         const Transaction& transaction);

// void_epoch: a member tells that the chain was set back behind what it has answered. With t+1
// members one is honest: the round is cancelled and the next epoch opens before any other round.
[[nodiscard]] schema::Code execute_void(Execution& execution, const Sender& sender,
                                        const Transaction& transaction);

// By vote of the council.
[[nodiscard]] schema::Code request_renewal(Execution& execution,
                                           const schema::EpochReference& reference);

[[nodiscard]] std::optional<schema::EpochRecord> current_epoch(const StateView& state);
// Active, and clients had their chance to get their keys.
[[nodiscard]] bool serves_rounds(const Execution& execution, const schema::EpochRecord& epoch);

// Leaders move on when their time is up; a phase ends when its window has passed.
void fire_setup_deadlines(Execution& execution);
// A phase ends once everybody has answered.
void settle_setup(Execution& execution);
// Ends an epoch that no longer fits and opens the next one.
void advance_epochs(Execution& execution);

}  // namespace consilium::contracts::verification
