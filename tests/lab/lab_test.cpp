// Tests of the laboratory: rules, deals, trials, the grid, and the comparison with the protocol.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/training/local_training.hpp"
#include "tests/lab/fast_training.hpp"
#include "tests/lab/grid.hpp"
#include "tests/lab/through_mpc.hpp"

namespace consilium::lab {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;

const std::atomic<bool> kGoOn{false};

// Updates around one direction, of norm about B / 2.
std::vector<fl::IntegerUpdate> similar_updates(std::size_t count, std::size_t dimension,
                                               std::uint64_t seed) {
    fl::RandomStream random(seed);
    std::vector<double> common(dimension);
    for (double& value : common) value = random.normal();
    std::vector<fl::IntegerUpdate> updates;
    const double scale = std::ldexp(0.45, 22) / std::sqrt(static_cast<double>(dimension));
    for (std::size_t i = 0; i < count; ++i) {
        fl::IntegerUpdate update;
        for (const double value : common) {
            update.push_back(std::llround(scale * (value + 0.3 * random.normal())));
        }
        updates.push_back(std::move(update));
    }
    return updates;
}

Rule make_rule(RuleKind kind, std::uint32_t sites, std::uint32_t attackers, std::size_t dimension) {
    return Rule({.kind = kind,
                 .sites = sites,
                 .attackers = attackers,
                 .validators = 4,
                 .dimension = dimension,
                 .seed = 3});
}

const fl::EncodingParameters kEncoding{22, std::uint64_t{1} << 32U};

TEST(Gram, equals_exact_integers_at_the_largest_norms) {
    auto updates = similar_updates(3, 700, 1);
    updates[2].assign(700, 0);
    updates[2][699] = -(std::int64_t{1} << 22);  // all of B in one coordinate
    const std::vector<std::int64_t> gram = gram_matrix(updates);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
            Int128 exact = 0;
            for (std::size_t x = 0; x < 700; ++x) {
                exact += static_cast<Int128>(updates[i][x]) * updates[j][x];
            }
            EXPECT_EQ(gram[i * 3 + j], static_cast<std::int64_t>(exact)) << i << "," << j;
        }
    }
}

TEST(Rules, names_read_back) {
    for (const RuleKind rule : all_rules()) EXPECT_EQ(parse_rule(to_string(rule)).value(), rule);
    EXPECT_FALSE(parse_rule("krum").has_value());
}

TEST(Rules, undefended_average_weighs_an_attacker_like_everyone) {
    auto updates = similar_updates(4, 100, 2);
    for (std::int64_t& value : updates[1]) value = -value;
    const auto decision =
        make_rule(RuleKind::kFedAvg, 4, 1, 100).decide({kEncoding, updates, nullptr}).value();
    EXPECT_THAT(decision.weights, ElementsAre(1, 1, 1, 1));
    EXPECT_THAT(decision.rejected, Each(false));
}

TEST(Rules, norm_clip_takes_weight_from_the_longer_only) {
    auto updates = similar_updates(5, 100, 3);
    for (std::int64_t& value : updates[4]) value *= 2;
    const auto decision =
        make_rule(RuleKind::kNormClip, 5, 1, 100).decide({kEncoding, updates, nullptr}).value();
    EXPECT_THAT(std::span(decision.weights).first(4), Each(Gt(240U)));  // of 256
    EXPECT_NEAR(static_cast<double>(decision.weights[4]), 128, 8);
}

TEST(Rules, multi_krum_leaves_out_as_many_as_it_was_told) {
    auto updates = similar_updates(7, 100, 4);
    for (const std::size_t attacker : {2U, 5U}) {
        for (std::int64_t& value : updates[attacker]) value = -value;
    }
    const auto decision =
        make_rule(RuleKind::kMultiKrum, 7, 2, 100).decide({kEncoding, updates, nullptr}).value();
    EXPECT_THAT(decision.rejected, ElementsAre(false, false, true, false, false, true, false));
    EXPECT_THAT(decision.weights, ElementsAre(1, 1, 0, 1, 1, 0, 1));
}

