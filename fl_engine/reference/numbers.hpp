// Elementary functions whose bits do not depend on the machine, the compiler or its flags.
//
// Each is a fixed sequence of IEEE 754 additions, multiplications and divisions in double, without
// a call of the mathematics library, whose results differ between versions. Assumes what x86-64
// with SSE2 gives and every other target of the project must give: binary64 without extra
// precision, rounding to nearest, no flushing of subnormals, no contraction to fused operations
// (-ffp-contract=off, never -ffast-math).
#pragma once

namespace consilium::reference {

// e^-x for x >= 0, within 2 units in the last place; 0 beyond 700.
[[nodiscard]] double exp_of_minus(double x);
// Within 4 units in the last place.
[[nodiscard]] double tanh(double x);
[[nodiscard]] double sigmoid(double x);  // 1 / (1 + e^-x)
// To the nearest integer, ties to even; |x| < 2^51.
[[nodiscard]] double round_to_even(double x);
[[nodiscard]] bool is_finite(double x);

// Whether the processor is in the mode that is assumed: another library in the process may have
// changed it.
[[nodiscard]] bool is_arithmetic_as_assumed();

}  // namespace consilium::reference
