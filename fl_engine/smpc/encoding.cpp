// Integer roots, parameter checks and masking.
#include "fl_engine/smpc/encoding.hpp"

#include <algorithm>
#include <bit>

#include "fl_engine/smpc/range_parameters.hpp"

namespace consilium::smpc {
namespace {

constexpr Uint128 kHeadroom = static_cast<Uint128>(1) << 60;  // half the centred range

tl::unexpected<Error> refuse(const char* condition) {
    return make_error(ErrorCode::kRefused, condition);
}

Uint128 power_of_two(std::uint32_t exponent) {
    return static_cast<Uint128>(1) << exponent;
}

Result<void> validate_ranges(const Committee& committee, const RoundParameters& parameters) {
    const auto& [dimension, norm_bits, blur_bits, clip_norm, mode, c_max, data_weights, is_test] =
        parameters;
    if (dimension < 1 || dimension > kMaxDimension) return refuse("1 <= d <= 2^20");
    if (dimension < 16 && !is_test) return refuse("d >= 16");
    if (norm_bits < kMinNormBits || norm_bits > kMaxNormBits) return refuse("16 <= nu <= 23");
    if (norm_limit(norm_bits) < 16 * ceil_sqrt(dimension)) return refuse("2^nu >= 16 ceil(sqrt d)");
    if (blur_bits < 1 || blur_bits > default_blur_bits(committee, norm_bits)) {
        return refuse("1 <= hb <= default");
    }
    if (clip_norm < 1 || clip_norm >= kClipNormLimit) return refuse("1 <= C_r < 2^56");
    if (!is_known(mode)) return refuse("mode");
    if (c_max < 1 || c_max > kMaxClients) return refuse("1 <= c_max <= 64");
    if (data_weights.size() > kMaxClients) return refuse("M <= 64");
    if (data_weights.size() < min_clients(c_max)) return refuse("M >= n_need");
    for (const std::uint32_t weight : data_weights) {
        if (weight < 1 || weight > kMaxDataWeight) return refuse("1 <= dw_i <= 16");
    }
    if (mode == StatMode::kPairwise && dimension < 16 * (std::uint64_t{c_max} + 1)) {
        return refuse("PAIRWISE needs d >= 16 (c_max + 1)");
    }
    return {};
}

Result<void> validate_headroom(const Committee& committee, const RoundParameters& parameters) {
    const std::uint32_t nu = parameters.norm_bits;
    const Uint128 b_squared = power_of_two(2 * nu);
    const auto beta = static_cast<Uint128>(blur_bound(committee, parameters.blur_bits));
    const auto bound = static_cast<Uint128>(range_shape(parameters.dimension, nu).bound());
    if (2 * bound * parameters.dimension >= kHeadroom) return refuse("H1");
    if (power_of_two(2 * nu + 12) + beta >= kHeadroom) return refuse("H2");
    if (beta > b_squared / 128) return refuse("H3");
    if (power_of_two(16 + 6 + nu) + committee.subset_count() * power_of_two(18) >= kHeadroom) {
        return refuse("H4");
    }
    if (b_squared + b_squared / 32 >= power_of_two(63)) return refuse("H5");
    const Uint128 sums = 63 * 256 * (b_squared + b_squared / 64) + power_of_two(2 * nu + 1);
    if (sums >= kHeadroom) return refuse("H6");
    return {};
}

}  // namespace

std::uint64_t isqrt(Uint128 value) {
    Uint128 root = 0;
    for (Uint128 bit = static_cast<Uint128>(1) << 63; bit != 0; bit >>= 1) {
        const Uint128 candidate = root | bit;
        if (candidate * candidate <= value) root = candidate;
    }
    return static_cast<std::uint64_t>(root);
}

std::uint64_t ceil_sqrt(std::uint64_t value) {
    return value == 0 ? 0 : isqrt(value - 1) + 1;
}

std::uint64_t encoding_scale(std::uint32_t norm_bits, std::uint64_t dimension) {
    const auto scale = checked_sub(norm_limit(norm_bits), ceil_sqrt(dimension));
    CHECK(scale.has_value());
    return *scale;
}

std::uint32_t default_blur_bits(const Committee& committee, std::uint32_t norm_bits) {
    CHECK(norm_bits >= kMinNormBits);
    const auto log2_ceil = static_cast<std::uint32_t>(std::bit_width(committee.subset_count() - 1));
    return 2 * norm_bits - 7 - log2_ceil;
}

std::int64_t blur_bound(const Committee& committee, std::uint32_t blur_bits) {
    CHECK(blur_bits < 48);
    return static_cast<std::int64_t>(committee.subset_count()) << blur_bits;
}

Result<void> validate_round(const Committee& committee, const RoundParameters& parameters) {
    if (auto ranges = validate_ranges(committee, parameters); !ranges) return ranges;
    return validate_headroom(committee, parameters);
}

std::optional<Uint128> squared_norm(std::span<const std::int64_t> update) {
    constexpr Uint128 kLimit = static_cast<Uint128>(1) << 127;
    Uint128 sum = 0;
    for (const std::int64_t value : update) {
        const auto wide = static_cast<Int128>(value);
        sum += static_cast<Uint128>(wide * wide);  // at most 2^126 onto less than 2^127
        if (sum >= kLimit) return std::nullopt;
    }
    return sum;
}

Result<std::vector<Element>> mask_update(const Kdf& kdf, const Committee& committee,
                                         std::span<const ClientMaskKey> ring,
                                         std::span<const std::int64_t> update,
                                         std::uint32_t norm_bits) {
    if (norm_bits < kMinNormBits || norm_bits > kMaxNormBits) return refuse("16 <= nu <= 23");
    if (update.empty() || update.size() > kMaxDimension) return refuse("1 <= d <= 2^20");
    if (ring.size() != committee.subset_count()) {
        return make_error(ErrorCode::kMismatch, "one mask key per subset");
    }
    const auto norm = squared_norm(update);
    if (!norm || *norm > power_of_two(2 * norm_bits)) return refuse("the norm is at most B");
    SecretStream masks(committee, open_streams(kdf, ring, PrgDomain::kUpdateMask));
    std::vector<Element> masked(update.size());
    masks.next(masked);
    for (std::size_t x = 0; x < masked.size(); ++x) {
        masked[x] = Field61::sub(Field61::from_signed(update[x]), masked[x]);
    }
    return masked;
}

std::vector<std::int64_t> unmask_update(const Kdf& kdf, const Committee& committee,
                                        std::span<const ClientMaskKey> ring,
                                        std::span<const Element> masked) {
    SecretStream masks(committee, open_streams(kdf, ring, PrgDomain::kUpdateMask));
    SecretElements mask(masked.size());
    masks.next(mask);
    std::vector<std::int64_t> update(masked.size());
    for (std::size_t x = 0; x < masked.size(); ++x) {
        update[x] = Field61::centered(Field61::add(masked[x], mask[x]));
    }
    return update;
}

}  // namespace consilium::smpc
