// Forward pass, loss and gradient of a model, in doubles.
//
// Hidden layers use tanh, the output is a logit, the loss is binary cross entropy. The same
// inputs give the same bits in one binary. Not thread-safe: it keeps scratch memory.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "fl_engine/data/dataset.hpp"
#include "fl_engine/models/model_spec.hpp"

namespace consilium::fl {

class Network {
  public:
    explicit Network(ModelSpec spec);
    Network(Network&&) noexcept;
    Network& operator=(Network&&) noexcept;
    ~Network();

    [[nodiscard]] const ModelSpec& spec() const;
    // One logit a row. data.columns() == spec().input_count(), parameters.size() == its count.
    [[nodiscard]] std::vector<double> logits(std::span<const double> parameters,
                                             const Dataset& data);
    // Probability of class 1, one a row.
    [[nodiscard]] std::vector<double> probabilities(std::span<const double> parameters,
                                                    const Dataset& data);
    // Mean loss over the named rows (at least one) and its gradient into `gradient`.
    double loss_and_gradient(std::span<const double> parameters, const Dataset& data,
                             std::span<const std::size_t> rows, std::span<double> gradient);

  private:
    struct Scratch;
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace consilium::fl
