// Tests the default WDBC recipe over seeds, without and with the verdict rule of the chain.
//
// The figures in fl_engine/README.md come from many more seeds; these keep them from rotting.
#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fl_engine/attacks/attacks.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/source.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "fl_engine/smpc/verdict.hpp"
#include "fl_engine/training/fedavg.hpp"
#include "fl_engine/training/recipe.hpp"

namespace consilium::fl {
namespace {

constexpr std::size_t kHospitals = 4;
constexpr std::size_t kPoisoner = 3;

struct Experiment {
    FedAvgTask task;
    std::vector<FedAvgHospital> hospitals;
    Dataset test;
};

Experiment make_run(std::uint64_t seed, const AttackSpec& attack) {
    ConsortiumOptions options;
    options.seed = seed;
    const Consortium consortium = *make_consortium(*load_source("wdbc", ""), options);
    const Recipe recipe = default_recipe("wdbc", 30);
    Experiment run;
    run.task.spec = recipe.spec;
    run.task.initial_model = make_initial_model(recipe.spec, seed);
    run.task.training = recipe.training;
    run.task.rounds = recipe.rounds;
    run.task.encoding.clip = recipe.initial_clip;
    for (std::size_t i = 0; i < kHospitals; ++i) {
        const Dataset data = *to_dataset(consortium.hospitals[i].table);
        const HoldOut split = split_stratified(data.labels, 0.2, derive_seed("split", {seed, i}));
        FedAvgHospital hospital;
        hospital.training = select_rows(data, split.kept);
        hospital.seed = derive_seed("hospital", {seed, i});
        if (i == kPoisoner) hospital.deviation = make_deviation(attack, seed);
        run.hospitals.push_back(std::move(hospital));
    }
    run.test = *to_dataset(consortium.test);
    return run;
}

// The verdict of the contract (entry 2, the default) on inner products with the blur of four
// validators.
class Judge {
  public:
    explicit Judge(std::uint64_t seed)
        : history_(smpc::VerdictHistory::make(kHospitals)), random_(seed) {}

    Result<std::vector<std::uint64_t>> weigh(const RoundInput& round) {
        smpc::VerdictInput input;
        input.mode = smpc::StatMode::kPairwise;
        input.c_max = 1;
        input.blur_bound = std::int64_t{4} << 35U;
        input.gain = smpc::agree_gain(history_, round.encoding.clip);
        input.data_weights.assign(kHospitals, 1);
        input.norms.resize(kHospitals);
        input.statistics.resize(kHospitals * kHospitals);
        for (std::size_t i = 0; i < kHospitals; ++i) {
            input.clients.push_back(static_cast<smpc::ClientIndex>(i + 1));
            for (std::size_t j = i; j < kHospitals; ++j) {
                const std::int64_t product = blurred(round.updates[i], round.updates[j]);
                input.statistics[i * kHospitals + j] = product;
                input.statistics[j * kHospitals + i] = product;
                if (i == j) input.norms[i] = product;
            }
        }
        const Result<smpc::Verdict> verdict = smpc::judge_with_majority(input, history_);
        if (!verdict) return tl::unexpected(verdict.error());
        smpc::note_clip_norm(history_, round.encoding.clip);
        std::vector<std::uint64_t> weights;
        for (std::size_t i = 0; i < kHospitals; ++i) {
            weights.push_back(verdict->clients[i].weight);
            if (!verdict->clients[i].is_accepted()) ++rejections_[i];
        }
        return weights;
    }

    [[nodiscard]] const std::array<int, kHospitals>& rejections() const { return rejections_; }

  private:
    std::int64_t blurred(const IntegerUpdate& a, const IntegerUpdate& b) {
        std::int64_t sum = 0;
        for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
        for (int key = 0; key < 4; ++key) {
            sum += static_cast<std::int64_t>(random_.below(std::uint64_t{1} << 36U)) -
                   (std::int64_t{1} << 35U);
        }
        return sum;
    }

    smpc::VerdictHistory history_;
    RandomStream random_;
    std::array<int, kHospitals> rejections_{};
};

TEST(WdbcRecipe, six_rounds_reach_the_promised_quality_for_every_seed) {
    double auc = 0;
    double balanced = 0;
    constexpr int kSeeds = 10;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Experiment run = make_run(seed, {});
        const FedAvgResult result = *run_fedavg(run.task, run.hospitals, run.test);
        const Metrics& last = result.rounds.back().metrics;
        EXPECT_GT(*last.auc, 0.975) << seed;
        EXPECT_GT(*last.balanced_accuracy, 0.88) << seed;
        auc += *last.auc / kSeeds;
        balanced += *last.balanced_accuracy / kSeeds;
    }
    EXPECT_GT(auc, 0.99);
    EXPECT_GT(balanced, 0.95);
}

TEST(WdbcRecipe, sign_flip_hurts_undefended_and_is_rejected_every_round_by_the_verdict) {
    double undefended_drop = 0;
    constexpr int kSeeds = 10;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Experiment honest = make_run(seed, {});
        const Experiment attacked = make_run(seed, {AttackKind::kSignFlip, 4});
        const FedAvgResult clean = *run_fedavg(honest.task, honest.hospitals, honest.test);
        const FedAvgResult open = *run_fedavg(attacked.task, attacked.hospitals, attacked.test);
        Judge judge(seed);
        const FedAvgResult defended =
            *run_fedavg(attacked.task, attacked.hospitals, attacked.test,
                        [&](const RoundInput& round) { return judge.weigh(round); });
        EXPECT_EQ(judge.rejections()[kPoisoner], 6) << "seed " << seed;
        for (std::size_t i = 0; i < kPoisoner; ++i) {
            EXPECT_LE(judge.rejections()[i], 1) << "seed " << seed << " hospital " << i;
        }
        const Metrics& best = clean.rounds.back().metrics;
        EXPECT_NEAR(*defended.rounds.back().metrics.auc, *best.auc, 0.01) << "seed " << seed;
        undefended_drop +=
            (*best.balanced_accuracy - *open.rounds.back().metrics.balanced_accuracy) / kSeeds;
    }
    EXPECT_GT(undefended_drop, 0.04);
}

TEST(ModelStep, agrees_with_the_contracts_arithmetic) {
    RandomStream random(23);
    for (int run = 0; run < 2'000; ++run) {
        const EncodingParameters parameters{
            .norm_bits = static_cast<std::uint32_t>(16 + random.below(8)),
            .clip = 1 + (random.next() >> (8 + random.below(40)))};
        const std::uint64_t weight_sum = 1 + random.below(1U << 20U);
        const std::vector<std::int64_t> model = {static_cast<std::int64_t>(random.next() >> 8U) -
                                                 (std::int64_t{1} << 55U)};
        const std::vector<std::int64_t> sum = {
            static_cast<std::int64_t>(random.next() >> (4 + random.below(40))) -
            static_cast<std::int64_t>(random.below(1U << 20U))};
        const std::uint64_t scale =
            (std::uint64_t{1} << parameters.norm_bits) - ceil_sqrt(model.size());
        const auto ours = apply_aggregate(model, sum, weight_sum, parameters);
        const auto theirs = smpc::apply_aggregate(
            model, sum, {.clip_norm = parameters.clip, .scale = scale, .weight_sum = weight_sum});
        ASSERT_EQ(ours.has_value(), theirs.has_value()) << run;
        if (!ours) continue;
        EXPECT_EQ(*ours, *theirs) << run;
    }
}

}  // namespace
}  // namespace consilium::fl
