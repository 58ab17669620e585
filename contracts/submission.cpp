// PLEDGE and SUBMIT.
#include "contracts/submission.hpp"

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/labels.hpp"

namespace consilium::contracts::submission {
namespace {

using schema::Code;
using schema::RoundRecord;
namespace event = schema::event;
namespace keys = schema::keys;

// The round, the sender's slot in it and the batch, once all of the label fits.
struct Place {
    RoundRecord round;
    std::uint16_t slot{};
    schema::BatchLabel batch;
};

Code find_place(const Execution& execution, const Sender& sender, const schema::Pledge& arguments,
                Place& place) {
    const auto round = rounds::current_round(execution.state);
    if (!round) return Code::kWrongPhase;
    if (arguments.label != round->label) return Code::kWrongLabel;
    if (round->phase != schema::Phase::kSubmitting) return Code::kWrongPhase;
    const auto epoch =
        execution.state.load<schema::EpochRecord>(keys::epoch(round->label.mpc_epoch));
    const auto slot = epoch.find_slot(sender.key);
    if (!slot || *slot != arguments.slot) return Code::kNotAClient;
    if (arguments.update.length != 8 * round->terms.dimension) return Code::kWrongLength;
    place = {*round, *slot, {round->label.mpc_epoch, round->label.batch}};
    return Code::kOk;
}

Code record(Execution& execution, Place& place, std::uint16_t kind,
            const schema::Pledge& arguments) {
    execution.state.store(keys::round(place.round.label.round), place.round);
    execution.emit(schema::Module::kSubmission, kind,
                   schema::UpdateNamed{place.round.label, place.slot, arguments.update});
    return Code::kOk;
}

Code pledge(Execution& execution, const Sender& sender, const schema::Pledge& arguments) {
    Place place;
    const Code code = find_place(execution, sender, arguments, place);
    if (code != Code::kOk) return code;
    const Bytes key = keys::pledge(place.batch, place.slot);
    if (const auto stored = execution.state.find<schema::PledgeRecord>(key)) {
        return compare_stored(execution, sender,
                              {schema::Module::kSubmission, schema::action::kPledge},
                              stored->update == arguments.update);
    }
    if (place.round.pledges_closed) return Code::kWrongPhase;
    execution.state.store(key, schema::PledgeRecord{.update = arguments.update,
                                                    .round = arguments.label.round,
                                                    .attempt = arguments.label.attempt,
                                                    .height = execution.block.height});
    place.round.pledged |= schema::slot_bit(place.slot);
    return record(execution, place, event::kUpdatePledged, arguments);
}

Code submit(Execution& execution, const Sender& sender, const schema::Submit& arguments) {
    Place place;
    const Code code = find_place(execution, sender, arguments, place);
    if (code != Code::kOk) return code;
    const auto stored =
        execution.state.find<schema::PledgeRecord>(keys::pledge(place.batch, place.slot));
    if (!stored) return Code::kPledgeMissing;
    if (stored->update != arguments.update) return Code::kPledgeMismatch;
    if ((place.round.submitted & schema::slot_bit(place.slot)) != 0) return Code::kDuplicate;
    place.round.submitted |= schema::slot_bit(place.slot);
    return record(execution, place, event::kUpdateSubmitted, arguments);
}

}  // namespace

Code execute(Execution& execution, const Sender& sender, const Transaction& transaction) {
    if (transaction.action == schema::action::kPledge) {
        return with_arguments<schema::Pledge>(transaction.arguments, [&](const auto& arguments) {
            return pledge(execution, sender, arguments);
        });
    }
    CHECK(transaction.action == schema::action::kSubmit);
    return with_arguments<schema::Submit>(transaction.arguments, [&](const auto& arguments) {
        return submit(execution, sender, arguments);
    });
}

}  // namespace consilium::contracts::submission
