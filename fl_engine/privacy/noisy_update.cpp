// Clip, noise, bound.
#include "fl_engine/privacy/noisy_update.hpp"

namespace consilium::fl {
namespace {

// ceil(sqrt(value)) for sums of squares of up to 2^20 entries.
Uint128 ceil_root(Uint128 value) {
    Uint128 root = 0;
    for (Uint128 bit = Uint128{1} << 63U; bit != 0; bit >>= 1U) {
        const Uint128 candidate = root | bit;
        if (candidate <= value / candidate) root = candidate;
    }
    return root * root == value ? root : root + 1;
}

}  // namespace

void shrink_to_norm(IntegerUpdate& update, std::uint64_t bound) {
    const Uint128 square = norm_squared(update);
    if (square <= static_cast<Uint128>(bound) * bound) return;
    const auto norm = static_cast<Int128>(ceil_root(square));
    for (std::int64_t& entry : update) {
        entry = static_cast<std::int64_t>(static_cast<Int128>(entry) * bound / norm);
    }
}

Result<IntegerUpdate> make_noisy_update(std::span<const double> delta,
                                        const EncodingParameters& parameters,
                                        const NoiseTerms& noise, RandomBits& random) {
    if (!is_valid(noise.variance)) {
        return make_error(ErrorCode::kMalformed, "the variance of the noise is out of range");
    }
    auto update = encode_within(delta, parameters, noise.clip);
    if (!update) return update;
    const DiscreteGaussian gaussian(noise.variance);
    for (std::int64_t& entry : *update) entry += gaussian.sample(random);
    shrink_to_norm(*update, std::uint64_t{1} << parameters.norm_bits);
    return update;
}

}  // namespace consilium::fl
