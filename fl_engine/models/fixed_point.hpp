// The bridge between floating-point training and the integers that the chain knows.
//
// Model: int64 a parameter in units of 2^-32. Update: the client encoding of the protocol
// (FL-MPC v1, section 5), integer vector u with exact norm <= B = 2^norm_bits. Aggregation and
// the clip schedule are the chain's integer arithmetic, for baselines.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/result.hpp"
#include "core/types.hpp"
#include "fl_engine/models/model_spec.hpp"

namespace consilium::fl {

using IntegerModel = std::vector<std::int64_t>;   // units of 2^-32
using IntegerUpdate = std::vector<std::int64_t>;  // units of C / (B - ceil(sqrt d))

// One unit of the model and of the clip norm.
inline constexpr double kFixedPointUnit = 1.0 / 4294967296.0;
inline constexpr std::uint64_t kMaxClip = std::uint64_t{1} << 56U;  // exclusive

struct EncodingParameters {
    std::uint32_t norm_bits = 22;  // nu, 16..23: B = 2^nu
    std::uint64_t clip = 0;        // C_r, 1 <= C_r < 2^56, units of 2^-32
};

[[nodiscard]] std::vector<double> to_doubles(std::span<const std::int64_t> model);
[[nodiscard]] double clip_to_double(std::uint64_t clip);
// Nearest; kRefused for a value that is not finite or does not fit.
[[nodiscard]] Result<std::uint64_t> clip_from_double(double clip);
[[nodiscard]] std::uint64_t ceil_sqrt(std::uint64_t value);
[[nodiscard]] Uint128 norm_squared(std::span<const std::int64_t> update);

// Clips to L2 norm C_r, scales, rounds to nearest, and shrinks by 1 - 2^-16 until the exact norm
// is <= B. kRefused for NaN or infinity, kMalformed for parameters outside the protocol.
[[nodiscard]] Result<IntegerUpdate> encode_update(std::span<const double> delta,
                                                  const EncodingParameters& parameters);
// As encode_update, in the same units, but clipped so that the exact norm is <= bound, ceil(sqrt d)
// <= bound <= B: the part of an update that noise is added to.
[[nodiscard]] Result<IntegerUpdate> encode_within(std::span<const double> delta,
                                                  const EncodingParameters& parameters,
                                                  std::uint64_t bound);
[[nodiscard]] std::vector<double> decode_update(std::span<const std::int64_t> update,
                                                const EncodingParameters& parameters);

// model += round_half_even(sum * C_r / ((B - ceil(sqrt d)) * weight_sum)); kLimitExceeded when
// a parameter leaves int64.
[[nodiscard]] Result<IntegerModel> apply_aggregate(std::span<const std::int64_t> model,
                                                   std::span<const std::int64_t> sum,
                                                   std::uint64_t weight_sum,
                                                   const EncodingParameters& parameters);

struct ClipBounds {
    std::uint64_t min = 1;
    std::uint64_t max = kMaxClip - 1;
};

// Twice the lower median norm in real units (section 7, step 1, without blur); norms not empty.
[[nodiscard]] std::uint64_t next_clip(std::span<const Uint128> norms_squared,
                                      std::size_t parameter_count,
                                      const EncodingParameters& parameters,
                                      const ClipBounds& bounds);

// W of each layer uniform in [-limit, limit], limit = isqrt(6 * 2^64 / (inputs + outputs)),
// biases 0: the contract's rule with this library's generator.
[[nodiscard]] IntegerModel make_initial_model(const ModelSpec& spec, std::uint64_t seed);

}  // namespace consilium::fl