TEST(Rules, verdict_rejects_a_sign_flip_with_and_without_a_reference) {
    for (const std::size_t dimension : {std::size_t{20}, std::size_t{100}}) {  // SUM, PAIRWISE
        auto updates = similar_updates(6, dimension, 5);
        const fl::IntegerUpdate reference = updates.back();
        updates.pop_back();
        for (std::int64_t& value : updates[3]) value = -value;
        for (const RuleKind kind : {RuleKind::kOurs, RuleKind::kOursRef}) {
            const auto decision =
                make_rule(kind, 5, 1, dimension).decide({kEncoding, updates, &reference}).value();
            EXPECT_THAT(decision.rejected, ElementsAre(false, false, false, true, false))
                << dimension << to_string(kind);
            EXPECT_EQ(decision.weights[3], 0U);
        }
    }
}

TEST(Rules, a_copy_that_was_asked_leaves_the_rule_as_it_was) {
    const auto updates = similar_updates(5, 100, 6);
    auto forged = updates;
    for (std::int64_t& value : forged[0]) value = -value;
    Rule asked = make_rule(RuleKind::kOurs, 5, 1, 100);
    Rule fresh = make_rule(RuleKind::kOurs, 5, 1, 100);
    for (int round = 0; round < 3; ++round) {
        Rule copy = asked;
        copy.draw_other_blur(17);
        ASSERT_TRUE(copy.decide({kEncoding, forged, nullptr}).value().rejected[0]);
        const auto after = asked.decide({kEncoding, updates, nullptr}).value();
        const auto expected = fresh.decide({kEncoding, updates, nullptr}).value();
        EXPECT_EQ(after.weights, expected.weights);
        EXPECT_EQ(after.next_clip, expected.next_clip);
    }
}

TEST(Rules, a_cancelled_round_leaves_the_history_and_the_clip) {
    for (const std::uint16_t entry : {std::uint16_t{1}, std::uint16_t{2}}) {
        // Two updates of nothing and two long ones, which are scaled down to them.
        OpenedValues opened;
        opened.mode = smpc::StatMode::kPairwise;
        opened.norms = {1, 1, std::int64_t{1} << 44, std::int64_t{1} << 44};
        const auto open_norms = [&] {
            opened.statistics.assign(16, 0);
            for (std::size_t i = 0; i < 4; ++i) opened.statistics[i * 5] = opened.norms[i];
        };
        open_norms();
        smpc::VerdictHistory history = smpc::VerdictHistory::make(4);
        const smpc::VerdictHistory empty = history;
        const std::uint64_t clip = std::uint64_t{1} << 32U;
        ASSERT_TRUE(judge_opened(entry, opened, clip, history).value().is_cancelled);
        EXPECT_EQ(history, empty);
        EXPECT_FALSE(history.first_clip_norm.has_value());

        opened.norms.assign(4, std::int64_t{1} << 42);
        open_norms();
        ASSERT_FALSE(judge_opened(entry, opened, clip, history).value().is_cancelled);
        EXPECT_EQ(history.first_clip_norm, clip);
        const smpc::VerdictHistory written = history;
        EXPECT_NE(written, empty);
        opened.norms = {1, 1, std::int64_t{1} << 44, std::int64_t{1} << 44};
        open_norms();
        ASSERT_TRUE(judge_opened(entry, opened, clip / 2, history).value().is_cancelled);
        EXPECT_EQ(history, written);
    }
}

TEST(Rules, policy_takes_pairwise_only_for_models_that_are_large_enough) {
    EXPECT_EQ(mode_for(31, 1), smpc::StatMode::kSum);
    EXPECT_EQ(mode_for(32, 1), smpc::StatMode::kPairwise);
    EXPECT_EQ(mode_for(79, 4), smpc::StatMode::kSum);
}

TEST(FastTraining, equals_the_engine_to_ten_digits) {
    constexpr std::uint64_t kSeed = 42;
    fl::RandomStream random(kSeed);
    for (const std::string spec_text : {"mlp:30-16-1", "mlp:15-15-1", "mlp:9-33-1", "mlp:1-1-1"}) {
        const fl::ModelSpec spec = fl::parse_model_spec(spec_text).value();
        fl::Dataset data;
        data.feature_names.assign(spec.input_count(), "feature");
        for (int row = 0; row < 77; ++row) {
            data.labels.push_back(static_cast<std::uint8_t>(random.below(2)));
            for (std::size_t k = 0; k < spec.input_count(); ++k) {
                data.features.push_back(random.normal());
            }
        }
        const auto model = fl::make_initial_model(spec, kSeed);
        const fl::TrainingConfig config{.epochs = 3, .batch_size = 16};
        const auto expected = fl::train_update(spec, model, data, config, kSeed).value();
        const auto fast = train_fast(spec, model, data, config, kSeed).value();
        ASSERT_EQ(fast.size(), expected.size());
        for (std::size_t x = 0; x < fast.size(); ++x) {
            ASSERT_NEAR(fast[x], expected[x], 1e-10) << spec_text << " parameter " << x;
        }
    }
}

