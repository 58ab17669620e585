// PLEDGE, SUBMIT and RANGE.
#include "contracts/submission.hpp"

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/labels.hpp"
#include "fl_engine/smpc/range_parameters.hpp"

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

template <typename Arguments>
Code find_place(const Execution& execution, const Sender& sender, const Arguments& arguments,
                schema::Phase phase, Place& place) {
    const auto round = rounds::current_round(execution.state);
    if (!round) return Code::kWrongPhase;
    if (arguments.label != round->label) return Code::kWrongLabel;
    if (round->phase != phase) return Code::kWrongPhase;
    const auto epoch =
        execution.state.load<schema::EpochRecord>(keys::epoch(round->label.mpc_epoch));
    const auto slot = epoch.find_slot(sender.key);
    if (!slot || *slot != arguments.slot) return Code::kNotAClient;
    place = {*round, *slot, {round->label.mpc_epoch, round->label.batch}};
    return Code::kOk;
}

// Where a pledge or a submission of the open round belongs.
Code find_update_place(const Execution& execution, const Sender& sender,
                       const schema::Pledge& arguments, Place& place) {
    const Code code = find_place(execution, sender, arguments, schema::Phase::kSubmitting, place);
    if (code != Code::kOk) return code;
    const bool has_length = arguments.update.length == 8 * place.round.terms.dimension;
    return has_length ? Code::kOk : Code::kWrongLength;
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
    const Code code = find_update_place(execution, sender, arguments, place);
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
    const Code code = find_update_place(execution, sender, arguments, place);
    if (code != Code::kOk) return code;
    const auto stored =
        execution.state.find<schema::PledgeRecord>(keys::pledge(place.batch, place.slot));
    if (!stored) return Code::kPledgeMissing;
    if (stored->update != arguments.update) return Code::kPledgeMismatch;
    if ((place.round.submitted & schema::slot_bit(place.slot)) != 0) return Code::kDuplicate;
    place.round.submitted |= schema::slot_bit(place.slot);
    return record(execution, place, event::kUpdateSubmitted, arguments);
}

Code prove_range(Execution& execution, const Sender& sender, const schema::Range& arguments) {
    Place place;
    const Code code = find_place(execution, sender, arguments, schema::Phase::kRanging, place);
    if (code != Code::kOk) return code;
    schema::RoundRecord& round = place.round;
    if ((round.submitted & schema::slot_bit(place.slot)) == 0) return Code::kNotSubmitted;
    const auto shape = smpc::range_shape(round.terms.dimension, round.terms.nu);
    if (arguments.proof.length != shape.blob_bytes()) return Code::kWrongLength;
    const Bytes key = keys::range(place.batch, place.slot);
    if (const auto stored = execution.state.find<schema::RangeRecord>(key)) {
        return compare_stored(execution, sender,
                              {schema::Module::kSubmission, schema::action::kRange},
                              stored->proof == arguments.proof);
    }
    execution.state.store(key, schema::RangeRecord{arguments.proof, execution.block.height});
    round.ranged |= schema::slot_bit(place.slot);
    execution.state.store(keys::round(round.label.round), round);
    execution.emit(schema::Module::kSubmission, event::kRangeProved, arguments);
    return Code::kOk;
}

}  // namespace

Code execute(Execution& execution, const Sender& sender, const Transaction& transaction) {
    if (transaction.action == schema::action::kPledge) {
        return with_arguments<schema::Pledge>(transaction.arguments, [&](const auto& arguments) {
            return pledge(execution, sender, arguments);
        });
    }
    if (transaction.action == schema::action::kSubmit) {
        return with_arguments<schema::Submit>(transaction.arguments, [&](const auto& arguments) {
            return submit(execution, sender, arguments);
        });
    }
    CHECK(transaction.action == schema::action::kRange);
    return with_arguments<schema::Range>(transaction.arguments, [&](const auto& arguments) {
        return prove_range(execution, sender, arguments);
    });
}

}  // namespace consilium::contracts::submission
