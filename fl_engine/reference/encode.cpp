// Clipping and rounding in a fixed order of operations.
#include "fl_engine/reference/encode.hpp"

#include <algorithm>

#include "fl_engine/reference/numbers.hpp"

namespace consilium::reference {
namespace {

constexpr double kUnit = 0x1p-32;

struct Direction {
    std::vector<double> values;  // of norm 1, or all zero
    double norm = 0;             // of the update
};

// Divided by the largest magnitude first, so that squares neither overflow nor vanish.
Direction direction_of(std::span<const double> update) {
    Direction out{std::vector<double>(update.size()), 0};
    double largest = 0;
    for (const double value : update) largest = std::max(largest, value < 0 ? -value : value);
    if (largest == 0) return out;
    double sum = 0;
    for (std::size_t x = 0; x < update.size(); ++x) {
        out.values[x] = update[x] / largest;
        sum += out.values[x] * out.values[x];
    }
    // IEEE 754 prescribes the correctly rounded square root; compiled to the instruction.
    const double root = __builtin_sqrt(sum);
    for (double& value : out.values) value /= root;
    out.norm = largest * root;
    return out;
}

}  // namespace

Uint128 exact_norm(std::span<const std::int64_t> update) {
    Uint128 sum = 0;
    for (const std::int64_t value : update) {
        const Int128 wide = value;
        sum += static_cast<Uint128>(wide * wide);
    }
    return sum;
}

std::uint64_t ceil_sqrt(std::uint64_t value) {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31U; bit != 0; bit >>= 1U) {
        const std::uint64_t candidate = root | bit;
        if (candidate * candidate <= value) root = candidate;
    }
    return root * root == value ? root : root + 1;
}

std::vector<std::int64_t> encode(std::span<const double> update, const Encoding& encoding) {
    const Direction direction = direction_of(update);
    const std::uint64_t bound = std::uint64_t{1} << encoding.norm_bits;
    const double clip = static_cast<double>(encoding.clip_norm) * kUnit;
    const double ratio = direction.norm / clip;
    double length = static_cast<double>(bound - ceil_sqrt(update.size())) * std::min(ratio, 1.0);
    std::vector<std::int64_t> encoded(update.size());
    for (;;) {
        for (std::size_t x = 0; x < encoded.size(); ++x) {
            encoded[x] = static_cast<std::int64_t>(round_to_even(direction.values[x] * length));
        }
        if (exact_norm(encoded) <= Uint128{bound} * bound) return encoded;
        length *= 1.0 - 0x1p-16;
    }
}

}  // namespace consilium::reference
