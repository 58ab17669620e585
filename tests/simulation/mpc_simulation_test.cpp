// Rounds in the simulator: what must hold under each fault, and that the checks see planted
// defects.
#include <gtest/gtest.h>

#include "contracts/schema/modules.hpp"
#include "tests/simulation/world.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;

RunOptions calm_run(std::uint64_t seed) {
    RunOptions options;
    options.seed = seed;
    options.is_calm = true;
    options.duration_ms = 12'000;
    options.mpc.is_on = true;
    options.mpc.trainers.assign(4, TrainerKind::kHonest);
    return options;
}

RunOptions stormy_run(std::uint64_t seed) {
    RunOptions options;
    options.seed = seed;
    options.duration_ms = 12'000;
    options.mpc.is_on = true;
    return options;
}

TEST(SimulatedRounds, same_seed_gives_the_same_trace) {
    const RunResult once = run_simulation(stormy_run(5));
    const RunResult again = run_simulation(stormy_run(5));
    EXPECT_FALSE(once.violation) << *once.violation;
    EXPECT_EQ(once.trace_hash, again.trace_hash);
    EXPECT_EQ(once.rounds, again.rounds);
    EXPECT_NE(run_simulation(stormy_run(6)).trace_hash, once.trace_hash);
}

TEST(SimulatedRounds, without_faults_every_round_ends_and_every_client_is_in_it) {
    for (const std::uint64_t seed : {1U, 3U}) {  // PAIRWISE, SUM
        RunResult result = run_simulation(calm_run(seed));
        EXPECT_FALSE(result.violation) << "seed " << seed << ": " << *result.violation;
        EXPECT_GE(result.rounds["results"], 3U);
        EXPECT_LE(result.rounds["attempts"], result.rounds["results"] + 1);  // one is running
        EXPECT_EQ(result.rounds["openings"], result.rounds["results"]);
        EXPECT_GE(result.rounds["ranges"], 4 * result.rounds["results"]);
        EXPECT_EQ(result.rounds["aborted"], 0U);
        EXPECT_GE(result.rounds["submissions"], 4 * result.rounds["results"]);
        EXPECT_EQ(result.rounds["faults"], 0U);
        EXPECT_EQ(result.late_views, 0U);
    }
}

TEST(SimulatedRounds, a_worker_that_is_missed_without_a_fault_is_seen) {
    RunOptions options = calm_run(1);
    options.mpc.planted = MpcPlanted::kSilentWorker;
    const std::string seen = run_simulation(options).violation.value_or("");
    EXPECT_EQ(seen.substr(0, seen.find(':')), "M14") << seen;
}

TEST(SimulatedRounds, seven_validators_end_their_rounds_too) {
    RunOptions options = calm_run(2);
    options.replicas = 7;
    RunResult result = run_simulation(options);
    EXPECT_FALSE(result.violation) << *result.violation;
    EXPECT_GE(result.rounds["results"], 2U);
}

// A blob that is not, not everywhere or not soon where its transaction is.
class HostileBlob : public ::testing::TestWithParam<TrainerKind> {};

