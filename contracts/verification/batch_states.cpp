// Places, states and ends of batches.
#include "contracts/verification/batch_states.hpp"

#include <algorithm>

#include "contracts/verification/coins.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/opening.hpp"

namespace consilium::contracts::verification {

using schema::BatchRecord;
using schema::BatchState;
using schema::Code;
namespace keys = schema::keys;

Code find_batch_place(const StateView& state, const Sender& sender, const schema::BatchLabel& label,
                      BatchPlace& place) {
    auto epoch = current_epoch(state);
    if (!epoch || epoch->phase != schema::EpochPhase::kActive) return Code::kWrongPhase;
    if (label.mpc_epoch != epoch->mpc_epoch) return Code::kWrongLabel;
    const auto member = epoch->find_member(sender.key);
    if (!member) return Code::kNotAMember;
    if (epoch->is_excluded(*member)) return Code::kMemberExcluded;
    auto batch = state.find<BatchRecord>(keys::batch(label));
    if (!batch) return Code::kWrongLabel;
    place = {std::move(*epoch), std::move(*batch), *member};
    return Code::kOk;
}

bool holds_shares(BatchState state) {
    switch (state) {
        case BatchState::kPosting:
        case BatchState::kSacrifice:
        case BatchState::kDisputed:
        case BatchState::kCertified:
        case BatchState::kAssigned:
            return true;
        case BatchState::kConsumed:
        case BatchState::kVoid:
        case BatchState::kBurned:
            return false;
    }
    UNREACHABLE();
}

SharePosts load_prep_shares(const StateView& state, const BatchRecord& batch,
                            schema::MemberSet members) {
    return load_posts(state, members,
                      [&](std::uint16_t member) { return keys::prep_share(batch.label, member); });
}

void store_batch_state(Execution& execution, BatchRecord& batch, BatchState state) {
    batch.state = state;
    execution.state.store(keys::batch(batch.label), batch);
    execution.emit(schema::Module::kVerification, schema::event::kBatchState,
                   schema::BatchStateChanged{batch.label, state});
}

void certify_batch(Execution& execution, BatchRecord& batch) {
    batch.certified = execution.block.height;
    store_batch_state(execution, batch, BatchState::kCertified);
}

void retire_batch(Execution& execution, schema::EpochRecord& epoch, BatchRecord& batch,
                  BatchState state) {
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        execution.state.erase(keys::prep_share(batch.label, member));
        execution.state.erase(keys::prep_w(batch.label, member));
        execution.state.erase(keys::prep_check(batch.label, member));
        execution.state.erase(keys::prep_reveal(batch.label, member));
    }
    execution.state.erase(keys::dispute_keys(batch.label));
    forget_coin(execution, chi_coin(batch.label));
    batch.delta.clear();
    std::erase(epoch.live_batches, batch.label.batch);
    store_batch_state(execution, batch, state);
}

void report_batch_fault(Execution& execution, std::uint16_t action, const schema::BatchLabel& label,
                        const smpc::Fault& fault) {
    schema::RoundLabel of_batch;
    of_batch.mpc_epoch = label.mpc_epoch;
    of_batch.batch = label.batch;
    report_fault(execution, action, of_batch, fault);
}

}  // namespace consilium::contracts::verification
