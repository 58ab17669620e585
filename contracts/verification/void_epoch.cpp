// A chain that a quorum set back to an older height (smpc-protocol.md, end of section 6): members
// whose secrets are ahead of it say so, and the epoch is over.
//
// Nobody can prove to have seen a state that the chain has forgotten, so it goes by numbers: of t+1
// members one is honest, and t liars end nothing. Whoever is ahead keeps silent meanwhile, which is
// what protects the secrets; this only ends the waiting.
#include <bit>

#include "contracts/rounds.hpp"
#include "contracts/verification/epochs.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::Code;
using schema::EpochRecord;
using schema::EpochVoidRecord;
namespace keys = schema::keys;

void end_everything(Execution& execution, const EpochRecord& epoch) {
    // The round that was forgotten may have been opened further than this one: it is never tried
    // again, whatever its phase says.
    auto round = rounds::current_round(execution.state);
    if (round) {
        rounds::end_round(execution, *round, schema::Phase::kCancelled,
                          schema::EndReason::kChainSetBack);
    }
    auto mpc = execution.state.load<schema::MpcRecord>(keys::mpc());
    mpc.is_renewal_due = true;
    execution.state.store(keys::mpc(), mpc);
    execution.emit(schema::Module::kVerification, schema::event::kEpochVoid,
                   schema::EpochChanged{epoch.mpc_epoch});
}

// Members that say so and are no proven liars.
int count(const EpochVoidRecord& record, const EpochRecord& epoch) {
    return std::popcount(static_cast<schema::MemberSet>(record.members & ~epoch.excluded));
}

Code note_void(Execution& execution, const Sender& sender,
               const schema::EpochReference& reference) {
    const auto epoch = current_epoch(execution.state);
    if (!epoch) return Code::kWrongPhase;
    if (epoch->mpc_epoch != reference.mpc_epoch) return Code::kWrongLabel;
    const auto member = epoch->find_member(sender.key);
    if (!member || epoch->is_excluded(*member)) return Code::kNotAMember;
    const Bytes key = keys::epoch_void(epoch->mpc_epoch);
    auto record = execution.state.find<EpochVoidRecord>(key).value_or(EpochVoidRecord{});
    const schema::MemberSet own = schema::member_bit(*member);
    if ((record.members & own) != 0) return Code::kDuplicate;
    const int before = count(record, *epoch);
    record.members |= own;
    execution.state.store(key, record);
    const auto t = static_cast<int>((epoch->members.size() - 1) / 3);
    if (before <= t && count(record, *epoch) > t) end_everything(execution, *epoch);
    return Code::kOk;
}

}  // namespace

Code execute_void(Execution& execution, const Sender& sender, const Transaction& transaction) {
    return with_arguments<schema::EpochReference>(
        transaction.arguments,
        [&](const auto& arguments) { return note_void(execution, sender, arguments); });
}

}  // namespace consilium::contracts::verification
