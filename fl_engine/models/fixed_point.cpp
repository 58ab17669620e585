// Implements encoding, aggregation and the clip schedule in exact integers.
#include "fl_engine/models/fixed_point.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.hpp"
#include "fl_engine/data/random_stream.hpp"

namespace consilium::fl {
namespace {

constexpr std::uint32_t kMinNormBits = 16;
constexpr std::uint32_t kMaxNormBits = 23;

Uint128 isqrt(Uint128 value) {
    // Bit by bit from the top: exact for every value, no floating point.
    Uint128 root = 0;
    for (Uint128 bit = Uint128{1} << 63U; bit != 0; bit >>= 1U) {
        const Uint128 candidate = root | bit;
        if (candidate <= value / candidate) root = candidate;
    }
    return root;
}

// B - ceil(sqrt d): the norm that C_r is scaled to; rounding adds at most sqrt(d)/2.
std::uint64_t scaled_norm(std::size_t parameter_count, const EncodingParameters& parameters) {
    return (std::uint64_t{1} << parameters.norm_bits) - ceil_sqrt(parameter_count);
}

Result<void> check_parameters(std::size_t parameter_count, const EncodingParameters& parameters) {
    if (parameter_count == 0 || parameter_count > kMaxParameters) {
        return make_error(ErrorCode::kMalformed, "an update has 1 to 2^20 parameters");
    }
    if (parameters.norm_bits < kMinNormBits || parameters.norm_bits > kMaxNormBits ||
        (std::uint64_t{1} << parameters.norm_bits) < 16 * ceil_sqrt(parameter_count)) {
        return make_error(ErrorCode::kMalformed, "the norm parameter does not fit the update");
    }
    if (parameters.clip == 0 || parameters.clip >= kMaxClip) {
        return make_error(ErrorCode::kMalformed, "the clip norm is outside 1 .. 2^56 - 1");
    }
    return {};
}

// floor(a / b) and the remainder, b > 0.
Int128 round_half_even_div(Int128 numerator, Int128 denominator) {
    Int128 quotient = numerator / denominator;
    Int128 remainder = numerator % denominator;
    if (remainder < 0) {
        remainder += denominator;
        --quotient;
    }
    const Int128 rest = denominator - remainder;
    if (remainder > rest || (remainder == rest && quotient % 2 != 0)) ++quotient;
    return quotient;
}

// The update divided by its largest magnitude, so that squares neither overflow nor vanish.
struct Normalised {
    std::vector<double> direction;  // L2 norm 1, or all zero
    double norm = 0;                // may be infinite for entries near the largest double
};

Normalised normalise(std::span<const double> delta) {
    Normalised out{.direction = std::vector<double>(delta.size()), .norm = 0};
    double largest = 0;
    for (const double value : delta) largest = std::max(largest, std::abs(value));
    if (largest == 0) return out;
    double sum = 0;
    for (std::size_t i = 0; i < delta.size(); ++i) {
        out.direction[i] = delta[i] / largest;
        sum += out.direction[i] * out.direction[i];
    }
    const double root = std::sqrt(sum);
    for (double& value : out.direction) value /= root;
    out.norm = largest * root;
    return out;
}

}  // namespace

std::vector<double> to_doubles(std::span<const std::int64_t> model) {
    std::vector<double> out(model.size());
    std::transform(model.begin(), model.end(), out.begin(),
                   [](std::int64_t value) { return static_cast<double>(value) * kFixedPointUnit; });
    return out;
}

double clip_to_double(std::uint64_t clip) {
    return static_cast<double>(clip) * kFixedPointUnit;
}

Result<std::uint64_t> clip_from_double(double clip) {
    const double units = std::nearbyint(clip / kFixedPointUnit);
    if (!(units >= 1 && units < static_cast<double>(kMaxClip))) {
        return make_error(ErrorCode::kRefused,
                          "the clip norm must be at least 2^-32 and below 2^24");
    }
    return static_cast<std::uint64_t>(units);
}

std::uint64_t ceil_sqrt(std::uint64_t value) {
    return value == 0 ? 0 : static_cast<std::uint64_t>(isqrt(value - 1)) + 1;
}

Uint128 norm_squared(std::span<const std::int64_t> update) {
    Uint128 sum = 0;
    for (const std::int64_t value : update) {
        const Int128 wide = value;
        sum += static_cast<Uint128>(wide * wide);
    }
    return sum;
}

Result<IntegerUpdate> encode_update(std::span<const double> delta,
                                    const EncodingParameters& parameters) {
    return encode_within(delta, parameters, std::uint64_t{1} << (parameters.norm_bits % 64));
}

Result<IntegerUpdate> encode_within(std::span<const double> delta,
                                    const EncodingParameters& parameters, std::uint64_t bound) {
    if (const Result<void> status = check_parameters(delta.size(), parameters); !status) {
        return tl::unexpected(status.error());
    }
    const std::uint64_t root = ceil_sqrt(delta.size());
    if (bound < root || bound > std::uint64_t{1} << parameters.norm_bits) {
        return make_error(ErrorCode::kMalformed, "the bound of the norm does not fit the update");
    }
    if (!std::all_of(delta.begin(), delta.end(), [](double v) { return std::isfinite(v); })) {
        return make_error(ErrorCode::kRefused,
                          "the update holds a value that is not a finite number; training "
                          "diverged: lower the learning rate or check the data");
    }
    const Normalised update = normalise(delta);
    const double clip = clip_to_double(parameters.clip);
    // |u| before rounding: C_r maps to B - ceil(sqrt d), longer updates are clipped to the bound.
    double length =
        std::min(static_cast<double>(scaled_norm(delta.size(), parameters)) * (update.norm / clip),
                 static_cast<double>(bound - root));
    const Uint128 square = static_cast<Uint128>(bound) * bound;
    IntegerUpdate encoded(delta.size());
    while (true) {
        for (std::size_t i = 0; i < delta.size(); ++i) {
            encoded[i] = static_cast<std::int64_t>(std::nearbyint(update.direction[i] * length));
        }
        if (norm_squared(encoded) <= square) return encoded;
        length *= 1.0 - 0x1.0p-16;
    }
}

std::vector<double> decode_update(std::span<const std::int64_t> update,
                                  const EncodingParameters& parameters) {
    const double unit = clip_to_double(parameters.clip) /
                        static_cast<double>(scaled_norm(update.size(), parameters));
    std::vector<double> out(update.size());
    std::transform(update.begin(), update.end(), out.begin(),
                   [unit](std::int64_t value) { return static_cast<double>(value) * unit; });
    return out;
}

Result<IntegerModel> apply_aggregate(std::span<const std::int64_t> model,
                                     std::span<const std::int64_t> sum, std::uint64_t weight_sum,
                                     const EncodingParameters& parameters) {
    if (const Result<void> status = check_parameters(model.size(), parameters); !status) {
        return tl::unexpected(status.error());
    }
    if (sum.size() != model.size() || weight_sum == 0) {
        return make_error(ErrorCode::kMismatch, "sum, weights and model do not fit together");
    }
    constexpr std::uint64_t kMaxWeightSum = std::uint64_t{1} << 32U;  // 64 slots of 2^16, with room
    if (weight_sum > kMaxWeightSum) {
        return make_error(ErrorCode::kLimitExceeded, "the sum of the weights is too large");
    }
    const Int128 denominator =
        static_cast<Int128>(scaled_norm(model.size(), parameters)) * weight_sum;
    IntegerModel out(model.size());
    for (std::size_t i = 0; i < model.size(); ++i) {
        // |sum| < 2^63 and C_r < 2^56: the product fits into 127 bits.
        const Int128 step =
            round_half_even_div(static_cast<Int128>(sum[i]) * parameters.clip, denominator);
        const Int128 moved = step + model[i];
        if (moved > std::numeric_limits<std::int64_t>::max() ||
            moved < std::numeric_limits<std::int64_t>::min()) {
            return make_error(ErrorCode::kLimitExceeded, "a model parameter leaves 64 bits");
        }
        out[i] = static_cast<std::int64_t>(moved);
    }
    return out;
}

std::uint64_t next_clip(std::span<const Uint128> norms_squared, std::size_t parameter_count,
                        const EncodingParameters& parameters, const ClipBounds& bounds) {
    CHECK(!norms_squared.empty());
    CHECK(bounds.min <= bounds.max);
    std::vector<Uint128> sorted(norms_squared.begin(), norms_squared.end());
    std::sort(sorted.begin(), sorted.end());
    const Uint128 median = std::max<Uint128>(sorted[(sorted.size() - 1) / 2], 1);
    // An encoded norm is at most B <= 2^23, so the product stays below 2^24 * 2^56.
    const Uint128 next =
        isqrt(4 * median) * parameters.clip / scaled_norm(parameter_count, parameters);
    return static_cast<std::uint64_t>(std::clamp<Uint128>(next, bounds.min, bounds.max));
}

IntegerModel make_initial_model(const ModelSpec& spec, std::uint64_t seed) {
    RandomStream random(derive_seed("initial-model", {seed}));
    IntegerModel model;
    model.reserve(spec.parameter_count());
    for (std::size_t layer = 0; layer + 1 < spec.layers.size(); ++layer) {
        const std::uint64_t inputs = spec.layers[layer];
        const std::uint64_t outputs = spec.layers[layer + 1];
        const auto limit =
            static_cast<std::uint64_t>(isqrt((Uint128{6} << 64U) / (inputs + outputs)));
        for (std::uint64_t i = 0; i < inputs * outputs; ++i) {
            model.push_back(static_cast<std::int64_t>(random.below(2 * limit + 1)) -
                            static_cast<std::int64_t>(limit));
        }
        model.insert(model.end(), outputs, 0);
    }
    return model;
}

}  // namespace consilium::fl
