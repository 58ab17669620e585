// Tests of metrics, local training, plaintext FedAvg and attacks.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/attacks/attacks.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/source.hpp"
#include "fl_engine/training/fedavg.hpp"
#include "fl_engine/training/recipe.hpp"

namespace consilium::fl {
namespace {

using testing::Each;
using testing::ElementsAre;

double naive_auc(const std::vector<double>& scores, const std::vector<std::uint8_t>& labels) {
    double wins = 0;
    double pairs = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        for (std::size_t j = 0; j < scores.size(); ++j) {
            if (labels[i] != 1 || labels[j] != 0) continue;
            pairs += 1;
            wins += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
        }
    }
    return wins / pairs;
}

TEST(AreaUnderCurve, agrees_with_counting_all_pairs) {
    RandomStream random(17);
    for (int run = 0; run < 200; ++run) {
        const std::size_t size = 2 + random.below(60);
        const std::uint64_t levels = 1 + random.below(20);  // few levels: many ties
        std::vector<double> scores;
        std::vector<std::uint8_t> labels;
        for (std::size_t i = 0; i < size; ++i) {
            scores.push_back(static_cast<double>(random.below(levels)));
            labels.push_back(static_cast<std::uint8_t>(i < 2 ? i : random.below(2)));
        }
        EXPECT_NEAR(*area_under_curve(scores, labels), naive_auc(scores, labels), 1e-12) << run;
    }
}

TEST(Measure, one_class_has_an_accuracy_only) {
    const std::vector<double> scores = {0.2, 0.9, 0.8};
    const std::vector<std::uint8_t> sick = {1, 1, 1};
    const Metrics metrics = measure(scores, sick, 0.5);
    EXPECT_EQ(metrics.auc, std::nullopt);
    EXPECT_EQ(metrics.balanced_accuracy, std::nullopt);
    EXPECT_NEAR(*metrics.accuracy, 2.0 / 3, 1e-12);
    EXPECT_EQ(measure({}, {}, 0.5), Metrics{});
}

TEST(Measure, balanced_accuracy_is_the_mean_of_recalls) {
    const std::vector<double> scores = {0.5, 0.4, 0.1, 0.1, 0.1, 0.9};
    const std::vector<std::uint8_t> labels = {1, 1, 0, 0, 0, 0};
    const Metrics metrics = measure(scores, labels, 0.5);
    EXPECT_NEAR(*metrics.accuracy, 4.0 / 6, 1e-12);
    EXPECT_NEAR(*metrics.balanced_accuracy, (0.5 + 0.75) / 2, 1e-12);
    EXPECT_NEAR(*metrics.auc, 6.0 / 8, 1e-12);
}

TEST(Millionths, round_to_nearest_and_keep_absence) {
    EXPECT_EQ(to_millionths(0.9876543), 987'654);
    EXPECT_EQ(to_millionths(1.0), 1'000'000);
    EXPECT_EQ(to_millionths(0.0), 0);
    EXPECT_EQ(to_millionths(std::nullopt), std::nullopt);
    EXPECT_DOUBLE_EQ(from_millionths(987'654), 0.987654);
}

struct World {
    FedAvgTask task;
    std::vector<FedAvgHospital> hospitals;
    Dataset test;
};

World make_world(std::uint64_t seed) {
    World world;
    ConsortiumOptions options;
    options.seed = seed;
    const Consortium consortium = *make_consortium(*load_source("wdbc", ""), options);
    const Recipe recipe = default_recipe("wdbc", 30);
    world.task.spec = recipe.spec;
    world.task.initial_model = make_initial_model(recipe.spec, seed);
    world.task.training = recipe.training;
    world.task.rounds = recipe.rounds;
    world.task.encoding.clip = recipe.initial_clip;
    for (std::size_t i = 0; i < consortium.hospitals.size(); ++i) {
        const Dataset data = *to_dataset(consortium.hospitals[i].table);
        const HoldOut split = split_stratified(data.labels, 0.2, seed + i);
        FedAvgHospital hospital;
        hospital.training = select_rows(data, split.kept);
        hospital.seed = derive_seed("hospital", {seed, i});
        world.hospitals.push_back(std::move(hospital));
    }
    world.test = *to_dataset(consortium.test);
    return world;
}

TEST(LocalTraining, same_seed_gives_the_same_bits_and_another_does_not) {
    const World world = make_world(1);
    const auto train = [&](std::uint64_t seed) {
        return *train_update(world.task.spec, world.task.initial_model, world.hospitals[0].training,
                             world.task.training, seed);
    };
    EXPECT_EQ(train(training_seed(1, 2, 3)), train(training_seed(1, 2, 3)));
    EXPECT_NE(train(training_seed(1, 2, 3)), train(training_seed(1, 2, 4)));
    EXPECT_NE(training_seed(1, 2, 3), training_seed(2, 2, 3));
    EXPECT_NE(training_seed(1, 2, 3), training_seed(1, 3, 3));
}

TEST(LocalTraining, one_full_batch_step_is_the_gradient_times_the_rate) {
    Dataset data;
    data.feature_names = {"x"};
    data.features = {2.0, -1.0};
    data.labels = {1, 0};
    const ModelSpec spec = *parse_model_spec("logistic:1");
    const TrainingConfig config{.epochs = 1, .batch_size = 2, .learning_rate_millionths = 500'000};
    const std::vector<double> delta =
        *train_update(spec, std::vector<std::int64_t>{0, 0}, data, config, 1);
    // At zero: sigmoid = 1/2, gradient of w = mean((p - y) x) = -0.75, of b = 0.
    EXPECT_THAT(delta, ElementsAre(0.375, 0.0));
    TrainingConfig decaying = config;
    decaying.weight_decay_millionths = 100'000;
    const std::int64_t one = std::int64_t{1} << 32U;
    const double plain =
        (*train_update(spec, std::vector<std::int64_t>{one, 0}, data, config, 1))[0];
    const double decayed =
        (*train_update(spec, std::vector<std::int64_t>{one, 0}, data, decaying, 1))[0];
    EXPECT_NEAR(decayed, plain - 0.5 * 0.1, 1e-12);
}

TEST(LocalTraining, misfits_and_divergence_are_errors) {
    const World world = make_world(1);
    const Dataset& data = world.hospitals[0].training;
    const ModelSpec& spec = world.task.spec;
    const IntegerModel& model = world.task.initial_model;
    const TrainingConfig good = world.task.training;
    EXPECT_FALSE(train_update(spec, std::vector<std::int64_t>(512), data, good, 1).has_value());
    EXPECT_FALSE(train_update(spec, model, Dataset{}, good, 1).has_value());
    EXPECT_FALSE(train_update(*parse_model_spec("logistic:512"), model, data, good, 1).has_value());
    for (const auto& change : std::vector<std::function<void(TrainingConfig&)>>{
             [](TrainingConfig& c) { c.epochs = 0; },
             [](TrainingConfig& c) { c.epochs = kMaxEpochs + 1; },
             [](TrainingConfig& c) { c.batch_size = 0; },
             [](TrainingConfig& c) { c.learning_rate_millionths = 0; },
             [](TrainingConfig& c) { c.momentum_millionths = 1'000'000; },
             [](TrainingConfig& c) { c.weight_decay_millionths = 1'000'000; }}) {
        TrainingConfig bad = good;
        change(bad);
        EXPECT_FALSE(train_update(spec, model, data, bad, 1).has_value());
    }
    Dataset huge = data;
    for (double& value : huge.features) value *= 1e300;
    TrainingConfig long_run = good;
    long_run.epochs = 50;
    const Result<std::vector<double>> diverged = train_update(
        *parse_model_spec("logistic:30"), std::vector<std::int64_t>(31), huge, long_run, 1);
    if (diverged) {
        for (const double value : *diverged) EXPECT_TRUE(std::isfinite(value));
    }
}

TEST(FedAvg, runs_are_bit_identical) {
    const World world = make_world(4);
    const FedAvgResult a = *run_fedavg(world.task, world.hospitals, world.test);
    const FedAvgResult b = *run_fedavg(world.task, world.hospitals, world.test);
    EXPECT_EQ(a.model, b.model);
    ASSERT_EQ(a.rounds.size(), 6U);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(a.rounds[i].metrics, b.rounds[i].metrics);
        EXPECT_EQ(a.rounds[i].clip, b.rounds[i].clip);
        EXPECT_EQ(a.rounds[i].round, i);
        EXPECT_THAT(a.rounds[i].weights, Each(1U));
    }
}

TEST(FedAvg, continues_from_any_round_as_if_never_stopped) {
    const World world = make_world(4);
    const FedAvgResult whole = *run_fedavg(world.task, world.hospitals, world.test);
    FedAvgTask rest = world.task;
    rest.rounds = 3;
    const FedAvgResult half = *run_fedavg(rest, world.hospitals, world.test);
    rest.first_round = 3;
    rest.initial_model = half.model;
    rest.encoding.clip = whole.rounds[3].clip;
    EXPECT_EQ(run_fedavg(rest, world.hospitals, world.test)->model, whole.model);
}

TEST(FedAvg, hospitals_of_weight_zero_do_not_count) {
    const World world = make_world(2);
    const WeightRule only_first =
        [](const RoundInput& round) -> Result<std::vector<std::uint64_t>> {
        std::vector<std::uint64_t> weights(round.updates.size(), 0);
        weights[0] = 7;
        return weights;
    };
    FedAvgTask task = world.task;
    task.rounds = 1;
    const FedAvgResult chosen = *run_fedavg(task, world.hospitals, world.test, only_first);
    const FedAvgResult alone = *run_fedavg(task, std::span(world.hospitals).first(1), world.test);
    EXPECT_EQ(chosen.model, alone.model);
}

TEST(FedAvg, bad_rules_and_bad_tasks_are_errors) {
    const World world = make_world(2);
    const auto with_rule = [&](std::vector<std::uint64_t> weights) {
        return run_fedavg(world.task, world.hospitals, world.test,
                          [weights](const RoundInput&) -> Result<std::vector<std::uint64_t>> {
                              return weights;
                          })
            .has_value();
    };
    EXPECT_TRUE(with_rule({1, 1, 1, 65'536}));
    EXPECT_FALSE(with_rule({1, 1, 1, 65'537}));
    EXPECT_FALSE(with_rule({1, 1, 1}));
    EXPECT_FALSE(with_rule({0, 0, 0, 0}));
    FedAvgTask task = world.task;
    task.initial_model.pop_back();
    EXPECT_FALSE(run_fedavg(task, world.hospitals, world.test).has_value());
    EXPECT_FALSE(run_fedavg(world.task, {}, world.test).has_value());
}

TEST(Attack, text_names_kind_and_factor) {
    EXPECT_EQ(parse_attack("sign-flip")->factor, 4);
    EXPECT_EQ(parse_attack("scale:2.5")->factor, 2.5);
    for (const std::string_view name :
         {"none", "sign-flip", "scale", "label-flip", "gaussian", "oversize"}) {
        EXPECT_EQ(to_string(parse_attack(name)->kind), name);
    }
    for (const std::string_view text : {"", "flip", "sign-flip:", "sign-flip:-1", "sign-flip:0",
                                        "sign-flip:nan", "sign-flip:4x", "sign-flip:1e9"}) {
        EXPECT_FALSE(parse_attack(text).has_value()) << text;
    }
}

TEST(Attack, each_kind_does_what_it_says) {
    const std::vector<double> delta = {3.0, -4.0};
    const TransformContext context{.round = 5, .clip = 1, .seed = 1};
    EXPECT_THAT(make_deviation({AttackKind::kSignFlip, 4}, 1).update(delta, context),
                ElementsAre(-12.0, 16.0));
    EXPECT_THAT(make_deviation({AttackKind::kScale, 2}, 1).update(delta, context),
                ElementsAre(6.0, -8.0));
    const std::vector<std::uint8_t> labels = {0, 1, 1};
    const Deviation flip = make_deviation({AttackKind::kLabelFlip, 4}, 1);
    EXPECT_THAT(flip.labels(labels, context), ElementsAre(1, 0, 0));
    EXPECT_FALSE(flip.update);
    const Deviation noise = make_deviation({AttackKind::kGaussian, 2}, 1);
    const std::vector<double> drawn = noise.update(delta, context);
    EXPECT_NEAR(std::hypot(drawn[0], drawn[1]), 10, 1e-9);
    EXPECT_EQ(noise.update(delta, context), drawn);
    EXPECT_NE(noise.update(delta, {.round = 6, .clip = 1, .seed = 1}), drawn);
    const Deviation none = make_deviation({}, 1);
    EXPECT_FALSE(none.update || none.labels);
}

TEST(Attack, encoded_update_keeps_the_clip_norm_whatever_the_factor) {
    World world = make_world(3);
    world.hospitals[3].deviation = make_deviation({AttackKind::kSignFlip, 1e6}, 1);
    const FedAvgResult result = *run_fedavg(world.task, world.hospitals, world.test);
    for (const RoundRecord& round : result.rounds) {
        EXPECT_LE(round.update_norms[3], clip_to_double(round.clip) * (1 + 1e-5));
    }
}

}  // namespace
}  // namespace consilium::fl
