// Implements mini-batch SGD with momentum and weight decay.
#include "fl_engine/training/local_training.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/models/network.hpp"

namespace consilium::fl {
namespace {

double from_config(std::uint32_t millionths) {
    return static_cast<double>(millionths) / 1e6;
}

class Optimiser {
  public:
    Optimiser(const TrainingConfig& config, std::size_t parameter_count)
        : rate_(from_config(config.learning_rate_millionths)),
          momentum_(from_config(config.momentum_millionths)),
          decay_(from_config(config.weight_decay_millionths)),
          velocity_(parameter_count) {}

    void step(std::span<double> parameters, std::span<const double> gradient) {
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            velocity_[i] = momentum_ * velocity_[i] + gradient[i] + decay_ * parameters[i];
            parameters[i] -= rate_ * velocity_[i];
        }
    }

  private:
    double rate_;
    double momentum_;
    double decay_;
    std::vector<double> velocity_;
};

}  // namespace

Result<void> check_training_config(const TrainingConfig& config) {
    if (config.epochs == 0 || config.epochs > kMaxEpochs) {
        return make_error(ErrorCode::kRefused, "epochs must be 1 to " + std::to_string(kMaxEpochs));
    }
    if (config.batch_size == 0)
        return make_error(ErrorCode::kRefused, "batch size must be above 0");
    if (config.learning_rate_millionths == 0 ||
        config.learning_rate_millionths > kMaxRateMillionths) {
        return make_error(ErrorCode::kRefused, "the learning rate must be above 0 and at most 100");
    }
    if (config.momentum_millionths >= 1'000'000 || config.weight_decay_millionths >= 1'000'000) {
        return make_error(ErrorCode::kRefused, "momentum and weight decay must be below 1");
    }
    return {};
}

std::uint64_t training_seed(std::uint64_t hospital_seed, std::uint64_t task, std::uint64_t round) {
    return derive_seed("training", {hospital_seed, task, round});
}

Result<std::vector<double>> train_update(const ModelSpec& spec, std::span<const std::int64_t> model,
                                         const Dataset& data, const TrainingConfig& config,
                                         std::uint64_t seed) {
    if (const Result<void> status = check_training_config(config); !status) {
        return tl::unexpected(status.error());
    }
    if (model.size() != spec.parameter_count()) {
        return make_error(ErrorCode::kRefused, "the global model has " +
                                                   std::to_string(model.size()) +
                                                   " parameters, the task's specification " +
                                                   std::to_string(spec.parameter_count()));
    }
    if (data.columns() != spec.input_count() || data.rows() == 0) {
        return make_error(ErrorCode::kRefused, "the data has " + std::to_string(data.rows()) +
                                                   " records of " + std::to_string(data.columns()) +
                                                   " features, the model takes " +
                                                   std::to_string(spec.input_count()));
    }
    const std::vector<double> start = to_doubles(model);
    std::vector<double> parameters = start;
    std::vector<double> gradient(start.size());
    std::vector<std::size_t> order(data.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Network network(spec);
    Optimiser optimiser(config, start.size());
    RandomStream random(seed);
    for (std::uint32_t epoch = 0; epoch < config.epochs; ++epoch) {
        random.shuffle(order);
        for (std::size_t from = 0; from < order.size(); from += config.batch_size) {
            const std::size_t size = std::min<std::size_t>(config.batch_size, order.size() - from);
            network.loss_and_gradient(parameters, data, std::span(order).subspan(from, size),
                                      gradient);
            optimiser.step(parameters, gradient);
        }
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        parameters[i] -= start[i];
        if (!std::isfinite(parameters[i])) {
            return make_error(ErrorCode::kRefused,
                              "training diverged; lower the learning rate or check the scaling of "
                              "the data");
        }
    }
    return parameters;
}

}  // namespace consilium::fl
