// Polynomials through the nodes 0, 1, .. D, as the range proof needs them (steps R4 and R5).
//
// Nodes are consecutive integers, so every Lagrange weight is a product of factorials.
#pragma once
#include <span>
#include <vector>

#include "fl_engine/smpc/prss.hpp"

namespace consilium::smpc {

// k!, 1/k! and 1/k for k up to `limit`, with one inversion.
class Factorials {
  public:
    explicit Factorials(std::size_t limit);  // below p
    [[nodiscard]] Element factorial(std::size_t k) const { return factorials_[k]; }
    [[nodiscard]] Element inverse_factorial(std::size_t k) const { return inverse_[k]; }
    [[nodiscard]] std::size_t limit() const { return factorials_.size() - 1; }

  private:
    std::vector<Element> factorials_;
    std::vector<Element> inverse_;
};

// Values at N+1 .. 2N of the polynomial of degree at most N through values[m] at m = 0..N. N >= 1.
// N^2 multiplications.
[[nodiscard]] SecretElements extend_polynomial(std::span<const Element> values);

// l[j] with P(point) = sum over j = 0..degree of l[j] * P(j), for deg P <= degree. `point` is
// none of the nodes (a CHECK).
[[nodiscard]] std::vector<Element> consecutive_lagrange(std::size_t degree, Element point);

}  // namespace consilium::smpc
