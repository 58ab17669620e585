// What an opened vector does to the round: ranges and norms, verdict, result.
#pragma once
#include <cstdint>
#include <vector>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "fl_engine/smpc/opening.hpp"

namespace consilium::contracts::verification {

// Slots of a set, ascending.
[[nodiscard]] std::vector<std::uint16_t> slots_of(schema::SlotSet set);
[[nodiscard]] std::size_t stat1_length(const schema::RoundRecord& round);
[[nodiscard]] std::size_t stat2_length(const schema::RoundRecord& round);

void report_fault(Execution& execution, std::uint16_t action, const schema::RoundLabel& label,
                  const smpc::Fault& fault);
// All members are to post AGG from now on. The caller stores the round.
void start_fallback(Execution& execution, schema::RoundRecord& round);

// Each opens its phase's vector if the posted shares allow it, and moves the round on.
void open_stat1(Execution& execution, schema::RoundRecord& round);
void open_stat2(Execution& execution, schema::RoundRecord& round);
void open_aggregate(Execution& execution, schema::RoundRecord& round);

}  // namespace consilium::contracts::verification