TEST(FastTraining, refuses_what_the_engine_refuses) {
    const fl::ModelSpec spec = fl::parse_model_spec("mlp:2-3-1").value();
    const auto model = fl::make_initial_model(spec, 1);
    fl::Dataset data{{1, 2}, {1}, {"a", "b"}};
    EXPECT_TRUE(train_fast(spec, model, data, {}, 1).has_value());
    EXPECT_FALSE(train_fast(spec, std::span(model).first(3), data, {}, 1).has_value());
    EXPECT_FALSE(train_fast(spec, model, data, {.epochs = 0}, 1).has_value());
    EXPECT_FALSE(train_fast(spec, model, fl::Dataset{{}, {}, {"a", "b"}}, {}, 1).has_value());
}

LoadedData wdbc() {
    return load_data("wdbc", "").value();
}

TEST(Deal, every_record_is_in_one_place_and_seeds_repeat) {
    const Setting setting{"wdbc", "dirichlet:0.5", 4, 1};
    const Consortium first = deal(setting, wdbc(), 7).value();
    std::size_t training = 0;
    for (const fl::Dataset& site : first.sites) training += site.rows();
    EXPECT_EQ(first.test.rows() + training + first.reference.rows(), 569U);
    EXPECT_NEAR(static_cast<double>(first.reference.rows()), kReferenceRecords, 1);
    EXPECT_GT(first.reference.positives(), 0U);
    EXPECT_EQ(first.stamped.rows(), first.test.positives());
    EXPECT_EQ(first.spec.parameter_count(), 513U);
    const Consortium again = deal(setting, wdbc(), 7).value();
    EXPECT_EQ(again.sites[2].features, first.sites[2].features);
    EXPECT_NE(deal(setting, wdbc(), 8).value().sites[2].features, first.sites[2].features);
}

TEST(Deal, what_does_not_fit_is_refused_with_the_cure) {
    const auto error_of = [](const Setting& setting) {
        const auto dealt = deal(setting, wdbc(), 1);
        return dealt ? "" : dealt.error().context;
    };
    EXPECT_THAT(error_of({"wdbc", "iid", 4, 2}), HasSubstr("at most (sites - 1) / 2"));
    EXPECT_THAT(error_of({"wdbc", "natural", 4, 1}), HasSubstr("--split iid"));
    EXPECT_THAT(error_of({"wdbc", "shuffled", 4, 1}), HasSubstr("dirichlet:ALPHA"));
    EXPECT_THAT(error_of({"wdbc", "iid", 4, 1, "cnn"}), HasSubstr("mlp or logistic"));
    EXPECT_THAT(error_of({"wdbc", "iid", 64, 1}), HasSubstr("too few"));
    EXPECT_FALSE(load_data("/nowhere", "").has_value());
}

TEST(Attackers, one_goes_round_and_several_are_drawn_by_seed) {
    const Setting one{"wdbc", "iid", 4, 1};
    EXPECT_THAT(choose_attackers(one, 9, 0), ElementsAre(0));
    EXPECT_THAT(choose_attackers(one, 9, 6), ElementsAre(2));
    const Setting several{"pneumonia", "iid", 10, 4};
    const auto drawn = choose_attackers(several, 9, 0);
    EXPECT_EQ(drawn.size(), 4U);
    EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
    EXPECT_EQ(drawn, choose_attackers(several, 9, 3));
    EXPECT_NE(drawn, choose_attackers(several, 10, 0));
}

TrialResult run(const Consortium& consortium, fl::Collusion attack, RuleKind rule,
                std::vector<std::size_t> attackers) {
    return run_trial(consortium, {5, std::move(attackers), attack, rule, 4}, kGoOn).value().value();
}

