// rotate_key: an account goes over to another key; the old one is never used or registered again.
//
// At once for council, operator and auditor. A trainer's key stands in the MPC epoch, so it changes
// when the next epoch opens for whatever reason: otherwise a trainer could empty the history that
// the verdicts rest on by changing its key again and again.
#pragma once
#include "contracts/execution.hpp"

namespace consilium::contracts::key_rotation {

[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const Transaction& transaction);

// Before an MPC epoch opens: the trainers' keys that wait for it.
void apply_waiting(Execution& execution);

}  // namespace consilium::contracts::key_rotation
