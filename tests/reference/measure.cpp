// Measures the verdict rule without and with a reference in the plaintext engine: the figures in
// fl_engine/README.md.
//
//   reference_measure SOURCE DATA_FOLDER SEEDS ROUNDS RECORDS
//
// Every hospital attacks in turn. The verdict is the contract's, on inner products with the blur of
// four validators; g comes from the reference trainer; an update that is not accepted has weight 0.
// Rows without a reference train on the same rows as those with one, so that they differ in it
// only.
#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "fl_engine/attacks/attacks.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/source.hpp"
#include "fl_engine/reference/trainer.hpp"
#include "fl_engine/smpc/verdict.hpp"
#include "fl_engine/training/fedavg.hpp"
#include "fl_engine/training/recipe.hpp"

namespace consilium::fl {
namespace {

struct Experiment {
    FedAvgTask task;
    std::vector<FedAvgHospital> hospitals;
    Dataset test;
    std::vector<std::int64_t> reference_features;
    std::vector<std::uint8_t> reference_labels;
};

struct Question {
    const Source& source;
    std::uint64_t seed{};
    std::uint32_t rounds{};
    std::size_t records{};
    AttackSpec attack;
    std::size_t attacker{};
};

Experiment make_experiment(const Question& question) {
    ConsortiumOptions options;
    options.seed = question.seed;
    options.test_fraction = question.source.test_fraction;
    options.hospitals = question.source.is_dealt() ? 4 : question.source.tables.size();
    options.reference_records = question.records;
    const Consortium consortium = make_consortium(question.source, options).value();
    Experiment out;
    out.test = to_dataset(consortium.test).value();
    const Recipe recipe = default_recipe(question.source.name, out.test.columns());
    out.task.spec = recipe.spec;
    out.task.initial_model = make_initial_model(recipe.spec, question.seed);
    out.task.training = recipe.training;
    out.task.rounds = question.rounds;
    out.task.encoding.clip = recipe.initial_clip;
    for (std::size_t i = 0; i < consortium.hospitals.size(); ++i) {
        const Dataset data = to_dataset(consortium.hospitals[i].table).value();
        const HoldOut split =
            split_stratified(data.labels, 0.2, derive_seed("split", {question.seed, i}));
        FedAvgHospital hospital;
        hospital.training = select_rows(data, split.kept);
        hospital.seed = derive_seed("hospital", {question.seed, i});
        const bool attacks = i == question.attacker && question.attack.kind != AttackKind::kNone;
        if (attacks) hospital.deviation = make_deviation(question.attack, question.seed);
        out.hospitals.push_back(std::move(hospital));
    }
    const Dataset reference = to_dataset(*consortium.reference).value();
    for (const double value : reference.features) {
        out.reference_features.push_back(static_cast<std::int64_t>(value / kFixedPointUnit));
    }
    out.reference_labels = reference.labels;
    return out;
}

struct Judged {
    Metrics last;
    std::vector<std::uint32_t> rejected;  // rounds, per hospital
    std::vector<std::uint32_t> by_reference;
};

class Judge {
  public:
    Judge(const Experiment& experiment, std::uint64_t seed, bool has_reference)
        : experiment_(experiment),
          has_reference_(has_reference),
          history_(
              smpc::VerdictHistory::make(static_cast<std::uint32_t>(experiment.hospitals.size()))),
          random_(seed) {
        judged.rejected.resize(experiment.hospitals.size());
        judged.by_reference.resize(experiment.hospitals.size());
    }
    Result<std::vector<std::uint64_t>> weigh(const RoundInput& round, const IntegerModel& model) {
        const std::size_t m = experiment_.hospitals.size();
        smpc::VerdictInput input;
        input.mode = smpc::StatMode::kPairwise;
        input.c_max = 1;
        input.blur_bound = std::int64_t{4} << 35U;
        input.gain = smpc::agree_gain(history_, round.encoding.clip);
        input.data_weights.assign(m, 1);
        input.norms.resize(m);
        input.statistics.resize(m * m);
        for (std::size_t i = 0; i < m; ++i) {
            input.clients.push_back(static_cast<smpc::ClientIndex>(i + 1));
            for (std::size_t j = i; j < m; ++j) {
                const std::int64_t product = blurred(round.updates[i], round.updates[j]);
                input.statistics[i * m + j] = input.statistics[j * m + i] = product;
                if (i == j) input.norms[i] = product;
            }
        }
        if (has_reference_) add_reference(round, model, input);
        const auto verdict = smpc::judge(input, history_);
        if (!verdict) return tl::unexpected(verdict.error());
        smpc::note_clip_norm(history_, round.encoding.clip);
        std::vector<std::uint64_t> weights;
        for (std::size_t i = 0; i < m; ++i) {
            const smpc::ClientVerdict& client = verdict->clients[i];
            weights.push_back(client.weight);
            judged.rejected[i] += client.is_accepted() ? 0U : 1U;
            judged.by_reference[i] += client.code == smpc::VerdictCode::kRef ? 1U : 0U;
        }
        return weights;
    }
    Judged judged;

