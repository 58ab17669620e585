// Between the chain's records and the learning engine.
#include "fl_engine/trainer/learner.hpp"

#include <bit>

#include "fl_engine/data/split.hpp"
#include "fl_engine/data/table.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/privacy/noisy_update.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/training/local_training.hpp"
#include "fl_engine/training/metrics.hpp"

namespace consilium::trainer {
namespace {

Result<fl::ModelSpec> model_spec_of(const schema::ModelSpec& spec, const fl::Dataset& data) {
    fl::ModelSpec model;
    model.kind =
        spec.kind == schema::ModelKind::kMlp ? fl::ModelKind::kMlp : fl::ModelKind::kLogistic;
    model.layers = spec.layers;
    if (model.kind == fl::ModelKind::kLogistic && model.layers.size() == 1) {
        model.layers.push_back(1);
    }
    if (model.layers.size() < 2 || model.layers.back() != 1) {
        return make_error(ErrorCode::kRefused, "the task's model has no single output");
    }
    if (model.input_count() != data.columns()) {
        return make_error(ErrorCode::kRefused,
                          "the task's model takes " + std::to_string(model.input_count()) +
                              " features, the data has " + std::to_string(data.columns()) +
                              "; check the schema file against the task");
    }
    return model;
}

Result<std::vector<std::int64_t>> decode_model(ByteView blob, const fl::ModelSpec& spec) {
    return smpc::decode_integers(blob, spec.parameter_count());
}

std::uint32_t micros_of(double metric) {
    return static_cast<std::uint32_t>(*fl::to_millionths(metric));
}

}  // namespace

Result<Learner> Learner::load(LearnerOptions options) {
    auto schema = fl::load_schema(options.schema_file);
    if (!schema) return tl::unexpected(schema.error());
    auto table = fl::load_csv(options.data_file, *schema);
    if (!table) return tl::unexpected(table.error());
    const auto data = fl::to_dataset(*table);
    if (!data) return tl::unexpected(data.error());
    const fl::HoldOut split = fl::split_stratified(data->labels, options.holdout, options.seed);
    if (split.kept.empty()) {
        return make_error(ErrorCode::kRefused, options.data_file + " leaves no rows to train on");
    }
    fl::Dataset training = fl::select_rows(*data, split.kept);
    fl::Dataset held_out = fl::select_rows(*data, split.held);
    return Learner(std::move(options), std::move(training), std::move(held_out));
}

Result<std::vector<std::int64_t>> Learner::make_update(const schema::TaskSpec& task,
                                                       const schema::RoundRecord& round,
                                                       ByteView model) const {
    const auto spec = model_spec_of(task.model, training_);
    if (!spec) return tl::unexpected(spec.error());
    const auto parameters = decode_model(model, *spec);
    if (!parameters) return tl::unexpected(parameters.error());
    const fl::TrainingConfig config{.epochs = task.training.epochs,
                                    .batch_size = task.training.batch_size,
                                    .learning_rate_millionths = task.training.learning_rate_micros,
                                    .momentum_millionths = task.training.momentum_micros,
                                    .weight_decay_millionths = task.training.weight_decay_micros};
    if (task.training.proximal_micros != 0) {
        return make_error(ErrorCode::kRefused,
                          "the task asks for a proximal term, which this "
                          "trainer does not have");
    }
    const std::uint64_t seed =
        fl::training_seed(options_.seed, round.terms.task, round.label.round);
    const fl::EncodingParameters encoding{round.terms.nu, round.terms.clip_norm};
    const fl::TransformContext context{
        .round = round.label.round, .clip = fl::clip_to_double(encoding.clip), .seed = seed};
    fl::Dataset data = training_;
    if (options_.deviation.labels) {
        data.labels = options_.deviation.labels(data.labels, context);
    }
    auto delta = fl::train_update(*spec, *parameters, data, config, seed);
    if (!delta) return tl::unexpected(delta.error());
    if (options_.deviation.update) {
        // Who poisons its update obeys no terms: no noise, and the whole bound.
        return fl::encode_update(options_.deviation.update(*delta, context), encoding);
    }
    if (!round.terms.privacy) return fl::encode_update(*delta, encoding);
    const std::uint64_t sigma = round.terms.privacy->noise;
    fl::RandomBits random(options_.noise);
    return fl::make_noisy_update(
        *delta, encoding, {.clip = round.terms.privacy->clip, .variance = {sigma * sigma, 1}},
        random);
}

Result<schema::ReportMetrics> Learner::evaluate(const schema::TaskRecord& task,
                                                std::uint32_t version, ByteView model) const {
    const auto spec = model_spec_of(task.spec.model, held_out_);
    if (!spec) return tl::unexpected(spec.error());
    const auto parameters = decode_model(model, *spec);
    if (!parameters) return tl::unexpected(parameters.error());
    const fl::Metrics metrics = fl::evaluate(*spec, *parameters, held_out_);
    if (!metrics.auc || !metrics.accuracy || !metrics.balanced_accuracy) {
        return make_error(ErrorCode::kUnavailable,
                          "the held-out rows have one class only: no metrics to report");
    }
    schema::ReportMetrics report;
    report.task = task.id;
    report.version = version;
    report.auc_micros = micros_of(*metrics.auc);
    report.accuracy_micros = micros_of(*metrics.accuracy);
    report.balanced_accuracy_micros = micros_of(*metrics.balanced_accuracy);
    report.rows_log2 = static_cast<std::uint8_t>(std::bit_width(held_out_.rows()) - 1);
    return report;
}

}  // namespace consilium::trainer
