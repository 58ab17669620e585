// Implements forward and backward passes on Eigen; the only file of the engine that sees it.
#include "fl_engine/models/network.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <Eigen/Core>

#include "core/check.hpp"

namespace consilium::fl {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMatrixMap = Eigen::Map<const Matrix>;
using MatrixMap = Eigen::Map<Matrix>;
using ConstVectorMap = Eigen::Map<const Eigen::RowVectorXd>;
using VectorMap = Eigen::Map<Eigen::RowVectorXd>;

Eigen::Index index(std::size_t value) {
    return static_cast<Eigen::Index>(value);
}

// Rows that pass through the network together: bounds the scratch memory of a forward pass.
constexpr std::size_t kForwardRows = 1'024;

// log(1 + exp(x)) without overflow.
double softplus(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

double sigmoid(double x) {
    if (x >= 0) return 1.0 / (1.0 + std::exp(-x));
    const double e = std::exp(x);
    return e / (1.0 + e);
}

}  // namespace

struct Network::Scratch {
    ModelSpec spec;
    std::vector<Matrix> activations;  // [0] is the input, the last one the logits

    void load(const Dataset& data, std::span<const std::size_t> rows) {
        Matrix& input = activations.front();
        input.resize(index(rows.size()), index(data.columns()));
        for (std::size_t i = 0; i < rows.size(); ++i) {
            CHECK(rows[i] < data.rows());
            input.row(index(i)) = ConstVectorMap(data.row(rows[i]).data(), index(data.columns()));
        }
    }

    void forward(std::span<const double> parameters) {
        std::size_t offset = 0;
        for (std::size_t layer = 0; layer + 1 < spec.layers.size(); ++layer) {
            const std::size_t inputs = spec.layers[layer];
            const std::size_t outputs = spec.layers[layer + 1];
            const ConstMatrixMap weights(parameters.data() + offset, index(outputs), index(inputs));
            const ConstVectorMap bias(parameters.data() + offset + inputs * outputs,
                                      index(outputs));
            offset += (inputs + 1) * outputs;
            Matrix& out = activations[layer + 1];
            out.noalias() = activations[layer] * weights.transpose();
            out.rowwise() += bias;
            if (layer + 2 < spec.layers.size()) {
                out = out.unaryExpr([](double x) { return std::tanh(x); });
            }
        }
    }

    // `delta` holds the derivative of the loss by the logits.
    void backward(std::span<const double> parameters, Matrix delta, std::span<double> gradient) {
        std::size_t offset = parameters.size();
        for (std::size_t layer = spec.layers.size() - 1; layer-- > 0;) {
            const std::size_t inputs = spec.layers[layer];
            const std::size_t outputs = spec.layers[layer + 1];
            offset -= (inputs + 1) * outputs;
            MatrixMap(gradient.data() + offset, index(outputs), index(inputs)).noalias() =
                delta.transpose() * activations[layer];
            VectorMap(gradient.data() + offset + inputs * outputs, index(outputs)) =
                delta.colwise().sum();
            if (layer == 0) return;
            const ConstMatrixMap weights(parameters.data() + offset, index(outputs), index(inputs));
            Matrix below = delta * weights;
            below.array() *= 1.0 - activations[layer].array().square();
            delta = std::move(below);
        }
    }
};

Network::Network(ModelSpec spec) : scratch_(std::make_unique<Scratch>()) {
    CHECK(spec.layers.size() >= 2);
    scratch_->activations.resize(spec.layers.size());
    scratch_->spec = std::move(spec);
}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

const ModelSpec& Network::spec() const {
    return scratch_->spec;
}

std::vector<double> Network::logits(std::span<const double> parameters, const Dataset& data) {
    CHECK(parameters.size() == spec().parameter_count());
    CHECK(data.columns() == spec().input_count());
    std::vector<double> out;
    out.reserve(data.rows());
    std::vector<std::size_t> rows;
    for (std::size_t from = 0; from < data.rows(); from += rows.size()) {
        rows.resize(std::min(kForwardRows, data.rows() - from));
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = from + i;
        scratch_->load(data, rows);
        scratch_->forward(parameters);
        const Matrix& logit = scratch_->activations.back();
        out.insert(out.end(), logit.data(), logit.data() + logit.rows());
    }
    return out;
}

std::vector<double> Network::probabilities(std::span<const double> parameters,
                                           const Dataset& data) {
    std::vector<double> out = logits(parameters, data);
    for (double& value : out) value = sigmoid(value);
    return out;
}

double Network::loss_and_gradient(std::span<const double> parameters, const Dataset& data,
                                  std::span<const std::size_t> rows, std::span<double> gradient) {
    CHECK(parameters.size() == spec().parameter_count());
    CHECK(gradient.size() == parameters.size());
    CHECK(data.columns() == spec().input_count());
    CHECK(!rows.empty());
    scratch_->load(data, rows);
    scratch_->forward(parameters);
    const Matrix& logit = scratch_->activations.back();
    const double share = 1.0 / static_cast<double>(rows.size());
    Matrix delta(logit.rows(), 1);
    double loss = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const double z = logit(index(i), 0);
        const double label = data.labels[rows[i]];
        loss += softplus(z) - label * z;
        delta(index(i), 0) = (sigmoid(z) - label) * share;
    }
    scratch_->backward(parameters, std::move(delta), gradient);
    return loss * share;
}

}  // namespace consilium::fl
