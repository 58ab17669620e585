// Implements SGD on one hidden tanh layer with blocks of units that stay in vector registers.
//
// Weights lie transposed, [input][unit], padded to whole blocks of units. Padding units have
// weight 0 everywhere and never move.
#include "tests/lab/fast_training.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"

// The loader picks the widest form that the processor has. Elementwise operations without
// contraction give the same bits in each.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CONSILIUM_LAB_CLONES __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define CONSILIUM_LAB_CLONES
#endif

namespace consilium::lab {
namespace {

constexpr std::size_t kBlock = 8;  // units of one vector
constexpr std::size_t kTile = 16;  // units handled together, two vectors
using Block = double __attribute__((vector_size(kBlock * sizeof(double)), aligned(8), may_alias));

struct BatchView {
    const double* const* rows;  // first feature of each record
    double* units;              // [record][unit]: activations, then deltas
    std::size_t size = 0;
};

// units[i][j] += sum over inputs of rows[i][k] x weights[k][j] for kRows records from `first` on
// and one tile of units: a line of weights is loaded once for all of them.
template <std::size_t kRows>
[[gnu::always_inline]] inline void multiply_rows(const BatchView& batch, std::size_t first,
                                                 const double* weights, std::size_t inputs,
                                                 std::size_t stride) {
    Block sums[kRows][2];
    for (std::size_t i = 0; i < kRows; ++i) {
        const Block* units = reinterpret_cast<const Block*>(batch.units + (first + i) * stride);
        sums[i][0] = units[0];
        sums[i][1] = units[1];
    }
    const double* const* rows = batch.rows + first;
    for (std::size_t k = 0; k < inputs; ++k) {
        const Block* line = reinterpret_cast<const Block*>(weights + k * stride);
        for (std::size_t i = 0; i < kRows; ++i) {
            sums[i][0] += rows[i][k] * line[0];
            sums[i][1] += rows[i][k] * line[1];
        }
    }
    for (std::size_t i = 0; i < kRows; ++i) {
        Block* units = reinterpret_cast<Block*>(batch.units + (first + i) * stride);
        units[0] = sums[i][0];
        units[1] = sums[i][1];
    }
}

CONSILIUM_LAB_CLONES
void multiply_tile(const BatchView& batch, const double* weights, std::size_t inputs,
                   std::size_t stride) {
    std::size_t i = 0;
    for (; i + 8 <= batch.size; i += 8) multiply_rows<8>(batch, i, weights, inputs, stride);
    for (; i < batch.size; ++i) multiply_rows<1>(batch, i, weights, inputs, stride);
}

// The sums over the batch of row[k] x delta[j] for kLines inputs from k on, times `rate`, are taken
// off the weights of one tile of units.
template <std::size_t kLines>
[[gnu::always_inline]] inline void step_lines(const BatchView& batch, double* weights,
                                              std::size_t k, std::size_t stride, double rate) {
    Block sums[kLines][2] = {};
    for (std::size_t i = 0; i < batch.size; ++i) {
        const Block* delta = reinterpret_cast<const Block*>(batch.units + i * stride);
        const double* x = batch.rows[i] + k;
        for (std::size_t line = 0; line < kLines; ++line) {
            sums[line][0] += x[line] * delta[0];
            sums[line][1] += x[line] * delta[1];
        }
    }
    for (std::size_t line = 0; line < kLines; ++line) {
        Block* target = reinterpret_cast<Block*>(weights + (k + line) * stride);
        target[0] -= rate * sums[line][0];
        target[1] -= rate * sums[line][1];
    }
}

CONSILIUM_LAB_CLONES
void step_tile(const BatchView& batch, double* weights, std::size_t inputs, std::size_t stride,
               double rate) {
    std::size_t k = 0;
    for (; k + 8 <= inputs; k += 8) step_lines<8>(batch, weights, k, stride, rate);
    for (; k < inputs; ++k) step_lines<1>(batch, weights, k, stride, rate);
}

double sigmoid(double x) {
    if (x >= 0) return 1.0 / (1.0 + std::exp(-x));
    const double e = std::exp(x);
    return e / (1.0 + e);
}

class HiddenLayerNet {
  public:
    HiddenLayerNet(std::size_t inputs, std::size_t units, std::span<const double> parameters)
        : inputs_(inputs),
          units_(units),
          stride_((units + kTile - 1) / kTile * kTile),
          weights_(inputs * stride_),
          bias_(stride_),
          out_weights_(stride_) {
        for (std::size_t j = 0; j < units; ++j) {
            for (std::size_t k = 0; k < inputs; ++k) {
                weights_[k * stride_ + j] = parameters[j * inputs + k];
            }
            bias_[j] = parameters[units * inputs + j];
            out_weights_[j] = parameters[units * (inputs + 1) + j];
        }
        out_bias_ = parameters.back();
    }

