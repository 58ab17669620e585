// Sorting transactions and events into transcripts.
#include "explorer/audit_transcript.hpp"

#include <algorithm>
#include <utility>

#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/keys.hpp"
#include "core/membership.hpp"

namespace consilium::explorer {
namespace {

using schema::BatchState;
using schema::CoinKind;
using schema::Module;
using schema::Phase;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

template <typename T>
std::optional<T> find_record(const StateTree& state, const Bytes& key) {
    const auto value = state.get(key);
    if (!value) return std::nullopt;
    auto record = decode<T>(*value);
    if (!record) return std::nullopt;
    return std::move(*record);
}

// The place of a key, from 1; 0 when it is not there.
std::uint16_t place_of(const std::vector<PublicKey>& keys, const PublicKey& key) {
    const auto found = std::find(keys.begin(), keys.end(), key);
    return found == keys.end() ? std::uint16_t{0}
                               : static_cast<std::uint16_t>(found - keys.begin() + 1);
}

bool is_over(BatchState state) {
    return state == BatchState::kConsumed || state == BatchState::kVoid ||
           state == BatchState::kBurned;
}

// Calls `use` with the decoded payload; one that does not decode is not what the contracts emit,
// and what depends on it will be missed by the comparison.
template <typename T, typename Use>
void with_payload(const Event& event, Use use) {
    if (const auto payload = decode<T>(event.payload)) use(*payload);
}

}  // namespace

void TranscriptCollector::open(Posts& posts, std::uint64_t mpc_epoch, Height height) {
    if (posts.opened) return;
    posts.opened = height;
    posts.excluded = epochs_[mpc_epoch].excluded;
}

AttemptTranscript* TranscriptCollector::attempt(const schema::RoundLabel& label) {
    return attempt_ && attempt_->label == label ? &*attempt_ : nullptr;
}

BatchTranscript* TranscriptCollector::batch(const schema::BatchLabel& label) {
    const auto found = batches_.find({label.mpc_epoch, label.batch});
    return found == batches_.end() ? nullptr : &found->second;
}

void TranscriptCollector::add(const VerifiedBlock& block, const StateTree& before) {
    const auto& transactions = block.certified.block.transactions;
    for (std::size_t i = 0; i < block.receipts.receipts.size(); ++i) {
        const Receipt& receipt = block.receipts.receipts[i];
        if (receipt.code == static_cast<std::uint16_t>(schema::Code::kOk)) {
            add_transaction(transactions[i], {block.next.header.height, receipt.tx_id});
        }
        for (const Event& event : receipt.events) add_event(event, block, before);
    }
    for (const Event& event : block.receipts.events) add_event(event, block, before);
    if (is_attempt_over_) end_attempt(block.next.state);
}

void TranscriptCollector::add_transaction(const Transaction& transaction, const Seen& seen) {
    const auto module = static_cast<Module>(transaction.module);
    if (module == Module::kSubmission) return add_submission(transaction, seen);
    if (module != Module::kVerification) return;
    switch (transaction.action) {
        case action::kReference:
            return add_reference(transaction);
        case action::kCoinShare:
            return add_coin_share(transaction, seen);
        case action::kPrepShare:
        case action::kPrepWeights:
        case action::kPrepCheck:
            return add_batch_share(transaction, seen);
        case action::kStat1:
        case action::kStat2:
        case action::kAggregate:
        case action::kAggregateOk:
            return add_share(transaction, seen);
        default:
            return;  // key setup and revealed keys
    }
}

void TranscriptCollector::add_submission(const Transaction& transaction, const Seen& seen) {
    if (!attempt_) return;
    attempt_->last = seen.height;
    if (transaction.action == action::kSubmit) {
        const auto submit = decode<schema::Submit>(transaction.arguments);
        if (submit && submit->label == attempt_->label) {
            attempt_->submitted |= schema::slot_bit(submit->slot);
        }
    } else if (transaction.action == action::kRange) {
        const auto range = decode<schema::Range>(transaction.arguments);
        if (range && range->label == attempt_->label) {
            attempt_->ranged |= schema::slot_bit(range->slot);
        }
    }
}

void TranscriptCollector::add_reference(const Transaction& transaction) {
    const auto arguments = decode<schema::ReferenceUpdate>(transaction.arguments);
    if (!arguments) return;
    if (references_round_ != arguments->round) references_.clear();
    references_round_ = arguments->round;
    references_.emplace(transaction.sender,
                        schema::AgreedReference{arguments->update.sha256, arguments->squared_norm});
}

void TranscriptCollector::add_share(const Transaction& transaction, const Seen& seen) {
    if (!attempt_) return;
    Post post{.height = seen.height,
              .transaction = seen.transaction,
              .member = place_of(attempt_->parties.members, transaction.sender),
              .values = {},
              .blob = {},
              .digest = {},
              .is_late = false};
    Posts* posts = nullptr;
    if (transaction.action == action::kAggregate) {
        if (const auto share = decode<schema::Aggregate>(transaction.arguments)) {
            post.blob = share->share;
            posts = &attempt_->aggregate;
        }
    } else if (transaction.action == action::kAggregateOk) {
        if (const auto share = decode<schema::AggregateOk>(transaction.arguments)) {
            post.digest = share->sha256;
            posts = &attempt_->aggregate_ok;
        }
    } else if (auto share = decode<schema::StatShare>(transaction.arguments)) {
        post.values = std::move(share->values);
        posts = transaction.action == action::kStat1 ? &attempt_->stat1 : &attempt_->stat2;
    }
    if (posts == nullptr) return;
    post.is_late = posts->opened.has_value();
    posts->all.push_back(std::move(post));
    attempt_->last = seen.height;
}

void TranscriptCollector::add_coin_share(const Transaction& transaction, const Seen& seen) {
    auto share = decode<schema::CoinShare>(transaction.arguments);
    if (!share) return;
    Posts* posts = nullptr;
    const Committees* parties = nullptr;
    if (share->kind == CoinKind::kChi) {
        if (BatchTranscript* found = batch({share->label.mpc_epoch, share->label.batch})) {
            posts = &found->coin;
            parties = &found->parties;
            found->last = seen.height;
        }
    } else if (AttemptTranscript* found = attempt(share->label)) {
        posts = share->kind == CoinKind::kRange ? &found->range_coin : &found->test_coin;
        parties = &found->parties;
        found->last = seen.height;
    }
    if (posts == nullptr) return;
    posts->all.push_back({.height = seen.height,
                          .transaction = seen.transaction,
                          .member = place_of(parties->members, transaction.sender),
                          .values = std::move(share->values),
                          .blob = {},
                          .digest = {},
                          .is_late = posts->opened.has_value()});
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

void TranscriptCollector::add_event(const Event& event, const VerifiedBlock& block,
                                    const StateTree& before) {
    const Height height = block.next.header.height;
    switch (static_cast<Module>(event.module)) {
        case Module::kRounds:
            return add_round_event(event, height, block.next.state);
        case Module::kSubmission:
            return add_submission_event(event, block, before);
        case Module::kVerification:
            add_opening_event(event, height);
            return add_preparation_event(event, height, block.next.state);
        case Module::kRegistration:
        case Module::kGovernance:
        case Module::kModels:
            return;
    }
}

void TranscriptCollector::add_round_event(const Event& event, Height height,
                                          const StateTree& state) {
    if (event.kind == event::kRoundOpened) {
        with_payload<schema::RoundOpened>(event, [&](const schema::RoundOpened& opened) {
            if (attempt_) end_attempt(state);
            AttemptTranscript transcript;
            transcript.label = opened.label;
            transcript.terms = opened.terms;
            transcript.parties = epochs_[opened.label.mpc_epoch].parties;
            transcript.opened = transcript.last = height;
            attempt_ = std::move(transcript);
        });
    } else if (event.kind == event::kPhaseChanged) {
        with_payload<schema::PhaseChanged>(
            event, [&](const schema::PhaseChanged& change) { note_phase(change, height); });
    } else if (event.kind == event::kRoundAborted || event.kind == event::kRoundCancelled) {
        with_payload<schema::RoundEnded>(event, [&](const schema::RoundEnded& ended) {
            AttemptTranscript* found = attempt(ended.label);
            if (found == nullptr) return;  // a round that waited in ABORTED
            found->ended = ended;
            found->last = height;
            // The sum was opened, but the model would have left its range.
            if (ended.reason == schema::EndReason::kOverflow) {
                open(found->aggregate, ended.label.mpc_epoch, height);
            }
            is_attempt_over_ = true;
        });
    }
}

void TranscriptCollector::note_phase(const schema::PhaseChanged& change, Height height) {
    AttemptTranscript* found = attempt(change.label);
    if (found == nullptr) return;
    found->last = height;
    if (change.phase == Phase::kStat2) open(found->stat1, change.label.mpc_epoch, height);
}

void TranscriptCollector::add_submission_event(const Event& event, const VerifiedBlock& block,
                                               const StateTree& before) {
    if (event.kind != event::kSubmissionsClosed) return;
    with_payload<schema::SubmissionsClosed>(event, [&](const schema::SubmissionsClosed& closed) {
        AttemptTranscript* found = attempt(closed.label);
        if (found == nullptr) return;
        found->submissions_closed = closed;
        found->last = block.next.header.height;
        if (!found->terms.reference_set) return;
        found->counted_references =
            count_references(closed.label.round, {&before, &block.next.state});
    });
}

std::vector<std::optional<schema::AgreedReference>> TranscriptCollector::count_references(
    std::uint64_t round, const std::vector<const StateTree*>& states) const {
    std::vector<std::optional<schema::AgreedReference>> counted;
    for (const StateTree* state : states) {
        std::optional<schema::AgreedReference> agreed;
        const auto registry = find_record<schema::RegistryRecord>(*state, keys::registry());
        std::map<schema::AgreedReference, std::size_t> voices;
        if (registry && references_round_ == round) {
            for (const PublicKey& validator : registry->validators) {
                const auto posted = references_.find(validator);
                if (posted == references_.end()) continue;
                const std::size_t count = ++voices[posted->second];
                if (count == quorum_size(registry->validators.size())) agreed = posted->second;
            }
        }
        counted.push_back(agreed);
    }
    return counted;
}

void TranscriptCollector::note_seed(const schema::SeedOpened& opened, Height height) {
    if (opened.kind == CoinKind::kChi) {
        BatchTranscript* found = batch({opened.label.mpc_epoch, opened.label.batch});
        if (found == nullptr) return;
        open(found->coin, opened.label.mpc_epoch, height);
        found->seed = opened.seed;
        found->last = height;
        return;
    }
    AttemptTranscript* found = attempt(opened.label);
    if (found == nullptr) return;
    const bool is_range = opened.kind == CoinKind::kRange;
    open(is_range ? found->range_coin : found->test_coin, opened.label.mpc_epoch, height);
    (is_range ? found->range_seed : found->test_seed) = opened.seed;
    found->last = height;
}

// Of the open attempt: what was opened, and what is claimed to follow.
void TranscriptCollector::add_opening_event(const Event& event, Height height) {
    if (event.kind == event::kSeed) {
        return with_payload<schema::SeedOpened>(
            event, [&](const schema::SeedOpened& opened) { note_seed(opened, height); });
    }
    if (!attempt_) return;
    AttemptTranscript& round = *attempt_;
    const std::uint64_t mpc_epoch = round.label.mpc_epoch;
    if (event.kind == event::kReferenceFixed) {
        with_payload<schema::ReferenceFixed>(
            event, [&](const auto& fixed) { round.reference = fixed.reference; });
    } else if (event.kind == event::kRangesClosed) {
        with_payload<schema::RangesClosed>(
            event, [&](const auto& closed) { round.ranges_closed = closed; });
    } else if (event.kind == event::kStatistics) {
        with_payload<schema::Statistics>(event, [&](const auto& statistics) {
            round.statistics = statistics;
            open(round.stat2, mpc_epoch, height);
        });
    } else if (event.kind == event::kVerdict) {
        with_payload<schema::VerdictRecord>(event, [&](const auto& verdict) {
            round.verdict = verdict;
            open(round.stat1, mpc_epoch, height);  // too few passed: no STAT2
        });
    } else if (event.kind == event::kResult) {
        with_payload<schema::RoundResult>(event, [&](const auto& result) {
            round.result = result;
            round.last = height;
            open(round.aggregate, mpc_epoch, height);
            is_attempt_over_ = true;
        });
    }
}

void TranscriptCollector::add_preparation_event(const Event& event, Height height,
                                                const StateTree& state) {
    if (event.kind == event::kEpochOpened) {
        with_payload<schema::EpochOpened>(event, [&](const schema::EpochOpened& opened) {
            epochs_[opened.mpc_epoch] = {{opened.members, opened.clients}, 0};
        });
    } else if (event.kind == event::kExcluded) {
        with_payload<schema::ExclusionRecord>(event, [&](const schema::ExclusionRecord& liar) {
            epochs_[liar.label.mpc_epoch].excluded |= schema::member_bit(liar.member);
        });
    } else if (event.kind == event::kPrepOpened) {
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
    ended_batches_.push_back(std::move(*found));
    batches_.erase({change.label.mpc_epoch, change.label.batch});
}

void TranscriptCollector::end_attempt(const StateTree& state) {
    is_attempt_over_ = false;
    if (!attempt_) return;
    AttemptTranscript& round = *attempt_;
    const std::uint64_t number = round.label.round;
    round.record = find_record<schema::RoundRecord>(state, keys::round(number));
    // The next attempt may have begun in the same block.
    if (round.record && round.record->label != round.label) round.record.reset();
    round.verdict_record = find_record<schema::VerdictRecord>(state, keys::verdict(number));
    round.history = find_record<smpc::VerdictHistory>(
        state, keys::history(round.terms.task, round.label.mpc_epoch));
    if (round.result) {
        round.model = find_record<schema::ModelRecord>(
            state, keys::model(round.terms.task, round.result->model_version));
    }
    if (const auto task = find_record<schema::TaskRecord>(state, keys::task(round.terms.task))) {
        round.clip_min = task->spec.clip_min;
        round.clip_max = task->spec.clip_max;
    }
    ended_attempts_.push_back(std::move(round));
    attempt_.reset();
}

void TranscriptCollector::finish(const StateTree& state) {
    end_attempt(state);
    for (auto& [label, transcript] : batches_) ended_batches_.push_back(std::move(transcript));
    batches_.clear();
}

std::vector<AttemptTranscript> TranscriptCollector::take_attempts() {
    return std::exchange(ended_attempts_, {});
}

std::vector<BatchTranscript> TranscriptCollector::take_batches() {
    return std::exchange(ended_batches_, {});
}

}  // namespace consilium::explorer
