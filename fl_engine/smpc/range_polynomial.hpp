// Polynomials through the nodes 0, 1, .. D, as the range proof needs them (steps R4 and R5).
//
// Nodes are consecutive integers, so every Lagrange weight is a product of factorials.
#pragma once
#include <span>
#include <vector>

#include "fl_engine/smpc/prss.hpp"

namespace consilium::smpc {

// Values at N+1 .. 2N of the polynomial of degree at most N through values[m] at m = 0..N. N >= 1.
// N^2 multiplications.
[[nodiscard]] SecretElements extend_polynomial(std::span<const Element> values);

// l[j] with P(point) = sum over j = 0..degree of l[j] * P(j), for deg P <= degree. `point` is
// none of the nodes (a CHECK).
[[nodiscard]] std::vector<Element> consecutive_lagrange(std::size_t degree, Element point);

}  // namespace consilium::smpc
