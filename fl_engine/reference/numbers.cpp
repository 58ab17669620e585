// Polynomials and continued fractions in a fixed order of operations.
#include "fl_engine/reference/numbers.hpp"

#include <array>
#include <bit>
#include <cfloat>
#include <cstdint>
#include <limits>

namespace consilium::reference {
namespace {

static_assert(std::numeric_limits<double>::is_iec559 && std::numeric_limits<double>::digits == 53);
static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed in double, not in a wider format");
#if defined(__FAST_MATH__)
#error "the reference trainer must not be compiled with -ffast-math"
#endif

constexpr double kLog2E = 0x1.71547652b82fep0;
// ln 2 in two parts; the first has 21 trailing zeros, so its product with a small integer is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLargestExponent = 700;  // e^-700 is still a normal number

// 1/13!, 1/12!, ..., 1/1!, 1/0!; the compiler's division is the same IEEE division.
constexpr std::array<double, 14> inverse_factorials() {
    std::array<double, 14> values{};
    double factorial = 1;
    for (unsigned i = 0; i < values.size(); ++i) {
        if (i > 0) factorial *= static_cast<double>(i);
        values[values.size() - 1 - i] = 1.0 / factorial;
    }
    return values;
}
constexpr std::array<double, 14> kInverseFactorials = inverse_factorials();

double power_of_two(std::int64_t exponent) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52U);
}

}  // namespace

double exp_of_minus(double x) {
    if (!(x < kLargestExponent)) return 0;
    // -x = k ln 2 + r with |r| <= ln 2 / 2.
    const double up = x * kLog2E + 0.5;  // the cut below makes it the nearest integer
    const auto k = -static_cast<std::int64_t>(up);
    const double steps = static_cast<double>(k);
    const double r = (-x - steps * kLn2High) - steps * kLn2Low;
    double sum = kInverseFactorials[0];
    for (unsigned i = 1; i < kInverseFactorials.size(); ++i) sum = sum * r + kInverseFactorials[i];
    return sum * power_of_two(k);
}

double tanh(double x) {
    const double size = x < 0 ? -x : x;
    double value = 0;
    if (size < 0.5) {
        // Lambert's continued fraction: here 1 - e^-2x would lose digits.
        const double square = size * size;
        double below = 17;
        for (int odd = 15; odd >= 1; odd -= 2) below = static_cast<double>(odd) + square / below;
        value = size / below;
    } else {
        const double e = exp_of_minus(2 * size);
        value = (1 - e) / (1 + e);
    }
    return x < 0 ? -value : value;
}

double sigmoid(double x) {
    if (x >= 0) return 1 / (1 + exp_of_minus(x));
    const double e = exp_of_minus(-x);
    return e / (1 + e);
}

double round_to_even(double x) {
    // Numbers from 2^52 on have no fraction: the addition rounds, the subtraction takes it back.
    constexpr double kShift = 0x1.8p52;
    return (x + kShift) - kShift;
}

bool is_finite(double x) {
    constexpr std::uint64_t kExponent = 0x7FF0'0000'0000'0000U;
    return (std::bit_cast<std::uint64_t>(x) & kExponent) != kExponent;
}

bool is_arithmetic_as_assumed() {
    // volatile: these must be computed when the program runs.
    volatile double one = 1;
    volatile double half_unit = 0x1p-53;
    volatile double smallest = std::numeric_limits<double>::min();
    const bool is_to_nearest =
        one + half_unit == 1 && one + 1.5 * half_unit > 1 && -one - 1.5 * half_unit < -1;
    const bool keeps_subnormals = smallest * 0.5 > 0;
    return is_to_nearest && keeps_subnormals;
}

}  // namespace consilium::reference
