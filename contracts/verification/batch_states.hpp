// What the steps of a batch share: its shares, its change of state, its end.
#pragma once
#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/verification/shares.hpp"
#include "fl_engine/smpc/opening.hpp"

namespace consilium::contracts::verification {

// A transaction of the preparation: the active epoch, the batch it names, the member that sent it.
struct BatchPlace {
    schema::EpochRecord epoch;
    schema::BatchRecord batch;
    std::uint16_t member{};
};
// kOk, or why the sender has no say about that batch.
[[nodiscard]] schema::Code find_batch_place(const StateView& state, const Sender& sender,
                                            const schema::BatchLabel& label, BatchPlace& place);

// Whether what its members posted is still in the state, so that a second message can be compared.
[[nodiscard]] bool holds_shares(schema::BatchState state);
[[nodiscard]] SharePosts load_prep_shares(const StateView& state, const schema::BatchRecord& batch,
                                          schema::MemberSet members);

// Stores the batch in its new state, with the event.
void store_batch_state(Execution& execution, schema::BatchRecord& batch, schema::BatchState state);
void certify_batch(Execution& execution, schema::BatchRecord& batch);
// The batch is over: its shares, coin and opened values are of no further use. Changes the epoch
// record given; the caller stores it.
void retire_batch(Execution& execution, schema::EpochRecord& epoch, schema::BatchRecord& batch,
                  schema::BatchState state);

// FAULT of a message of the preparation.
void report_batch_fault(Execution& execution, std::uint16_t action, const schema::BatchLabel& label,
                        const smpc::Fault& fault);

}  // namespace consilium::contracts::verification
