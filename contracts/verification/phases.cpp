// Windows of a round and the order of its phases.
#include "contracts/verification/phases.hpp"

#include <bit>

#include "contracts/privacy.hpp"
#include "contracts/rounds.hpp"
#include "contracts/verification/coins.hpp"
#include "contracts/verification/opening.hpp"
#include "contracts/verification/reference.hpp"
#include "fl_engine/smpc/range_parameters.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::EndReason;
using schema::Phase;
using schema::RoundRecord;
namespace event = schema::event;
namespace keys = schema::keys;

void close_pledges(Execution& execution, RoundRecord& round) {
    round.pledges_closed = execution.block.height;
    round.pledges_closed_time = execution.block.time;
    execution.state.store(keys::round(round.label.round), round);
}

bool are_enough(const RoundRecord& round, schema::SlotSet slots) {
    return std::popcount(slots) >= schema::min_submissions(round.terms.malicious_max);
}

void close_submissions(Execution& execution, RoundRecord& round) {
    round.submissions_closed = execution.block.height;
    fix_reference(execution, round);
    std::optional<Digest> reference;
    if (round.reference) reference = round.reference->sha256;
    execution.emit(schema::Module::kSubmission, event::kSubmissionsClosed,
                   schema::SubmissionsClosed{round.label, round.submitted, reference});
    if (!are_enough(round, round.submitted)) {
        rounds::end_round(execution, round, Phase::kAborted, EndReason::kTooFewSubmitted);
        return;
    }
    if (round.terms.is_reference_required && !round.reference) {
        rounds::end_round(execution, round, Phase::kAborted, EndReason::kNoReference);
        return;
    }
    const auto shape = smpc::range_shape(round.terms.dimension, round.terms.nu);
    rounds::change_phase(execution, round, shape.is_small() ? Phase::kRanging : Phase::kCoinRange);
}

// From this block on no ABORT: members release shares of the test's seed, and of STAT1 after it.
void close_ranges(Execution& execution, RoundRecord& round) {
    round.ranges_closed = execution.block.height;
    execution.emit(schema::Module::kVerification, event::kRangesClosed,
                   schema::RangesClosed{round.label, round.ranged});
    if (are_enough(round, round.ranged)) {
        rounds::change_phase(execution, round, Phase::kCoinTest);
        privacy::charge_statistics(execution, round, round.ranged);
    } else {
        rounds::end_round(execution, round, Phase::kAborted, EndReason::kTooFewRanged);
    }
}

void advance_ranging(Execution& execution, RoundRecord& round) {
    const Moment since{round.phase_height, round.phase_time};
    const bool is_complete = round.ranged == round.submitted;
    if (is_complete || is_window_over(round.terms.windows.range, since, execution.block)) {
        close_ranges(execution, round);
    }
}

void advance_submitting(Execution& execution, RoundRecord& round) {
    const auto epoch =
        execution.state.load<schema::EpochRecord>(keys::epoch(round.label.mpc_epoch));
    if (!round.pledges_closed) {
        const Moment opened{round.opened, round.opened_time};
        const bool is_complete = (epoch.clients_with_key & ~round.pledged) == 0;
        if (!is_complete && !is_window_over(round.terms.windows.pledge, opened, execution.block)) {
            return;
        }
        close_pledges(execution, round);
    }
    const Moment closed{*round.pledges_closed, round.pledges_closed_time};
    const bool is_complete =
        round.submitted == round.pledged && is_reference_settled(execution.state, round);
    if (is_complete || is_window_over(round.terms.windows.submit, closed, execution.block)) {
        close_submissions(execution, round);
    }
}

void open_round_coin(Execution& execution, RoundRecord& round) {
    const auto kind = coin_of(round.phase);
    CHECK(kind.has_value());
    const auto epoch =
        execution.state.load<schema::EpochRecord>(keys::epoch(round.label.mpc_epoch));
    const auto seed = try_open_coin(execution, epoch, round_coin(*kind, round.label));
    if (!seed) return;
    const bool is_range = *kind == schema::CoinKind::kRange;
    (is_range ? round.range_seed : round.test_seed) = *seed;
    rounds::change_phase(execution, round, is_range ? Phase::kRanging : Phase::kStat1);
}

}  // namespace

void fire_round_deadlines(Execution& execution) {
    auto round = rounds::current_round(execution.state);
    if (!round) return;
    if (round->phase == Phase::kSubmitting) {
        advance_submitting(execution, *round);
    } else if (round->phase == Phase::kRanging) {
        advance_ranging(execution, *round);
    } else if (round->phase == Phase::kAggregate && !round->is_aggregate_fallback) {
        const Moment since{round->phase_height, round->phase_time};
        if (is_window_over(round->terms.windows.aggregate, since, execution.block)) {
            start_fallback(execution, *round);
            execution.state.store(keys::round(round->label.round), *round);
        }
    }
}

void settle_round(Execution& execution) {
    auto round = rounds::current_round(execution.state);
    if (!round || execution.has_phase_changed) return;
    switch (round->phase) {
        case Phase::kSubmitting:
            return advance_submitting(execution, *round);
        case Phase::kRanging:
            return advance_ranging(execution, *round);
        case Phase::kCoinRange:
        case Phase::kCoinTest:
            if (execution.has_round_news) open_round_coin(execution, *round);
            return;
        case Phase::kStat1:
            if (execution.has_round_news) open_stat1(execution, *round);
            return;
        case Phase::kStat2:
            if (execution.has_round_news) open_stat2(execution, *round);
            return;
        case Phase::kAggregate:
            if (execution.has_round_news) open_aggregate(execution, *round);
            return;
        case Phase::kResult:
        case Phase::kAborted:
        case Phase::kCancelled:
            return;
    }
    UNREACHABLE();
}

}  // namespace consilium::contracts::verification
