// The collector's part of mask batches and MPC epochs: shares, reveals, states, exclusions.
#include <utility>

#include "contracts/schema/keys.hpp"
#include "explorer/audit_events.hpp"
#include "explorer/audit_transcript.hpp"

namespace consilium::explorer {
namespace {

using schema::BatchState;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

bool is_over(BatchState state) {
    return state == BatchState::kConsumed || state == BatchState::kVoid ||
           state == BatchState::kBurned;
}

}  // namespace

BatchTranscript* TranscriptCollector::batch(const schema::BatchLabel& label) {
    const auto found = batches_.find({label.mpc_epoch, label.batch});
    return found == batches_.end() ? nullptr : &found->second;
}

void TranscriptCollector::add_reveal(const Transaction& transaction, const Seen& seen) {
    auto reveal = decode<schema::PrepReveal>(transaction.arguments);
    if (!reveal) return;
    BatchTranscript* found = batch(reveal->label);
    if (found == nullptr) return;
    found->reveals.push_back({.height = seen.height,
                              .transaction = seen.transaction,
                              .member = place_of(found->parties.members, transaction.sender),
                              .masks = std::move(reveal->masks),
                              .prep = std::move(reveal->prep)});
    found->last = seen.height;
}

void TranscriptCollector::add_batch_share(const Transaction& transaction, const Seen& seen) {
    Post post{.height = seen.height,
              .transaction = seen.transaction,
              .member = 0,
              .values = {},
              .blob = {},
              .digest = {},
              .is_late = false};
    BatchTranscript* found = nullptr;
    Posts BatchTranscript::*posts = &BatchTranscript::shares;
    if (transaction.action == action::kPrepWeights) {
        if (const auto share = decode<schema::PrepWeights>(transaction.arguments)) {
            found = batch(share->label);
            post.blob = share->share;
            posts = &BatchTranscript::weights;
        }
    } else if (transaction.action == action::kPrepCheck) {
        if (auto share = decode<schema::PrepCheck>(transaction.arguments)) {
            found = batch(share->label);
            post.values = std::move(share->values);
            posts = &BatchTranscript::checks;
        }
    } else if (auto share = decode<schema::PrepShare>(transaction.arguments)) {
        found = batch(share->label);
        post.values = std::move(share->values);
    }
    if (found == nullptr) return;
    post.member = place_of(found->parties.members, transaction.sender);
    post.is_late = (found->*posts).opened.has_value();
    (found->*posts).all.push_back(std::move(post));
    found->last = seen.height;
}

void TranscriptCollector::add_preparation_event(const Event& event, Height height,
                                                const StateTree& state) {
    if (event.kind == event::kPrepOpened) {
        with_payload<schema::PrepOpened>(event, [&](const schema::PrepOpened& opened) {
            BatchTranscript transcript;
            transcript.label = opened.label;
            transcript.dimension = opened.dimension;
            transcript.parties = epochs_[opened.label.mpc_epoch].parties;
            transcript.opened = transcript.last = height;
            batches_[{opened.label.mpc_epoch, opened.label.batch}] = std::move(transcript);
        });
    } else if (event.kind == event::kBatchState) {
        with_payload<schema::BatchStateChanged>(
            event, [&](const auto& change) { change_batch(change, height, state); });
    } else if (event.kind == event::kBatchDisputed) {
        with_payload<schema::BatchDisputed>(event, [&](const schema::BatchDisputed& dispute) {
            if (BatchTranscript* found = batch(dispute.label)) found->dispute = dispute;
        });
    } else if (event.kind == event::kFault) {
        with_payload<schema::FaultProved>(event, [&](const schema::FaultProved& fault) {
            if (AttemptTranscript* round = attempt(fault.label)) {
                round->faults.push_back(fault);
            } else if (BatchTranscript* of = batch({fault.label.mpc_epoch, fault.label.batch})) {
                of->faults.push_back(fault);
            }
        });
    }
}

void TranscriptCollector::change_batch(const schema::BatchStateChanged& change, Height height,
                                       const StateTree& state) {
    BatchTranscript* found = batch(change.label);
    if (found == nullptr) return;
    found->last = height;
    found->states.push_back(change.state);
    if (!found->shares.opened) {
        open(found->shares, change.label.mpc_epoch, height);
        const auto record = find_record<schema::BatchRecord>(state, keys::batch(change.label));
        if (record) found->delta = record->delta;
    }
    if (!is_over(change.state)) return;
    if (change.state == BatchState::kBurned) return;  // EXCLUDE comes after it
    end_batch(std::move(*found), state);
    batches_.erase({change.label.mpc_epoch, change.label.batch});
}

void TranscriptCollector::end_batch(BatchTranscript&& batch, const StateTree& state) {
    batch.excluded_since = epochs_[batch.label.mpc_epoch].excluded_since;
    if (batch.dispute) {
        batch.dispute_record =
            find_record<schema::DisputeRecord>(state, keys::dispute(batch.label));
    }
    for (std::uint16_t member = 1; member <= batch.parties.members.size(); ++member) {
        const auto record = find_record<schema::ExclusionRecord>(
            state, keys::exclusion(batch.label.mpc_epoch, member));
        if (record && record->label == batch.label) {
            batch.exclusion_records.emplace(member, *record);
        }
    }
    ended_batches_.push_back(std::move(batch));
}

// Who belongs to an epoch, and who was thrown out of it.
void TranscriptCollector::add_epoch_event(const Event& event, Height height) {
    if (event.kind == event::kEpochOpened) {
        with_payload<schema::EpochOpened>(event, [&](const schema::EpochOpened& opened) {
            epochs_[opened.mpc_epoch] = {{opened.members, opened.clients}, 0, {}};
            EpochTranscript& epoch = open_epochs_[opened.mpc_epoch];
            epoch.mpc_epoch = opened.mpc_epoch;
            epoch.members = opened.members.size();
            epoch.last = height;
        });
    } else if (event.kind == event::kExcluded) {
        with_payload<schema::ExclusionRecord>(event, [&](const schema::ExclusionRecord& liar) {
            EpochParties& parties = epochs_[liar.label.mpc_epoch];
            parties.excluded |= schema::member_bit(liar.member);
            parties.excluded_since.emplace(liar.member, height);
            EpochTranscript& epoch = open_epochs_[liar.label.mpc_epoch];
            epoch.exclusions.push_back({height, liar});
            epoch.last = height;
            if (BatchTranscript* found = batch(liar.label)) {
                found->exclusions.push_back({height, liar});
            }
        });
    } else if (event.kind == event::kEpochHalted) {
        with_payload<schema::EpochHalted>(
            event, [&](const schema::EpochHalted& halted) { note_halt(halted, height); });
    } else if (event.kind == event::kEpochEnded) {
        with_payload<schema::EpochChanged>(event, [&](const schema::EpochChanged& ended) {
            open_epochs_[ended.mpc_epoch].last = height;
            ended_now_.push_back(ended.mpc_epoch);
        });
    }
}

// What is not over yet must end with the epoch.
void TranscriptCollector::note_halt(const schema::EpochHalted& halted, Height height) {
    EpochTranscript& epoch = open_epochs_[halted.mpc_epoch];
    epoch.halted = HaltClaim{height, halted.excluded};
    epoch.last = height;
    const bool is_running =
        attempt_ && !is_attempt_over_ && attempt_->label.mpc_epoch == halted.mpc_epoch;
    if (is_running) {
        attempt_->halted = height;
        attempt_->last = height;
    }
    for (auto& [label, open_batch] : batches_) {
        if (label.first != halted.mpc_epoch || open_batch.has_burned()) continue;
        open_batch.halted = height;
        open_batch.last = height;
    }
}

void TranscriptCollector::end_epoch(std::uint64_t mpc_epoch, const StateTree& state) {
    const auto found = open_epochs_.find(mpc_epoch);
    if (found == open_epochs_.end()) return;
    found->second.record = find_record<schema::EpochRecord>(state, keys::epoch(mpc_epoch));
    ended_epochs_.push_back(std::move(found->second));
    open_epochs_.erase(found);
}

}  // namespace consilium::explorer
