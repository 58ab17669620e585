// Counting the reference updates of a round.
#include "contracts/verification/reference.hpp"

#include <algorithm>
#include <map>

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/labels.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::AgreedReference;
using schema::Code;
using schema::RoundRecord;
namespace keys = schema::keys;

std::vector<PublicKey> chain_validators(const StateView& state) {
    return state.load<schema::RegistryRecord>(keys::registry()).validators;
}

struct Tally {
    std::optional<AgreedReference> agreed;
    bool is_complete = false;  // every validator has posted
};

Tally count(const StateView& state, const RoundRecord& round) {
    const std::vector<PublicKey> validators = chain_validators(state);
    std::map<AgreedReference, std::size_t> voices;
    std::size_t posted = 0;
    Tally tally;
    for (const PublicKey& validator : validators) {
        const auto record =
            state.find<schema::ReferenceRecord>(keys::reference(round.label.round, validator));
        if (!record) continue;
        ++posted;
        if (++voices[*record] == quorum_size(validators.size())) tally.agreed = *record;
    }
    tally.is_complete = posted == validators.size();
    return tally;
}

// Why this REF cannot be taken, whoever posted what before.
Code check(const StateView& state, const PublicKey& sender,
           const schema::ReferenceUpdate& arguments) {
    const auto round = rounds::current_round(state);
    if (!round) return Code::kWrongPhase;
    if (arguments.round != round->label.round) return Code::kWrongLabel;
    if (round->phase != schema::Phase::kSubmitting) return Code::kWrongPhase;
    if (!round->terms.reference_set) return Code::kWrongPhase;
    const auto validators = chain_validators(state);
    if (std::find(validators.begin(), validators.end(), sender) == validators.end()) {
        return Code::kNotAMember;
    }
    if (arguments.update.length != 8 * round->terms.dimension) return Code::kWrongLength;
    // An encoded update is never longer than B.
    const bool is_short = arguments.squared_norm <= std::uint64_t{1} << (2 * round->terms.nu);
    return is_short ? Code::kOk : Code::kBadArguments;
}

Code post(Execution& execution, const Sender& sender, const schema::ReferenceUpdate& arguments) {
    const Code code = check(execution.state, sender.key, arguments);
    if (code != Code::kOk) return code;
    const Bytes key = keys::reference(arguments.round, sender.key);
    const schema::ReferenceRecord record{arguments.update.sha256, arguments.squared_norm};
    if (const auto stored = execution.state.find<schema::ReferenceRecord>(key)) {
        return compare_stored(execution, sender, schema::action::kReference, *stored == record);
    }
    execution.state.store(key, record);
    return Code::kOk;
}

}  // namespace

Code execute_reference(Execution& execution, const Sender& sender, const Transaction& transaction) {
    return with_arguments<schema::ReferenceUpdate>(
        transaction.arguments,
        [&](const auto& arguments) { return post(execution, sender, arguments); });
}

bool is_reference_settled(const StateView& state, const RoundRecord& round) {
    if (!round.terms.reference_set) return true;
    const Tally tally = count(state, round);
    return tally.agreed.has_value() || tally.is_complete;
}

void fix_reference(Execution& execution, RoundRecord& round) {
    if (!round.terms.reference_set) return;
    round.reference = count(execution.state, round).agreed;
    if (!round.reference) return;
    execution.emit(schema::Module::kVerification, schema::event::kReferenceFixed,
                   schema::ReferenceFixed{round.label, *round.reference});
}

void forget_references(Execution& execution, const RoundRecord& round) {
    if (!round.terms.reference_set) return;
    for (const PublicKey& validator : chain_validators(execution.state)) {
        execution.state.erase(keys::reference(round.label.round, validator));
    }
}

void forget_reference_of(Execution& execution, const PublicKey& validator) {
    const auto round = rounds::current_round(execution.state);
    if (round) execution.state.erase(keys::reference(round->label.round, validator));
}

bool is_reference_expected(const StateView& state, const PublicKey& sender,
                           const schema::ReferenceUpdate& arguments) {
    return check(state, sender, arguments) == Code::kOk &&
           !state.contains(keys::reference(arguments.round, sender));
}

}  // namespace consilium::contracts::verification