TEST(Trial, defence_restores_what_sign_flips_take) {
    Setting setting{"wdbc", "iid", 7, 2};
    setting.rounds = 10;
    const Consortium consortium = deal(setting, wdbc(), 5).value();
    const auto attack = fl::Collusion::kSignFlip;
    const TrialResult undefended = run(consortium, attack, RuleKind::kFedAvg, {1, 3});
    const TrialResult defended = run(consortium, attack, RuleKind::kOurs, {1, 3});
    const TrialResult absent = run(consortium, fl::Collusion::kNone, RuleKind::kOracle, {1, 3});
    EXPECT_LT(undefended.balanced_accuracy, absent.balanced_accuracy - 0.1);
    EXPECT_GT(defended.balanced_accuracy, absent.balanced_accuracy - 0.03);
    EXPECT_EQ(defended.poisoned_rejected.all, 20U);
    EXPECT_EQ(defended.poisoned_rejected.hits, 20U);
    EXPECT_EQ(defended.honest_rejected.all, 50U);
    EXPECT_EQ(undefended.poisoned_rejected.hits, 0U);
}

TEST(Trial, nobody_is_poisoned_while_nobody_attacks) {
    Setting setting{"wdbc", "iid", 4, 1};
    setting.rounds = 3;
    const Consortium consortium = deal(setting, wdbc(), 5).value();
    const TrialResult result = run(consortium, fl::Collusion::kNone, RuleKind::kOurs, {0});
    EXPECT_EQ(result.poisoned_rejected.all, 0U);
    EXPECT_EQ(result.honest_rejected.all, 12U);
    // The sleeping attacker counts neither as poisoned nor as honest.
    const TrialResult sleeping = run(consortium, fl::Collusion::kSleeper, RuleKind::kOurs, {0});
    EXPECT_EQ(sleeping.poisoned_rejected.all, 1U);
    EXPECT_EQ(sleeping.honest_rejected.all, 9U);
}

TEST(Trial, stops_when_asked) {
    const std::atomic<bool> stop{true};
    const Consortium consortium = deal({"wdbc", "iid", 4, 1}, wdbc(), 5).value();
    const auto result =
        run_trial(consortium, {5, {0}, fl::Collusion::kNone, RuleKind::kOurs, 4}, stop);
    ASSERT_TRUE(result.has_value());
    EXPECT_FALSE(result->has_value());
}

GridOptions small_grid() {
    GridOptions options;
    Setting setting{"wdbc", "iid", 4, 1};
    setting.rounds = 3;
    options.settings = {setting};
    options.attacks = {fl::Collusion::kNone, fl::Collusion::kSignFlip, fl::Collusion::kBackdoor};
    options.rules = {RuleKind::kOurs, RuleKind::kOracle};
    options.seeds = 2;
    return options;
}

TEST(Grid, rows_carry_their_baselines_and_do_not_depend_on_threads) {
    GridOptions options = small_grid();
    std::size_t reports = 0;
    std::size_t last = 0;
    const auto count = [&](const Progress& progress) {
        ++reports;
        last = progress.all;
    };
    const GridResult two = run_grid(options, kGoOn, count).value();
    // Per seed: the oracle, and per attack the undefended run and ours.
    EXPECT_EQ(reports, 14U);
    EXPECT_EQ(last, 14U);
    options.threads = 1;
    const GridResult one = run_grid(options, kGoOn, [](const Progress&) {}).value();
    ASSERT_TRUE(two.is_complete);
    ASSERT_EQ(two.rows.size(), 6U);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(two.rows[i].trials, 2U);
        EXPECT_NEAR(two.rows[i].balanced_accuracy, one.rows[i].balanced_accuracy, 1e-12);
        EXPECT_EQ(two.rows[i].baseline_auc, two.rows[1].auc);
        EXPECT_GT(two.rows[i].undefended_auc, 0.5);
    }
    EXPECT_FALSE(two.rows[0].poisoned_rejected_rate.has_value());
    EXPECT_EQ(two.rows[2].poisoned_rejected_rate, 1.0);
    EXPECT_FALSE(two.rows[3].honest_rejected_rate.has_value());
}

TEST(Grid, interrupted_one_keeps_the_rows_so_far) {
    GridOptions options = small_grid();
    options.threads = 1;
    std::atomic<bool> stop{false};
    const auto stop_after_eight = [&](const Progress& progress) { stop = progress.done == 8; };
    const GridResult result = run_grid(options, stop, stop_after_eight).value();
    EXPECT_FALSE(result.is_complete);
    ASSERT_EQ(result.rows.size(), 6U);
    for (const Row& row : result.rows) {
        // The second seed got no further than its oracle.
        EXPECT_EQ(row.trials, row.rule == RuleKind::kOracle ? 2U : 1U);
    }
}

