// Mini-batch gradient descent of a small network, bit by bit the same everywhere.
//
// Hidden layers use tanh, the last layer is one logit, the loss is binary cross entropy: what an
// honest hospital trains (fl_engine/training). Sums run over inputs, then records, in ascending
// order; no threads. Assumptions on arithmetic: numbers.hpp. Unchecked: trainer.hpp checks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace consilium::reference {

// Features row-major, one row a record; labels 0 or 1.
struct Rows {
    std::size_t columns{};
    std::vector<double> features;
    std::vector<std::uint8_t> labels;
};

struct DescentOptions {
    std::size_t batch_size{};
    double rate{};
    double momentum{};
    double weight_decay{};
};

class Descent {
  public:
    // `layers` from the inputs to the one output; `start` per layer W (outputs x inputs, row-major)
    // and then b.
    Descent(std::vector<std::uint32_t> layers, std::vector<double> start,
            const DescentOptions& options);
    // Goes once through the records in the order given.
    void run_epoch(const Rows& rows, std::span<const std::size_t> order);
    [[nodiscard]] const std::vector<double>& parameters() const { return parameters_; }

  private:
    void load(const Rows& rows, std::span<const std::size_t> batch);
    void forward(std::size_t records);
    void backward(const Rows& rows, std::span<const std::size_t> batch);
    void descend();

    std::vector<std::uint32_t> layers_;
    DescentOptions options_;
    std::vector<double> parameters_;
    std::vector<double> velocity_;
    std::vector<double> gradient_;
    // Per layer: one row a record of the batch. [0] is the input, the last one the logits.
    std::vector<std::vector<double>> activations_;
};

}  // namespace consilium::reference
