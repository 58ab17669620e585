// Who computes the reference update of a round for the worker: it holds no trainer itself.
#pragma once
#include <cstdint>
#include <vector>

#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema/task.hpp"
#include "core/result.hpp"

namespace consilium::mpc {

// Everything public and final: the terms of ROUND_OPEN and the blobs that they name.
struct ReferenceRequest {
    const schema::ModelSpec& model_spec;
    const schema::TrainingHints& training;
    const schema::RoundTerms& terms;
    std::uint64_t round{};
    const std::vector<std::int64_t>& model;  // d parameters, units of 2^-32
    const schema::ReferenceSet& set;         // of as many columns as the model has inputs
};

class ReferenceSource {
  public:
    ReferenceSource() = default;
    ReferenceSource(const ReferenceSource&) = delete;
    ReferenceSource& operator=(const ReferenceSource&) = delete;
    ReferenceSource(ReferenceSource&&) = delete;
    ReferenceSource& operator=(ReferenceSource&&) = delete;
    virtual ~ReferenceSource() = default;

    // g: d integers of norm at most B, the same on every machine. May take seconds for a large
    // model. An error is final for the round: this validator posts no REF.
    [[nodiscard]] virtual Result<std::vector<std::int64_t>> compute(
        const ReferenceRequest& request) = 0;
};

}  // namespace consilium::mpc
