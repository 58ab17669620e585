// Forward and backward passes with every sum in a stated order.
#include "fl_engine/reference/network.hpp"

#include <algorithm>
#include <utility>

#include "fl_engine/reference/numbers.hpp"

namespace consilium::reference {
namespace {

// out[x] += factor * in[x]: no sum inside, so vector instructions give the same bits.
void add_scaled(std::span<const double> in, double factor, std::span<double> out) {
    for (std::size_t x = 0; x < out.size(); ++x) out[x] += factor * in[x];
}

double inner_product(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
    return sum;
}

}  // namespace

Descent::Descent(std::vector<std::uint32_t> layers, std::vector<double> start,
                 const DescentOptions& options)
    : layers_(std::move(layers)),
      options_(options),
      parameters_(std::move(start)),
      velocity_(parameters_.size()),
      gradient_(parameters_.size()),
      activations_(layers_.size()) {}

void Descent::run_epoch(const Rows& rows, std::span<const std::size_t> order) {
    for (std::size_t from = 0; from < order.size(); from += options_.batch_size) {
        const std::size_t size = std::min(options_.batch_size, order.size() - from);
        const auto batch = order.subspan(from, size);
        load(rows, batch);
        forward(size);
        backward(rows, batch);
        descend();
    }
}

void Descent::load(const Rows& rows, std::span<const std::size_t> batch) {
    std::vector<double>& input = activations_.front();
    input.clear();
    for (const std::size_t record : batch) {
        const auto row = std::span(rows.features).subspan(record * rows.columns, rows.columns);
        input.insert(input.end(), row.begin(), row.end());
    }
}

void Descent::forward(std::size_t records) {
    std::size_t offset = 0;
    const std::span<const double> parameters(parameters_);
    for (std::size_t layer = 0; layer + 1 < layers_.size(); ++layer) {
        const std::size_t inputs = layers_[layer];
        const std::size_t outputs = layers_[layer + 1];
        const auto biases = parameters.subspan(offset + inputs * outputs, outputs);
        const bool is_hidden = layer + 2 < layers_.size();
        activations_[layer + 1].resize(records * outputs);
        for (std::size_t record = 0; record < records; ++record) {
            const auto in = std::span(activations_[layer]).subspan(record * inputs, inputs);
            for (std::size_t out = 0; out < outputs; ++out) {
                const auto weights = parameters.subspan(offset + out * inputs, inputs);
                const double sum = inner_product(weights, in) + biases[out];
                activations_[layer + 1][record * outputs + out] = is_hidden ? tanh(sum) : sum;
            }
        }
        offset += (inputs + 1) * outputs;
    }
}

void Descent::backward(const Rows& rows, std::span<const std::size_t> batch) {
    std::fill(gradient_.begin(), gradient_.end(), 0.0);
    const std::span<double> gradient(gradient_);
    const std::span<const double> parameters(parameters_);
    const double share = 1.0 / static_cast<double>(batch.size());
    std::vector<double> delta(batch.size());  // of the loss by the layer's sums, one row a record
    for (std::size_t record = 0; record < batch.size(); ++record) {
        const double label = rows.labels[batch[record]];
        delta[record] = (sigmoid(activations_.back()[record]) - label) * share;
    }
    std::size_t offset = parameters_.size();
    for (std::size_t layer = layers_.size() - 1; layer-- > 0;) {
        const std::size_t inputs = layers_[layer];
        const std::size_t outputs = layers_[layer + 1];
        offset -= (inputs + 1) * outputs;
        std::vector<double> below(layer == 0 ? 0 : batch.size() * inputs);
        for (std::size_t record = 0; record < batch.size(); ++record) {
            const auto in = std::span(activations_[layer]).subspan(record * inputs, inputs);
            for (std::size_t out = 0; out < outputs; ++out) {
                const double slope = delta[record * outputs + out];
                add_scaled(in, slope, gradient.subspan(offset + out * inputs, inputs));
                gradient[offset + inputs * outputs + out] += slope;
                if (layer == 0) continue;
                add_scaled(parameters.subspan(offset + out * inputs, inputs), slope,
                           std::span(below).subspan(record * inputs, inputs));
            }
        }
        for (std::size_t x = 0; x < below.size(); ++x) {
            below[x] *= 1.0 - activations_[layer][x] * activations_[layer][x];
        }
        delta = std::move(below);
    }
}

void Descent::descend() {
    for (std::size_t x = 0; x < parameters_.size(); ++x) {
        velocity_[x] = options_.momentum * velocity_[x] + gradient_[x] +
                       options_.weight_decay * parameters_[x];
        parameters_[x] -= options_.rate * velocity_[x];
    }
}

}  // namespace consilium::reference
