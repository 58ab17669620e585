// Sorting transactions and events into transcripts.
#include "explorer/audit_transcript.hpp"

#include <algorithm>
#include <utility>

#include "contracts/schema/keys.hpp"
#include "core/membership.hpp"
#include "explorer/audit_events.hpp"

namespace consilium::explorer {
namespace {

using schema::CoinKind;
using schema::Module;
using schema::Phase;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

}  // namespace

void TranscriptCollector::open(Posts& posts, std::uint64_t mpc_epoch, Height height) {
    if (posts.opened) return;
    posts.opened = height;
    posts.excluded = epochs_[mpc_epoch].excluded;
}

AttemptTranscript* TranscriptCollector::attempt(const schema::RoundLabel& label) {
    return attempt_ && attempt_->label == label ? &*attempt_ : nullptr;
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
    end_block(block.next.state);
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
        case action::kPrepReveal:
            return add_reveal(transaction, seen);
        default:
            return;  // key setup
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
            add_preparation_event(event, height, block.next.state);
            return add_epoch_event(event, height);
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
            for (const PublicKey& client : transcript.parties.clients) {
                const auto account =
                    find_record<schema::AccountRecord>(state, keys::account(client));
                transcript.organisations.push_back(account ? account->organisation : 0);
            }
            attempt_ = std::move(transcript);
        });
    } else if (event.kind == event::kPhaseChanged) {
        with_payload<schema::PhaseChanged>(
            event, [&](const schema::PhaseChanged& change) { note_phase(change, height); });
    } else if (event.kind == event::kPrivacySpent) {
        with_payload<schema::PrivacySpent>(event, [&](const schema::PrivacySpent& spent) {
            if (AttemptTranscript* found = attempt(spent.label)) {
                found->privacy_spent.push_back(spent);
            }
        });
    } else if (event.kind == event::kRoundAborted || event.kind == event::kRoundCancelled) {
        with_payload<schema::RoundEnded>(event, [&](const schema::RoundEnded& ended) {
            AttemptTranscript* found = attempt(ended.label);
            // A round that waits in ABORTED, also one that came there in this block, is over.
            if (found == nullptr || is_attempt_over_) return;
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

// After all events of a block: its exclusions are behind the states that they follow from.
void TranscriptCollector::end_block(const StateTree& state) {
    if (is_attempt_over_) end_attempt(state);
    for (auto entry = batches_.begin(); entry != batches_.end();) {
        if (entry->second.has_burned()) {
            end_batch(std::move(entry->second), state);
            entry = batches_.erase(entry);
        } else {
            ++entry;
        }
    }
    for (const std::uint64_t mpc_epoch : std::exchange(ended_now_, {})) {
        end_epoch(mpc_epoch, state);
    }
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
    if (round.terms.privacy || !round.privacy_spent.empty()) {
        for (const std::uint32_t organisation : round.organisations) {
            for (const std::uint32_t task : {round.terms.task, std::uint32_t{0}}) {
                const auto record =
                    find_record<schema::PrivacyRecord>(state, keys::privacy(task, organisation));
                if (record) round.privacy.insert_or_assign({task, organisation}, *record);
            }
        }
    }
    ended_attempts_.push_back(std::move(round));
    attempt_.reset();
}

void TranscriptCollector::finish(const StateTree& state) {
    end_attempt(state);
    for (auto& [label, transcript] : batches_) end_batch(std::move(transcript), state);
    batches_.clear();
    while (!open_epochs_.empty()) end_epoch(open_epochs_.begin()->first, state);
}

std::vector<AttemptTranscript> TranscriptCollector::take_attempts() {
    return std::exchange(ended_attempts_, {});
}

std::vector<BatchTranscript> TranscriptCollector::take_batches() {
    return std::exchange(ended_batches_, {});
}

std::vector<EpochTranscript> TranscriptCollector::take_epochs() {
    return std::exchange(ended_epochs_, {});
}

}  // namespace consilium::explorer
