// PREP_REVEAL: the keys of a disputed batch (smpc-protocol.md, P5), and what guards them.
//
// Revealing a batch that serves a round would uncover updates. So only a RevealableBatch can be
// revealed, and only examine() makes one: from the record of a final state that says DISPUTED and
// never CERTIFIED, for keys whose own durable record says the same. Once it exists, that record
// says kRevealed and the batch serves no round of this member any more, whatever a state says.
#pragma once
#include "contracts/schema/dispute_records.hpp"
#include "node/mpc/batch_keys.hpp"

namespace consilium::mpc {

class RevealableBatch {
  public:
    // nullopt: it must not be revealed, or its keys are not held.
    [[nodiscard]] static Result<std::optional<RevealableBatch>> examine(
        const Context& context, const schema::BatchRecord& record);

    [[nodiscard]] const schema::BatchLabel& label() const { return label_; }
    [[nodiscard]] const std::vector<std::uint16_t>& slots() const { return slots_; }
    [[nodiscard]] const BatchKeys& keys() const { return keys_; }

  private:
    RevealableBatch(schema::BatchLabel label, std::vector<std::uint16_t> slots, BatchKeys keys)
        : label_(label), slots_(std::move(slots)), keys_(std::move(keys)) {}

    schema::BatchLabel label_;
    std::vector<std::uint16_t> slots_;  // whose mask keys are asked for
    BatchKeys keys_;
};

[[nodiscard]] Outgoing make_reveal(const Context& context, const RevealableBatch& batch);

}  // namespace consilium::mpc
