// Tasks and the life of their rounds: opening, attempts, end. One round at a time on the chain.
#pragma once
#include <optional>

#include "contracts/execution.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::rounds {

// open_round of a task with a manual schedule.
[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const Transaction& transaction);

// By vote of the council.
// The spec by itself, and its rule. That its reference set is approved only create_task() asks: it
// may be approved while the proposal is open.
[[nodiscard]] schema::Code check_task(const Execution& execution, const schema::TaskSpec& spec);
[[nodiscard]] schema::Code create_task(Execution& execution, const schema::TaskSpec& spec);
[[nodiscard]] schema::Code close_task(Execution& execution, const schema::TaskReference& reference);
// The entry of the rule table that judges the task from its next round on.
[[nodiscard]] schema::Code check_rule(const schema::RuleChoice& choice);
[[nodiscard]] schema::Code set_rule(Execution& execution, const schema::RuleChoice& choice);
// Ends the current attempt before the range proofs close; the next attempt follows by itself.
[[nodiscard]] schema::Code abort_round(Execution& execution,
                                       const schema::RoundReference& reference);
// Ends the round in whichever phase it is; its keys and updates are never used again.
[[nodiscard]] schema::Code cancel_round(Execution& execution,
                                        const schema::RoundReference& reference);

// The round that is running or waits in ABORTED for its next attempt.
[[nodiscard]] std::optional<schema::RoundRecord> current_round(const StateView& state);
// Whether the MPC epoch may change now: no round, or one of which nothing was opened.
[[nodiscard]] bool is_between_rounds(const StateView& state);
// The task whose rounds are prepared and opened now.
[[nodiscard]] std::optional<schema::TaskRecord> served_task(const StateView& state);

// Moves the round to `phase` and stores it.
void change_phase(Execution& execution, schema::RoundRecord& round, schema::Phase phase);
// Ends the attempt (kAborted) or the round (kResult, kCancelled): consumes its batch, forgets its
// shares, finishes the task after its last round.
void end_round(Execution& execution, schema::RoundRecord& round, schema::Phase phase,
               schema::EndReason reason);

// Opens the next attempt or the next round of the served task once everything is ready.
void advance(Execution& execution);

}  // namespace consilium::contracts::rounds
