// The checks of M15 on states made by hand: each departure from the rule is seen.
#include "tests/simulation/mpc/change_checks.hpp"

#include <gtest/gtest.h>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/modules.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/state_tree.hpp"
#include "tests/simulation/crypto.hpp"

namespace consilium::simulation {
namespace {

namespace keys = schema::keys;
using schema::BatchState;
using schema::Phase;

constexpr Height kActivation{50};

std::vector<schema::Validator> list_of(std::size_t first) {
    std::vector<schema::Validator> list;
    for (std::size_t i = first; i < first + 4; ++i) {
        list.push_back({"Hospital " + std::to_string(i), simulation_key(i).public_key(), ""});
    }
    return list;
}

// A chain's records around a change from members 0..3 to members 1..4.
struct Scene {
    std::uint64_t membership_epoch = 0;
    bool has_pending = true;
    std::uint64_t mpc_epoch = 1;
    std::size_t first_member = 0;               // of the committee
    std::optional<Phase> phase{};               // of round 1
    std::uint64_t round_epoch = 1;              // its MPC epoch
    BatchState batch = BatchState::kCertified;  // batch 0 of MPC epoch 1
    schema::EndReason reason = schema::EndReason::kNone;
};

StateTree state_of(const Scene& scene) {
    StateWrites writes;
    schema::MembershipRecord membership;
    membership.epoch = Epoch{scene.membership_epoch};
    membership.validators = list_of(scene.membership_epoch == 0 ? 0 : 1);
    if (scene.has_pending) {
        membership.pending = schema::ChangeValidators{Epoch{0}, kActivation, list_of(1)};
    }
    writes[keys::membership()] = encode(membership);
    schema::MpcRecord mpc;
    mpc.current = scene.mpc_epoch;
    mpc.next_epoch = scene.mpc_epoch + 1;
    writes[keys::mpc()] = encode(mpc);
    schema::EpochRecord epoch;
    epoch.mpc_epoch = scene.mpc_epoch;
    epoch.next_batch = scene.mpc_epoch == 1 ? 1 : 0;
    for (const auto& entry : list_of(scene.first_member)) epoch.members.push_back(entry.key);
    writes[keys::epoch(scene.mpc_epoch)] = encode(epoch);
    schema::BatchRecord batch;
    batch.label = {1, 0};
    batch.state = scene.batch;
    writes[keys::batch(batch.label)] = encode(batch);
    schema::RoundsRecord rounds;
    if (scene.phase) {
        schema::RoundRecord round;
        round.label.mpc_epoch = scene.round_epoch;
        round.label.round = 1;
        round.phase = *scene.phase;
        round.reason = scene.reason;
        writes[keys::round(1)] = encode(round);
        rounds.current = 1;
    }
    writes[keys::rounds()] = encode(rounds);
    return StateTree().apply(writes);
}

// After the change, everything as it has to be.
Scene changed() {
    return {.membership_epoch = 1,
            .has_pending = false,
            .mpc_epoch = 2,
            .first_member = 1,
            .batch = BatchState::kVoid};
}

Scene restarted() {
    Scene scene = changed();
    scene.phase = Phase::kAborted;
    scene.reason = schema::EndReason::kMembershipChanged;
    return scene;
}

Event aborted_by_change() {
    schema::RoundEnded ended;
    ended.label.mpc_epoch = 1;
    ended.label.round = 1;
    ended.reason = schema::EndReason::kMembershipChanged;
    Event event;
    event.module = static_cast<std::uint16_t>(schema::Module::kRounds);
    event.kind = schema::event::kRoundAborted;
    event.payload = encode(ended);
    return event;
}

struct Outcome {
    std::string violation;
    std::map<std::string, std::uint64_t> counts;
};

Outcome play(const Scene& before, const Scene& after, Height height = kActivation,
             const std::vector<Event>& events = {}) {
    Outcome outcome;
    ChangeChecks checks([&](const std::string& what) {
        if (outcome.violation.empty()) outcome.violation = what;
    });
    checks.on_block({state_of(before), state_of(after), height, events});
    outcome.counts = checks.counts();
    return outcome;
}

TEST(ChangeChecks, changes_by_the_rule_are_counted_by_what_stood) {
    EXPECT_EQ(play({}, changed()).violation, "");
    EXPECT_EQ(play({}, changed()).counts["changes_between"], 1U);
    const Outcome restart =
        play({.phase = Phase::kRanging}, restarted(), kActivation, {aborted_by_change()});
    EXPECT_EQ(restart.violation, "");
    EXPECT_EQ(restart.counts.at("changes_restarting"), 1U);
    const Scene bound{.phase = Phase::kStat1};
    const Outcome waiting = play(bound, bound);
    EXPECT_EQ(waiting.violation, "");
    EXPECT_EQ(waiting.counts.at("changes_waiting"), 1U);
    EXPECT_EQ(play({.phase = Phase::kAggregate}, changed()).violation, "");  // its end
    EXPECT_EQ(play({}, {}, Height{49}).violation, "");
}

struct Departure {
    const char* name;
    Scene before;
    Scene after;
    Height height = kActivation;
};

class DepartureFromTheRule : public ::testing::TestWithParam<Departure> {};

TEST_P(DepartureFromTheRule, is_seen) {
    const Departure& one = GetParam();
    const std::string seen = play(one.before, one.after, one.height).violation;
    EXPECT_EQ(seen.substr(0, 4), "M15:") << seen;
}

Scene with(Scene scene, void (*change)(Scene&)) {
    change(scene);
    return scene;
}

INSTANTIATE_TEST_SUITE_P(
    All, DepartureFromTheRule,
    ::testing::Values(
        Departure{"due_change_between_rounds_that_is_put_off", {}, {}},
        Departure{"due_change_that_waits_for_a_round_before_coin_t",
                  {.phase = Phase::kRanging},
                  {.phase = Phase::kRanging}},
        Departure{"change_before_its_height", {}, changed(), Height{49}},
        Departure{"change_that_nobody_voted_on", {.has_pending = false}, changed()},
        Departure{"change_under_an_open_round",
                  {.phase = Phase::kStat1},
                  with(changed(), [](Scene& scene) { scene.phase = Phase::kStat1; })},
        Departure{"attempt_that_ends_without_its_event", {.phase = Phase::kRanging}, restarted()},
        Departure{"batch_that_outlives_its_epoch",
                  {},
                  with(changed(), [](Scene& scene) { scene.batch = BatchState::kCertified; })},
        Departure{
            "epoch_that_goes_on", {}, with(changed(), [](Scene& scene) { scene.mpc_epoch = 1; })},
        Departure{"committee_of_former_validators",
                  {},
                  with(changed(), [](Scene& scene) { scene.first_member = 0; })},
        Departure{"round_of_an_epoch_that_is_over",
                  {.mpc_epoch = 2},
                  {.mpc_epoch = 2, .phase = Phase::kSubmitting},
                  Height{49}}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace consilium::simulation
