// The transactions of the opening phases: STAT1, STAT2, AGG, AGG_OK.
#include <algorithm>

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/labels.hpp"
#include "contracts/verification/opening.hpp"
#include "contracts/verification/phases.hpp"
#include "contracts/verification/shares.hpp"
#include "fl_engine/smpc/confirmations.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::Code;
using schema::EpochRecord;
using schema::Phase;
using schema::RoundRecord;
namespace action = schema::action;
namespace keys = schema::keys;

// The round a share belongs to, and the sender's place in its committee.
struct Place {
    RoundRecord round;
    EpochRecord epoch;
    std::uint16_t member{};
};

Code find_place(const Execution& execution, const Sender& sender, const schema::RoundLabel& label,
                Place& place) {
    auto round = rounds::current_round(execution.state);
    if (!round) return Code::kWrongPhase;
    if (label != round->label) return Code::kWrongLabel;
    auto epoch = execution.state.load<EpochRecord>(keys::epoch(label.mpc_epoch));
    const auto member = epoch.find_member(sender.key);
    if (!member) return Code::kNotAMember;
    if (epoch.is_excluded(*member)) return Code::kMemberExcluded;
    place = {std::move(*round), std::move(epoch), *member};
    return Code::kOk;
}

// STAT1 and STAT2 differ in their phase, their length and where they are kept.
struct StatStep {
    std::uint16_t action;
    Phase phase;
    Bytes (*key)(std::uint64_t round, std::uint16_t member);
    schema::MemberSet RoundRecord::*posters;
    std::vector<std::uint16_t> RoundRecord::*base;
    std::size_t (*length)(const RoundRecord& round);
};
constexpr StatStep kStat1Step{
    action::kStat1,           Phase::kStat1, &keys::stat1, &RoundRecord::stat1_posters,
    &RoundRecord::stat1_base, &stat1_length};
constexpr StatStep kStat2Step{
    action::kStat2,           Phase::kStat2, &keys::stat2, &RoundRecord::stat2_posters,
    &RoundRecord::stat2_base, &stat2_length};

void check_late(Execution& execution, const Place& place, const StatStep& step,
                const std::vector<std::uint64_t>& values) {
    SharePosts base;
    for (const std::uint16_t member : place.round.*step.base) {
        const Bytes key = step.key(place.round.label.round, member);
        base.add(member, execution.state.load<schema::ShareRecord>(key).values);
    }
    const auto fault = smpc::check_late_share(base.spans(), {place.member, values});
    if (fault) report_fault(execution, step.action, place.round.label, *fault);
}

Code post_stat(Execution& execution, const Sender& sender, const schema::StatShare& arguments,
               const StatStep& step) {
    Place place;
    if (const Code code = find_place(execution, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    RoundRecord& round = place.round;
    const int order = schema::phase_order(round.phase);
    const bool is_late =
        order > schema::phase_order(step.phase) && order <= schema::phase_order(Phase::kAggregate);
    if (round.phase != step.phase && !is_late) return Code::kWrongPhase;
    if (const Code code = check_words(arguments.values, step.length(round)); code != Code::kOk) {
        return code;
    }
    const Bytes key = step.key(round.label.round, place.member);
    if (const auto stored = execution.state.find<schema::ShareRecord>(key)) {
        return compare_stored(execution, sender, step.action, stored->values == arguments.values);
    }
    execution.state.store(key, schema::ShareRecord{arguments.values});
    round.*step.posters |= schema::member_bit(place.member);
    execution.state.store(keys::round(round.label.round), round);
    if (is_late) {
        check_late(execution, place, step, arguments.values);
    } else {
        execution.has_round_news = true;
    }
    return Code::kOk;
}

Code post_aggregate(Execution& execution, const Sender& sender,
                    const schema::Aggregate& arguments) {
    Place place;
    if (const Code code = find_place(execution, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    RoundRecord& round = place.round;
    if (round.phase != Phase::kAggregate) return Code::kWrongPhase;
    if (arguments.share.length != 8 * round.terms.dimension) return Code::kWrongLength;
    const Bytes key = keys::aggregate(round.label.round, place.member);
    if (const auto stored = execution.state.find<schema::AggregateShareRecord>(key)) {
        return compare_stored(execution, sender, action::kAggregate,
                              stored->share == arguments.share);
    }
    execution.state.store(key, schema::AggregateShareRecord{arguments.share});
    round.aggregate_posters |= schema::member_bit(place.member);
    // A member behind the first posters posts only when its own share is off their polynomial.
    const auto first = first_posters_of(place.epoch);
    if (place.member > first.back()) start_fallback(execution, round);
    execution.state.store(keys::round(round.label.round), round);
    execution.has_round_news = true;
    return Code::kOk;
}

// Whether there is a sum that an AGG_OK can be about: that of first posters as they are, or as they
// were before X grew in this phase, all of whom have posted.
bool is_confirmable(const Place& place) {
    const auto sets =
        smpc::possible_first_posters(committee_of(place.epoch), members_of(place.epoch.excluded));
    return std::any_of(sets.begin(), sets.end(), [&](const auto& first) {
        return (set_of(first) & ~place.round.aggregate_posters) == 0;
    });
}

Code post_aggregate_ok(Execution& execution, const Sender& sender,
                       const schema::AggregateOk& arguments) {
    Place place;
    if (const Code code = find_place(execution, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    RoundRecord& round = place.round;
    if (round.phase != Phase::kAggregate) return Code::kWrongPhase;
    const Bytes key = keys::aggregate_ok(round.label.round, place.member);
    if (const auto stored = execution.state.find<schema::AggregateOkRecord>(key)) {
        return compare_stored(execution, sender, action::kAggregateOk,
                              stored->sha256 == arguments.sha256);
    }
    if (!is_confirmable(place)) return Code::kWrongPhase;
    execution.state.store(key, schema::AggregateOkRecord{arguments.sha256});
    round.aggregate_oks |= schema::member_bit(place.member);
    execution.state.store(keys::round(round.label.round), round);
    execution.has_round_news = true;
    return Code::kOk;
}

}  // namespace

Code execute_share(Execution& execution, const Sender& sender, const Transaction& transaction) {
    const ByteView raw = transaction.arguments;
    if (transaction.action == action::kStat1 || transaction.action == action::kStat2) {
        const StatStep& step = transaction.action == action::kStat1 ? kStat1Step : kStat2Step;
        return with_arguments<schema::StatShare>(raw, [&](const auto& arguments) {
            return post_stat(execution, sender, arguments, step);
        });
    }
    if (transaction.action == action::kAggregate) {
        return with_arguments<schema::Aggregate>(raw, [&](const auto& arguments) {
            return post_aggregate(execution, sender, arguments);
        });
    }
    CHECK(transaction.action == action::kAggregateOk);
    return with_arguments<schema::AggregateOk>(raw, [&](const auto& arguments) {
        return post_aggregate_ok(execution, sender, arguments);
    });
}

}  // namespace consilium::contracts::verification
