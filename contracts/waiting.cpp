// What the state expects from outside: blobs that may be pulled unasked, and passing time.
#include <algorithm>

#include "contracts/execution.hpp"
#include "contracts/membership.hpp"
#include "contracts/reference_sets.hpp"
#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/verification/batches.hpp"
#include "contracts/verification/disputes.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/reference.hpp"
#include "contracts/verification/sacrifice.hpp"
#include "fl_engine/smpc/field61.hpp"
#include "fl_engine/smpc/range_parameters.hpp"

namespace consilium::contracts {
namespace {

using schema::EpochPhase;
using schema::EpochRecord;
using schema::Phase;
using schema::SetupRecord;
namespace action = schema::action;
namespace keys = schema::keys;

constexpr std::size_t kWordBytes = 8;

bool is_submit_expected(const StateView& state, const PublicKey& sender,
                        const schema::Submit& arguments) {
    const auto round = rounds::current_round(state);
    if (!round || round->phase != Phase::kSubmitting || round->label != arguments.label) {
        return false;
    }
    const auto epoch = state.load<EpochRecord>(keys::epoch(round->label.mpc_epoch));
    const auto slot = epoch.find_slot(sender);
    if (!slot || *slot != arguments.slot) return false;
    const auto pledge = state.find<schema::PledgeRecord>(
        keys::pledge({round->label.mpc_epoch, round->label.batch}, *slot));
    return pledge && pledge->update == arguments.update;
}

bool is_range_expected(const StateView& state, const PublicKey& sender,
                       const schema::Range& arguments) {
    const auto round = rounds::current_round(state);
    if (!round || round->phase != Phase::kRanging || round->label != arguments.label) return false;
    const auto epoch = state.load<EpochRecord>(keys::epoch(round->label.mpc_epoch));
    const auto slot = epoch.find_slot(sender);
    if (!slot || *slot != arguments.slot) return false;
    const bool is_due = (round->submitted & ~round->ranged & schema::slot_bit(*slot)) != 0;
    const auto shape = smpc::range_shape(round->terms.dimension, round->terms.nu);
    return is_due && arguments.proof.length == shape.blob_bytes();
}

bool is_key_commit_expected(const StateView& state, const PublicKey& sender,
                            const schema::KeyCommit& arguments) {
    const auto epoch = verification::current_epoch(state);
    if (!epoch || epoch->phase != EpochPhase::kCommitments) return false;
    if (arguments.mpc_epoch != epoch->mpc_epoch || arguments.entries.empty()) return false;
    if (arguments.ciphertexts.length > schema::kMaxKeyBlobBytes) return false;
    const auto member = epoch->find_member(sender);
    if (!member) return false;
    const auto setup = state.load<SetupRecord>(keys::setup(epoch->mpc_epoch));
    const auto is_due = [&](const schema::KeyCommitment& item) {
        return std::any_of(setup.subsets.begin(), setup.subsets.end(),
                           [&](const schema::SubsetSetup& entry) {
                               return entry.subset == item.subset && entry.leader == *member &&
                                      entry.turn == item.turn && !entry.commitment;
                           });
    };
    return std::all_of(arguments.entries.begin(), arguments.entries.end(), is_due);
}

bool is_client_keys_expected(const StateView& state, const PublicKey& sender,
                             const schema::ClientKeys& arguments) {
    const auto epoch = verification::current_epoch(state);
    if (!epoch || epoch->phase != EpochPhase::kActive) return false;
    if (arguments.mpc_epoch != epoch->mpc_epoch) return false;
    if (arguments.slot == 0 || arguments.slot > epoch->clients.size()) return false;
    if (arguments.ciphertexts.length > schema::kMaxKeyBlobBytes) return false;
    const auto member = epoch->find_member(sender);
    return member && (epoch->bundles[arguments.slot - 1U] & schema::member_bit(*member)) == 0;
}

bool is_aggregate_expected(const StateView& state, const PublicKey& sender,
                           const schema::Aggregate& arguments) {
    const auto round = rounds::current_round(state);
    if (!round || round->phase != Phase::kAggregate || round->label != arguments.label) {
        return false;
    }
    const auto epoch = state.load<EpochRecord>(keys::epoch(round->label.mpc_epoch));
    const auto member = epoch.find_member(sender);
    return member && !epoch.is_excluded(*member) &&
           (round->aggregate_posters & schema::member_bit(*member)) == 0 &&
           arguments.share.length == kWordBytes * round->terms.dimension;
}

bool is_weights_expected(const StateView& state, const PublicKey& sender,
                         const schema::PrepWeights& arguments) {
    const auto epoch = verification::current_epoch(state);
    if (!epoch || epoch->phase != EpochPhase::kActive) return false;
    if (arguments.label.mpc_epoch != epoch->mpc_epoch) return false;
    const auto batch = state.find<schema::BatchRecord>(keys::batch(arguments.label));
    const bool is_open = batch && verification::takes_weights(state, *batch) &&
                         arguments.share.length == kWordBytes * batch->dimension;
    const auto member = epoch->find_member(sender);
    return is_open && member && !epoch->is_excluded(*member) &&
           (batch->weight_posters & schema::member_bit(*member)) == 0;
}

// Whether `test` holds for the decoded arguments.
template <typename Arguments, typename Test>
bool holds_for(const Transaction& transaction, Test test) {
    const auto arguments = decode<Arguments>(transaction.arguments);
    return arguments && test(*arguments);
}

// A batch whose T_prep runs, or whose dispute is being computed piece by piece.
bool has_moving_batch(const StateView& state, const schema::Parameters& parameters,
                      const EpochRecord& epoch, const BlockContext& head) {
    const auto is_moving = [&](std::uint64_t number) {
        const auto batch = state.load<schema::BatchRecord>(keys::batch({epoch.mpc_epoch, number}));
        const Moment opened{batch.opened, batch.opened_time};
        const bool is_timed = batch.state == schema::BatchState::kPosting &&
                              !is_window_over(parameters.preparation_window, opened, head);
        return is_timed || verification::is_recomputing(state, batch);
    };
    return std::any_of(epoch.live_batches.begin(), epoch.live_batches.end(), is_moving);
}

bool has_open_setup_window(const StateView& state, const schema::Parameters& parameters,
                           const EpochRecord& epoch, const BlockContext& head) {
    const Moment since{epoch.phase_height, epoch.phase_time};
    switch (epoch.phase) {
        case EpochPhase::kEphemeralKeys:
            return !is_window_over(parameters.setup_window, since, head);
        case EpochPhase::kCommitments:
            return true;  // leaders move on, or acknowledgements are waited for
        case EpochPhase::kActive: {
            const auto task = rounds::served_task(state);
            if (!task) return false;
            const bool is_waiting_for_bundles =
                epoch.rounds_opened == 0 && !is_window_over(parameters.setup_window, since, head);
            return is_waiting_for_bundles || has_moving_batch(state, parameters, epoch, head);
        }
        case EpochPhase::kEnded:
            return false;
    }
    UNREACHABLE();
}

}  // namespace

bool check_blob(schema::BlobKind kind, ByteView content) {
    switch (kind) {
        case schema::BlobKind::kNone:
        case schema::BlobKind::kCiphertext:
            return true;
        case schema::BlobKind::kReferenceSet:
            return schema::decode_reference_set(content).has_value();
        case schema::BlobKind::kIntegers:
            return content.size() % kWordBytes == 0;
        case schema::BlobKind::kVector:
            return content.size() % kWordBytes == 0 &&
                   smpc::are_words(content, content.size() / kWordBytes);
    }
    UNREACHABLE();
}

bool is_blob_expected(const StateReader& reader, const Transaction& transaction) {
    const schema::ActionInfo* info = schema::find_action(transaction.module, transaction.action);
    if (info == nullptr || info->blob == schema::BlobKind::kNone) return false;
    const StateView state(reader);
    const PublicKey& sender = transaction.sender;
    if (info->module == schema::Module::kSubmission && info->action == action::kRange) {
        return holds_for<schema::Range>(
            transaction, [&](const auto& it) { return is_range_expected(state, sender, it); });
    }
    if (info->module == schema::Module::kSubmission) {
        return holds_for<schema::Submit>(
            transaction, [&](const auto& it) { return is_submit_expected(state, sender, it); });
    }
    if (info->module == schema::Module::kGovernance) {
        return holds_for<schema::Propose>(transaction, [&](const auto& it) {
            return reference_sets::is_proposal_expected(state, sender, it);
        });
    }
    if (info->action == action::kReference) {
        return holds_for<schema::ReferenceUpdate>(transaction, [&](const auto& it) {
            return verification::is_reference_expected(state, sender, it);
        });
    }
    if (info->action == action::kKeyCommit) {
        return holds_for<schema::KeyCommit>(
            transaction, [&](const auto& it) { return is_key_commit_expected(state, sender, it); });
    }
    if (info->action == action::kClientKeys) {
        return holds_for<schema::ClientKeys>(transaction, [&](const auto& it) {
            return is_client_keys_expected(state, sender, it);
        });
    }
    if (info->action == action::kPrepWeights) {
        return holds_for<schema::PrepWeights>(
            transaction, [&](const auto& it) { return is_weights_expected(state, sender, it); });
    }
    CHECK(info->action == action::kAggregate);
    return holds_for<schema::Aggregate>(
        transaction, [&](const auto& it) { return is_aggregate_expected(state, sender, it); });
}

std::optional<schema::BlobReference> pledged_blob(const StateReader& reader,
                                                  const PublicKey& trainer) {
    const StateView state(reader);
    const auto round = rounds::current_round(state);
    if (!round || round->phase != Phase::kSubmitting) return std::nullopt;
    const auto epoch = state.load<EpochRecord>(keys::epoch(round->label.mpc_epoch));
    const auto slot = epoch.find_slot(trainer);
    if (!slot) return std::nullopt;
    const schema::BatchLabel batch{round->label.mpc_epoch, round->label.batch};
    const auto pledge = state.find<schema::PledgeRecord>(keys::pledge(batch, *slot));
    if (!pledge) return std::nullopt;
    return schema::BlobReference{pledge->update.sha256, pledge->update.length,
                                 schema::BlobKind::kVector, batch};
}

bool has_open_window(const StateReader& reader, const BlockContext& head) {
    const StateView state(reader);
    const auto parameters = state.load<schema::Parameters>(keys::parameters());
    if (const auto round = rounds::current_round(state)) {
        if (round->phase == Phase::kSubmitting || round->phase == Phase::kRanging) return true;
        if (round->phase == Phase::kAggregate && !round->is_aggregate_fallback) return true;
    }
    if (membership::has_countdown(state, head.height)) return true;
    const auto epoch = verification::current_epoch(state);
    return epoch && has_open_setup_window(state, parameters, *epoch, head);
}

}  // namespace consilium::contracts
