// Rejection from masked words, and the alternating series behind exp(-x) as coin flips.
#include "fl_engine/privacy/random_bits.hpp"

#include <bit>

#include "core/check.hpp"
#include "core/secret.hpp"

namespace consilium::fl {
namespace {

constexpr unsigned kWordBits = 64;

// All ones up to the highest set bit of `value`.
std::uint64_t mask_of(std::uint64_t value) {
    return value == 0 ? 0 : ~std::uint64_t{0} >> std::countl_zero(value);
}

}  // namespace

RandomBits::~RandomBits() {
    erase_memory(buffer_.data(), buffer_.size());
    erase_memory(&flips_, sizeof flips_);
}

std::uint64_t RandomBits::word() {
    if (used_ + sizeof(std::uint64_t) > buffer_.size()) {
        source_(buffer_);
        used_ = 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
        value |= std::uint64_t{buffer_[used_ + i]} << (8 * i);
    }
    used_ += sizeof value;
    return value;
}

bool RandomBits::flip() {
    if (flips_left_ == 0) {
        flips_ = word();
        flips_left_ = kWordBits;
    }
    const bool is_head = (flips_ & 1U) != 0;
    flips_ >>= 1U;
    --flips_left_;
    return is_head;
}

std::uint64_t RandomBits::below(std::uint64_t bound) {
    CHECK(bound > 0);
    if (bound == 1) return 0;
    const std::uint64_t mask = mask_of(bound - 1);
    while (true) {
        const std::uint64_t value = word() & mask;
        if (value < bound) return value;
    }
}

Uint128 RandomBits::below_wide(Uint128 bound) {
    CHECK(bound > 0);
    const Uint128 last = bound - 1;
    const auto high = static_cast<std::uint64_t>(last >> kWordBits);
    if (high == 0) {
        const auto low = static_cast<std::uint64_t>(last);
        if (low != ~std::uint64_t{0}) return below(low + 1);
        return word();
    }
    while (true) {
        const Uint128 value = (Uint128{word() & mask_of(high)} << kWordBits) | word();
        if (value < bound) return value;
    }
}

bool RandomBits::bernoulli(Uint128 numerator, Uint128 denominator) {
    CHECK(numerator <= denominator);
    return below_wide(denominator) < numerator;
}

// 0 <= numerator / denominator <= 1. Heads come up k times in a row with probability x^k / k!,
// so the first tail has an odd number with probability 1 - x + x^2/2! - ... = exp(-x).
bool RandomBits::bernoulli_exp_fraction(Uint128 numerator, Uint128 denominator) {
    std::uint64_t count = 1;
    // Bernoulli(x / count) as two independent coins, so that no product can overflow.
    while (bernoulli(numerator, denominator) && below(count) == 0) ++count;
    return count % 2 == 1;
}

bool RandomBits::bernoulli_exp(Uint128 numerator, Uint128 denominator) {
    CHECK(denominator > 0);
    while (numerator > denominator) {
        if (!bernoulli_exp_fraction(1, 1)) return false;
        numerator -= denominator;
    }
    return bernoulli_exp_fraction(numerator, denominator);
}

}  // namespace consilium::fl