TEST_P(HostileBlob, blocks_go_on_in_time_and_no_primary_is_deposed) {
    RunOptions options = calm_run(4);
    options.duration_ms = 25'000;
    options.mpc.trainers.push_back(GetParam());
    options.mpc.are_haves_hidden = true;
    RunResult result = run_simulation(options);
    EXPECT_FALSE(result.violation) << *result.violation;
    EXPECT_GE(result.blocks, 100U);
    EXPECT_LE(result.longest_gap_ms, 3'500U);  // the heartbeat is 3 s
    EXPECT_EQ(result.late_views, 0U);
    EXPECT_EQ(result.events["invalid_proposal"], 0U);
    EXPECT_GE(result.rounds["results"], 3U);
    EXPECT_GT(result.faults["have_to_backups_only"], 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, HostileBlob,
                         ::testing::Values(TrainerKind::kWithholding, TrainerKind::kOneNode,
                                           TrainerKind::kDripping, TrainerKind::kBadWords,
                                           TrainerKind::kVanishing, TrainerKind::kEquivocating,
                                           TrainerKind::kUnproved, TrainerKind::kFalseRange),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

struct LieCase {
    std::uint16_t action{};
    LieKind kind{};
    bool is_named = false;  // by FAULT
};

class LyingValidator : public ::testing::TestWithParam<LieCase> {};

TEST_P(LyingValidator, changes_no_result_and_holds_up_no_round) {
    const LieCase lie = GetParam();
    RunOptions options = calm_run(lie.action);
    // The sum is first asked of the members with the smallest numbers.
    options.mpc.liar = lie.action == action::kAggregate ? 0 : 3;
    options.mpc.lies = {{.action = lie.action,
                         .kind = lie.kind,
                         .error = 99,
                         .labels_max = lie.action < action::kPrepShare ? 2U : 1'000U,
                         .delay_ms = 1'500}};
    RunResult result = run_simulation(options);
    EXPECT_FALSE(result.violation) << *result.violation;
    EXPECT_GT(result.faults[name_of(lie.kind)], 0U);
    EXPECT_GE(result.rounds["results"], lie.action < action::kStat1 ? 1U : 2U);
    if (lie.is_named) {
        EXPECT_GT(result.rounds["faults"], 0U);
    }
}

std::string lie_name(const ::testing::TestParamInfo<LieCase>& info) {
    return std::string(name_of(info.param.kind)) + "_action_" + std::to_string(info.param.action);
}

INSTANTIATE_TEST_SUITE_P(
    Shares, LyingValidator,
    ::testing::Values(
        LieCase{action::kStat1, LieKind::kWrong, true}, LieCase{action::kStat1, LieKind::kWithheld},
        LieCase{action::kStat1, LieKind::kLateWrong}, LieCase{action::kStat1, LieKind::kTwice},
        LieCase{action::kStat2, LieKind::kWrong, true}, LieCase{action::kStat2, LieKind::kWithheld},
        LieCase{action::kAggregate, LieKind::kWrong, true},
        LieCase{action::kAggregate, LieKind::kWithheld},
        LieCase{action::kAggregateOk, LieKind::kWrong, true},
        LieCase{action::kAggregateOk, LieKind::kWithheld},
        LieCase{action::kAggregateOk, LieKind::kLate}, LieCase{action::kPrepShare, LieKind::kWrong},
        LieCase{action::kPrepShare, LieKind::kTwice}, LieCase{action::kPrepShare, LieKind::kLate},
        LieCase{action::kKeyCommit, LieKind::kWrong},
        LieCase{action::kKeyCommit, LieKind::kWithheld},
        LieCase{action::kKeyCommit, LieKind::kTwice}, LieCase{action::kKeyAck, LieKind::kWrong},
        LieCase{action::kClientKeys, LieKind::kWrong},
        LieCase{action::kClientKeys, LieKind::kWithheld}),
    lie_name);

Lie lasting(std::uint16_t number, LieKind kind) {
    return {.action = number, .kind = kind, .error = 77, .labels_max = 1'000, .delay_ms = 1'500};
}

// What a validator does in the preparation, and what must come of it.
struct PreparationCase {
    const char* name;
    std::vector<Lie> lies;
    bool has_absent = false;  // an honest validator is away while shares are due
    bool is_sacrificed = false;
    bool is_excluded = false;              // with its dispute, reveals and a burned batch
    std::optional<bool> is_named = false;  // by FAULT; nullopt: it depends on what comes first
};

class LiarInPreparation : public ::testing::TestWithParam<PreparationCase> {};

TEST_P(LiarInPreparation, is_borne_or_excluded_and_rounds_go_on) {
    const PreparationCase& one = GetParam();
    RunOptions options = calm_run(2);
    options.duration_ms = 16'000;
    options.mpc.lies = one.lies;
    if (one.has_absent) options.mpc.outages = {{1, Step::kPreparing, 5'000}};
    RunResult result = run_simulation(options);
    EXPECT_FALSE(result.violation) << *result.violation;
    EXPECT_EQ(result.rounds["sacrifices"] > 0, one.is_sacrificed);
    EXPECT_EQ(result.rounds["excluded"] > 0, one.is_excluded);  // once in every epoch
    EXPECT_GE(result.rounds["burned"], result.rounds["excluded"]);
    EXPECT_EQ(result.rounds["disputes"], result.rounds["burned"]);
    EXPECT_GE(result.rounds["reveals"], 3 * result.rounds["burned"]);
    if (one.is_named) {
        EXPECT_EQ(result.rounds["faults"] > 0, *one.is_named);
    }
    EXPECT_GE(result.rounds["results"], 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Lies, LiarInPreparation,
    ::testing::Values(PreparationCase{.name = "wrong_share_with_all_present",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWrong)},
                                      .is_excluded = true},
                      PreparationCase{.name = "wrong_share_beside_an_absent_member",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWrong)},
                                      .has_absent = true,
                                      .is_sacrificed = true,
                                      .is_excluded = true},
                      PreparationCase{.name = "wrong_share_and_false_keys",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWrong),
                                               lasting(action::kPrepReveal, LieKind::kWrong)},
                                      .is_excluded = true,
                                      .is_named = true},
                      PreparationCase{.name = "withheld_share_and_keys",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWithheld),
                                               lasting(action::kPrepReveal, LieKind::kWithheld)},
                                      .is_sacrificed = true},
                      PreparationCase{.name = "withheld_share_and_wrong_check",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWithheld),
                                               lasting(action::kCoinShare, LieKind::kWrong),
                                               lasting(action::kPrepWeights, LieKind::kWrong),
                                               lasting(action::kPrepCheck, LieKind::kWrong)},
                                      .is_sacrificed = true,
                                      .is_named = true},
                      PreparationCase{.name = "withheld_share_and_late_wrong_check",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWithheld),
                                               lasting(action::kPrepWeights, LieKind::kLateWrong),
                                               lasting(action::kPrepCheck, LieKind::kLateWrong)},
                                      .is_sacrificed = true,
                                      .is_named = true},
                      PreparationCase{.name = "withheld_share_and_two_checks",
                                      .lies = {lasting(action::kPrepShare, LieKind::kWithheld),
                                               lasting(action::kPrepWeights, LieKind::kTwice),
                                               lasting(action::kPrepCheck, LieKind::kTwice)},
                                      .is_sacrificed = true,
                                      .is_named = std::nullopt}),
    [](const auto& one) { return std::string(one.param.name); });

