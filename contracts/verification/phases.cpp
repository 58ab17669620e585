// Windows of a round and the order of its phases.
#include "contracts/verification/phases.hpp"

#include <bit>

#include "contracts/privacy.hpp"
#include "contracts/rounds.hpp"
#include "contracts/verification/opening.hpp"

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

// From this block on no ABORT: members compute their STAT1 shares now.
void close_submissions(Execution& execution, RoundRecord& round) {
    round.submissions_closed = execution.block.height;
    execution.emit(schema::Module::kSubmission, event::kSubmissionsClosed,
                   schema::SubmissionsClosed{round.label, round.submitted});
    if (std::popcount(round.submitted) < schema::min_submissions(round.terms.malicious_max)) {
        rounds::end_round(execution, round, Phase::kAborted, EndReason::kTooFewSubmitted);
    } else {
        rounds::change_phase(execution, round, Phase::kStat1);
        privacy::charge_statistics(execution, round, round.submitted);
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
    const bool is_complete = round.submitted == round.pledged;
    if (is_complete || is_window_over(round.terms.windows.submit, closed, execution.block)) {
        close_submissions(execution, round);
    }
}

}  // namespace

void fire_round_deadlines(Execution& execution) {
    auto round = rounds::current_round(execution.state);
    if (!round) return;
    if (round->phase == Phase::kSubmitting) {
        advance_submitting(execution, *round);
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