TEST(Grid, deal_that_is_impossible_is_refused_before_anything_is_trained) {
    GridOptions options = small_grid();
    options.settings.push_back({"wdbc", "dirichlet:0.01", 12, 1});
    std::size_t finished = 0;
    const auto result = run_grid(options, kGoOn, [&](const Progress&) { ++finished; });
    ASSERT_FALSE(result.has_value());
    EXPECT_THAT(result.error().context, HasSubstr("wdbc mlp, 12 sites dirichlet:0.01"));
    EXPECT_THAT(result.error().context, HasSubstr("larger alpha"));
    EXPECT_EQ(finished, 0U);
}

class ThroughMpc : public ::testing::TestWithParam<std::tuple<std::string, bool>> {};

TEST_P(ThroughMpc, verdicts_equal_those_of_the_plaintext_engine) {
    const auto& [model, has_reference] = GetParam();
    Setting setting{"wdbc", "iid", 4, 1, model};
    setting.rounds = 2;
    const Consortium consortium = deal(setting, wdbc(), 3).value();
    const SampleReport report =
        run_through_mpc(setting, consortium, fl::Collusion::kSignFlip, has_reference, 3).value();
    EXPECT_THAT(report.defects, ElementsAre());
    EXPECT_EQ(report.rounds, 2U);
    EXPECT_EQ(report.verdicts, 8U);
    EXPECT_EQ(report.rejections, 2U);
    EXPECT_EQ(report.opened_values, (model == "mlp" ? 32U : 16U) + (has_reference ? 8U : 0U));
    EXPECT_GT(report.largest_blur, 0.0);  // values really were blurred
    EXPECT_LE(report.largest_blur, 1.0);
}

INSTANTIATE_TEST_SUITE_P(
    Modes, ThroughMpc, ::testing::Combine(::testing::Values("mlp", "logistic"), ::testing::Bool()),
    [](const auto& test) {
        return std::get<0>(test.param) + (std::get<1>(test.param) ? "_with_reference" : "");
    });

class Heart : public ::testing::Test {
  protected:
    void SetUp() override {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment.
        const char* named = std::getenv("CONSILIUM_DATA_DIR");
        folder = named != nullptr ? named : CONSILIUM_SHARED_DATA;
        if (std::filesystem::exists(folder / "heart-va.csv")) return;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing changes the environment.
        if (const char* required = std::getenv("CONSILIUM_REQUIRE_DATA");
            required != nullptr && *required == '1') {
            FAIL() << "CONSILIUM_REQUIRE_DATA=1, but there are no heart files in " << folder;
        }
        GTEST_SKIP() << "SKIPPED: set CONSILIUM_DATA_DIR to the folder with heart-*.csv";
    }

    std::filesystem::path folder;
};

TEST_F(Heart, each_hospital_attacks_in_turn) {
    GridOptions options = small_grid();
    options.settings = {{"heart", "natural", 4, 1}};
    options.settings[0].rounds = 3;
    options.seeds = 1;
    options.data_folder = folder;
    const GridResult result = run_grid(options, kGoOn, [](const Progress&) {}).value();
    ASSERT_EQ(result.rows.size(), 6U);
    for (const Row& row : result.rows) EXPECT_EQ(row.trials, 4U);
}

TEST_F(Heart, records_of_four_hospitals_are_dealt_anew_on_request) {
    const LoadedData data = load_data("heart", folder).value();
    const auto rows_of = [&](const Setting& setting) {
        std::vector<std::size_t> rows;
        const Consortium consortium = deal(setting, data, 5).value();
        for (const fl::Dataset& site : consortium.sites) rows.push_back(site.rows());
        return rows;
    };
    const auto natural = rows_of({"heart", "natural", 4, 1});
    const std::size_t all = std::accumulate(natural.begin(), natural.end(), std::size_t{0});
    const auto even = rows_of({"heart", "iid", 6, 1});
    ASSERT_EQ(even.size(), 6U);
    EXPECT_EQ(std::accumulate(even.begin(), even.end(), std::size_t{0}), all);
    EXPECT_LE(
        *std::max_element(even.begin(), even.end()) - *std::min_element(even.begin(), even.end()),
        1U);
    const auto skewed = rows_of({"heart", "dirichlet:0.5", 4, 1});
    EXPECT_EQ(std::accumulate(skewed.begin(), skewed.end(), std::size_t{0}), all);
    EXPECT_NE(skewed, natural);
    const auto other = deal({"heart", "natural", 5, 1}, data, 5);
    EXPECT_THAT(other.error().context, HasSubstr("--sites 4"));
}

}  // namespace
}  // namespace consilium::lab