  private:
    void add_reference(const RoundInput& round, const IntegerModel& model,
                       smpc::VerdictInput& input) {
        const TrainingConfig& training = experiment_.task.training;
        const auto g = reference::train({.task = 1,
                                         .round = round.round,
                                         .layers = experiment_.task.spec.layers,
                                         .model = model,
                                         .epochs = training.epochs,
                                         .batch_size = training.batch_size,
                                         .learning_rate_micros = training.learning_rate_millionths,
                                         .momentum_micros = training.momentum_millionths,
                                         .weight_decay_micros = training.weight_decay_millionths,
                                         .norm_bits = round.encoding.norm_bits,
                                         .clip_norm = round.encoding.clip,
                                         .features = experiment_.reference_features,
                                         .labels = experiment_.reference_labels})
                           .value();
        smpc::VerdictReference reference;
        reference.squared_norm = static_cast<std::int64_t>(reference::squared_norm(g));
        for (const IntegerUpdate& update : round.updates) {
            reference.products.push_back(blurred(update, g));
        }
        input.reference = std::move(reference);
    }
    std::int64_t blurred(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
        std::int64_t sum = 0;
        for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
        for (int key = 0; key < 4; ++key) {
            sum += static_cast<std::int64_t>(random_.below(std::uint64_t{1} << 36U)) -
                   (std::int64_t{1} << 35U);
        }
        return sum;
    }

    const Experiment& experiment_;
    bool has_reference_;
    smpc::VerdictHistory history_;
    RandomStream random_;
};

// Federated averaging one round at a time: the rule needs the model of each round.
Judged run_judged(const Experiment& experiment, std::uint64_t seed, bool has_reference) {
    Judge judge(experiment, seed, has_reference);
    FedAvgTask task = experiment.task;
    task.rounds = 1;
    for (std::uint32_t round = 1; round <= experiment.task.rounds; ++round) {
        task.first_round = round;
        std::uint64_t clip_next = 0;
        const auto rule = [&](const RoundInput& input) {
            std::vector<Uint128> norms;
            for (const IntegerUpdate& update : input.updates) norms.push_back(norm_squared(update));
            clip_next =
                next_clip(norms, task.spec.parameter_count(), input.encoding, task.clip_bounds);
            return judge.weigh(input, task.initial_model);
        };
        FedAvgResult result = run_fedavg(task, experiment.hospitals, experiment.test, rule).value();
        judge.judged.last = result.rounds.back().metrics;
        task.initial_model = std::move(result.model);
        task.encoding.clip = clip_next;
    }
    return judge.judged;
}

struct Row {
    double auc = 0;
    double balanced = 0;
    std::uint32_t runs = 0;
    std::uint32_t attacker_rounds = 0;
    std::uint32_t attacker_rejected = 0;
    std::uint32_t attacker_flagged = 0;  // with the code REF
    std::uint32_t honest_rounds = 0;
    std::uint32_t honest_rejected = 0;
    void add(const Metrics& metrics) {
        auc += metrics.auc.value();
        balanced += metrics.balanced_accuracy.value();
        ++runs;
    }
};

void print(const char* attack, const char* rule, const Row& row) {
    std::printf(
        "%-11s %-12s AUC %.3f  balanced %.3f  attacker rejected %u of %u (REF %u)  honest "
        "rejected %u of %u\n",
        attack, rule, row.auc / row.runs, row.balanced / row.runs, row.attacker_rejected,
        row.attacker_rounds, row.attacker_flagged, row.honest_rejected, row.honest_rounds);
}

void add_rejections(const Judged& judged, const Question& question, Row& row) {
    for (std::size_t i = 0; i < judged.rejected.size(); ++i) {
        const bool attacks = i == question.attacker && question.attack.kind != AttackKind::kNone;
        (attacks ? row.attacker_rounds : row.honest_rounds) += question.rounds;
        (attacks ? row.attacker_rejected : row.honest_rejected) += judged.rejected[i];
        if (attacks) row.attacker_flagged += judged.by_reference[i];
    }
}

int measure(const Source& source, std::uint64_t seeds, std::uint32_t rounds, std::size_t records) {
    for (const AttackKind kind : {AttackKind::kNone, AttackKind::kSignFlip, AttackKind::kLabelFlip,
                                  AttackKind::kGaussian, AttackKind::kScale}) {
        std::array<Row, 3> rows;
        const std::size_t attackers =
            kind == AttackKind::kNone ? 1 : (source.is_dealt() ? 1 : source.tables.size());
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            for (std::size_t attacker = 0; attacker < attackers; ++attacker) {
                const Question question{source, seed, rounds, records, {kind, 4}, attacker};
                const Experiment experiment = make_experiment(question);
                const auto open =
                    run_fedavg(experiment.task, experiment.hospitals, experiment.test).value();
                rows[0].add(open.rounds.back().metrics);
                for (const bool has_reference : {false, true}) {
                    const Judged judged = run_judged(experiment, seed, has_reference);
                    Row& row = rows[has_reference ? 2 : 1];
                    row.add(judged.last);
                    add_rejections(judged, question, row);
                }
            }
        }
        const std::string name(to_string(kind));
        print(name.c_str(), "undefended", rows[0]);
        print(name.c_str(), "no reference", rows[1]);
        print(name.c_str(), "reference", rows[2]);
    }
    return 0;
}

}  // namespace
}  // namespace consilium::fl

int main(int argc, char** argv) {
    using namespace consilium::fl;
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() != 5) {
        std::cerr << "reference_measure SOURCE DATA_FOLDER SEEDS ROUNDS RECORDS\n";
        return 2;
    }
    const auto source = load_source(words[0], words[1]);
    if (!source) {
        std::cerr << source.error().context << '\n';
        return 1;
    }
    return measure(*source, std::stoull(words[2]), static_cast<std::uint32_t>(std::stoul(words[3])),
                   std::stoul(words[4]));
}
