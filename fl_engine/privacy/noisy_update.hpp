// One hospital's update under differential privacy: clipped, noised, still within the norm bound.
//
// x = the update in the chain's units, exact norm <= clip (B_0); u = x + N_Z(0, sigma^2) in each
// coordinate (FL-MPC v1, section 9). Should u be longer than B, which a task's rules make rarer
// than once in 2^57, it is scaled down: post-processing, so the guarantee of u itself stays.
#pragma once
#include <cstdint>
#include <span>

#include "core/result.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/privacy/discrete_gaussian.hpp"

namespace consilium::fl {

struct NoiseTerms {
    std::uint64_t clip = 0;  // B_0, units of C_r / (B - ceil(sqrt d))
    Variance variance;       // sigma_c^2, of the same units
};

// Errors as encode_update; kMalformed for noise terms out of range.
[[nodiscard]] Result<IntegerUpdate> make_noisy_update(std::span<const double> delta,
                                                      const EncodingParameters& parameters,
                                                      const NoiseTerms& noise, RandomBits& random);

// Each entry times bound / norm, rounded towards zero, when the norm is above `bound`; else as is.
void shrink_to_norm(IntegerUpdate& update, std::uint64_t bound);

}  // namespace consilium::fl