    void step(const fl::Dataset& data, std::span<const std::size_t> rows, double rate) {
        records_.resize(rows.size());
        hidden_.resize(rows.size() * stride_);
        output_errors_.resize(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            records_[i] = data.row(rows[i]).data();
            std::copy(bias_.begin(), bias_.end(),
                      hidden_.begin() + static_cast<std::ptrdiff_t>(i * stride_));
        }
        for (std::size_t j = 0; j < stride_; j += kTile) {
            multiply_tile(batch(j), weights_.data() + j, inputs_, stride_);
        }
        const double share = 1.0 / static_cast<double>(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            output_errors_[i] = (sigmoid(activate(i)) - data.labels[rows[i]]) * share;
        }
        backward(rate);
    }

    // In the layout of ModelSpec.
    [[nodiscard]] std::vector<double> parameters() const {
        std::vector<double> out(units_ * (inputs_ + 2) + 1);
        for (std::size_t j = 0; j < units_; ++j) {
            for (std::size_t k = 0; k < inputs_; ++k) {
                out[j * inputs_ + k] = weights_[k * stride_ + j];
            }
            out[units_ * inputs_ + j] = bias_[j];
            out[units_ * (inputs_ + 1) + j] = out_weights_[j];
        }
        out.back() = out_bias_;
        return out;
    }

  private:
    [[nodiscard]] BatchView batch(std::size_t first_unit) {
        return {records_.data(), hidden_.data() + first_unit, records_.size()};
    }

    // Activations of the record in place of its sums; returns its logit.
    double activate(std::size_t record) {
        double* hidden = hidden_.data() + record * stride_;
        double logit = out_bias_;
        for (std::size_t j = 0; j < units_; ++j) {
            hidden[j] = std::tanh(hidden[j]);
            logit += out_weights_[j] * hidden[j];
        }
        return logit;
    }

    void backward(double rate) {
        std::vector<double> out_gradient(stride_);
        std::vector<double> bias_gradient(stride_);
        double out_bias_gradient = 0;
        for (std::size_t i = 0; i < output_errors_.size(); ++i) {
            double* hidden = hidden_.data() + i * stride_;
            out_bias_gradient += output_errors_[i];
            for (std::size_t j = 0; j < stride_; ++j) {
                const double activation = hidden[j];
                out_gradient[j] += output_errors_[i] * activation;
                // From here on the place holds the unit's delta.
                hidden[j] = output_errors_[i] * out_weights_[j] * (1.0 - activation * activation);
                bias_gradient[j] += hidden[j];
            }
        }
        for (std::size_t j = 0; j < stride_; j += kTile) {
            step_tile(batch(j), weights_.data() + j, inputs_, stride_, rate);
        }
        for (std::size_t j = 0; j < stride_; ++j) {
            bias_[j] -= rate * bias_gradient[j];
            out_weights_[j] -= rate * out_gradient[j];
        }
        out_bias_ -= rate * out_bias_gradient;
    }

    std::size_t inputs_;
    std::size_t units_;
    std::size_t stride_;
    std::vector<double> weights_;
    std::vector<double> bias_;
    std::vector<double> out_weights_;
    double out_bias_ = 0;
    std::vector<const double*> records_;
    std::vector<double> hidden_;
    std::vector<double> output_errors_;
};

bool is_plain(const fl::TrainingConfig& config) {
    return config.momentum_millionths == 0 && config.weight_decay_millionths == 0;
}

bool does_fit(const fl::ModelSpec& spec, std::span<const std::int64_t> model,
              const fl::Dataset& data) {
    return model.size() == spec.parameter_count() && data.columns() == spec.input_count() &&
           data.rows() > 0;
}

}  // namespace

Result<std::vector<double>> train_fast(const fl::ModelSpec& spec,
                                       std::span<const std::int64_t> model, const fl::Dataset& data,
                                       const fl::TrainingConfig& config, std::uint64_t seed) {
    const bool has_one_hidden_layer = spec.layers.size() == 3;
    if (!has_one_hidden_layer || !is_plain(config) || !does_fit(spec, model, data) ||
        !fl::check_training_config(config)) {
        return fl::train_update(spec, model, data, config, seed);
    }
    const std::vector<double> start = fl::to_doubles(model);
    HiddenLayerNet net(spec.layers[0], spec.layers[1], start);
    std::vector<std::size_t> order(data.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    fl::RandomStream random(seed);
    const double rate = static_cast<double>(config.learning_rate_millionths) / 1e6;
    for (std::uint32_t epoch = 0; epoch < config.epochs; ++epoch) {
        random.shuffle(order);
        for (std::size_t from = 0; from < order.size(); from += config.batch_size) {
            const std::size_t size = std::min<std::size_t>(config.batch_size, order.size() - from);
            net.step(data, std::span(order).subspan(from, size), rate);
        }
    }
    std::vector<double> delta = net.parameters();
    for (std::size_t i = 0; i < delta.size(); ++i) {
        delta[i] -= start[i];
        if (!std::isfinite(delta[i])) {
            return make_error(ErrorCode::kRefused, "training diverged; lower the learning rate");
        }
    }
    return delta;
}

}  // namespace consilium::lab
