// The step of the global model: w += round_half_even(agg * C_r / ((B - ceil(sqrt d)) * sum w)).
//
// Models are int64 in units of 2^-32. All arithmetic is checked; overflow is an error and cancels
// the round.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.hpp"

namespace consilium::smpc {

struct ModelStep {
    std::uint64_t clip_norm{};   // C_r, Q32, below 2^56
    std::uint64_t scale{};       // encoding_scale(nu, d), at least 1
    std::uint64_t weight_sum{};  // of the reduced weights, at least 1
};

// kLimitExceeded when a coordinate leaves int64; kMismatch when lengths differ.
[[nodiscard]] Result<std::vector<std::int64_t>> apply_aggregate(
    std::span<const std::int64_t> model, std::span<const std::int64_t> aggregate,
    const ModelStep& step);

}  // namespace consilium::smpc
