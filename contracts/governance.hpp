// Proposals of the council: opened, voted, and executed in the block in which they pass.
#pragma once
#include "contracts/execution.hpp"

namespace consilium::contracts::governance {

[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const Transaction& transaction);

// Proposals whose time is up at this height.
void fire_deadlines(Execution& execution);

}  // namespace consilium::contracts::governance