// The leader seals another key than it commits to, to the last member of its subsets; that member
// asks the others over links that lose half of the letters. The liar posts no statistics, so that
// every opening needs the member that was deceived.
TEST(SimulatedSetup, member_without_its_key_gets_it_by_letters_that_are_lost_and_late) {
    RunOptions options = calm_run(1);
    options.mpc.lies = {lasting(action::kKeyCommit, LieKind::kWrong),
                        lasting(action::kStat1, LieKind::kWithheld)};
    options.mpc.letter_loss_percent = 50;
    options.mpc.letter_delay_max_ms = 400;
    RunResult result = run_simulation(options);
    EXPECT_FALSE(result.violation) << *result.violation;
    EXPECT_GT(result.faults["share_wrong"], 0U);
    EXPECT_GT(result.rounds["letters"], 2U);
    EXPECT_GT(result.faults["letter_lost"], 0U);
    EXPECT_GE(result.rounds["results"], 1U);
    EXPECT_EQ(result.faults["epoch_renewed"], 0U);
}

struct ReferenceCase {
    const char* name;
    ReferenceUse use{};
    LieKind lie{};
};

class SimulatedReferences : public ::testing::TestWithParam<ReferenceCase> {};

TEST_P(SimulatedReferences, are_agreed_on_and_used_whatever_one_validator_posts) {
    RunOptions options = calm_run(1);
    options.mpc.references = GetParam().use;
    options.mpc.lies = {lasting(action::kReference, GetParam().lie)};
    RunResult result = run_simulation(options);
    EXPECT_FALSE(result.violation) << *result.violation;
    EXPECT_GT(result.faults[name_of(GetParam().lie)], 0U);
    EXPECT_GE(result.rounds["results"], 2U);
    EXPECT_GE(result.rounds["references"], result.rounds["results"]);
    EXPECT_EQ(result.rounds["aborted"], 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Lies, SimulatedReferences,
    ::testing::Values(ReferenceCase{"wrong", ReferenceUse::kRequired, LieKind::kWrong},
                      ReferenceCase{"withheld", ReferenceUse::kRequired, LieKind::kWithheld},
                      ReferenceCase{"twice", ReferenceUse::kOptional, LieKind::kTwice}),
    [](const auto& one) { return std::string(one.param.name); });

class OutageAtStep : public ::testing::TestWithParam<Step> {};

// One validator is away during a step; another one lies about its statistics all the time. Who was
// away must have fetched what it missed, or the openings after it would wait for ever.
TEST_P(OutageAtStep, rounds_end_and_who_was_away_takes_part_again) {
    RunOptions options = calm_run(8);
    options.duration_ms = 16'000;  // every step comes before healing
    options.mpc.lies = {
        {.action = action::kStat1, .kind = LieKind::kWrong, .error = 5, .labels_max = 1'000}};
    for (std::size_t process = 0; process < 2; ++process) {
        options.mpc.outages = {{process, GetParam(), 2'500}};
        RunResult result = run_simulation(options);
        EXPECT_FALSE(result.violation) << *result.violation;
        EXPECT_EQ(result.faults["crash_at_step"], 1U);
    }
}

INSTANTIATE_TEST_SUITE_P(Steps, OutageAtStep,
                         ::testing::Values(Step::kEphemeralKeys, Step::kCommitments,
                                           Step::kPreparing, Step::kSubmitting, Step::kRanging,
                                           Step::kCoinTest, Step::kStat1, Step::kStat2,
                                           Step::kAggregate));

struct PlantedCase {
    const char* name;
    MpcPlanted planted{};
    const char* check;  // that must see it
    bool is_calm = false;
};

class PlantedDefect : public ::testing::TestWithParam<PlantedCase> {};

TEST_P(PlantedDefect, is_seen_by_its_check) {
    std::string seen;
    for (std::uint64_t seed = 1; seed <= 12 && seen.empty(); ++seed) {
        RunOptions options = stormy_run(seed);
        options.is_calm = GetParam().is_calm;
        options.are_calm_links_ordered = false;
        options.mpc.planted = GetParam().planted;
        options.liveness_ms = 30'000;  // what stands still will stand still
        for (std::size_t process = 0; process < 4; ++process) {
            options.mpc.outages.push_back({process, Step::kCommitments, 100});
        }
        seen = run_simulation(options).violation.value_or("");
    }
    EXPECT_EQ(seen.substr(0, seen.find(':')), GetParam().check) << seen;
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedDefect,
    ::testing::Values(
        PlantedCase{"contracts_with_a_parameter_off_by_one", MpcPlanted::kOtherParameters, "M1",
                    true},
        PlantedCase{"worker_that_signs_other_bytes_after_a_crash", MpcPlanted::kResignsAfterCrash,
                    "M2"},
        PlantedCase{"store_that_forgets_a_synced_write", MpcPlanted::kForgetsSecrets, "M2"},
        PlantedCase{"statistics_shifted_by_more_than_t", MpcPlanted::kCommonStatistics, "M3", true},
        PlantedCase{"aggregate_shifted_by_more_than_t", MpcPlanted::kCommonAggregate, "M4", true},
        PlantedCase{"honest_worker_that_errs", MpcPlanted::kHonestError, "M5", true},
        PlantedCase{"wrong_share_that_nobody_names", MpcPlanted::kClaimedLie, "M6", true},
        PlantedCase{"store_that_erases_nothing", MpcPlanted::kKeepsSecrets, "M8", true},
        PlantedCase{"trainer_that_masks_anew_each_time", MpcPlanted::kTwoUpdates, "M9"},
        PlantedCase{"trainer_that_proves_anew_each_time", MpcPlanted::kTwoProofs, "M9", true},
        PlantedCase{"reference_that_is_not_the_honest_one", MpcPlanted::kOtherReference, "M13",
                    true},
        PlantedCase{"links_that_carry_no_letters", MpcPlanted::kNoLetters, "A8", true},
        PlantedCase{"more_than_t_silent_for_ever", MpcPlanted::kSilentMajority, "A8", true}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace consilium::simulation
