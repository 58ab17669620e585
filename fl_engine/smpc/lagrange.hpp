// Lagrange interpolation over a prime field, for nodes that are small distinct integers.
//
// Templates over the field, so that tests run them on tiny primes against every polynomial.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/field61.hpp"

namespace consilium::smpc {

// c[s] with P(at) = sum of c[s] * P(nodes[s]) for every P of degree below nodes.size().
// Nodes are distinct and below the modulus.
template <typename Field = Field61>
[[nodiscard]] std::vector<Element> lagrange_coefficients(std::span<const MemberIndex> nodes,
                                                         MemberIndex at) {
    std::vector<Element> result(nodes.size());
    const Element target = at % Field::kModulus;
    for (std::size_t s = 0; s < nodes.size(); ++s) {
        Element numerator = 1;
        Element denominator = 1;
        for (std::size_t other = 0; other < nodes.size(); ++other) {
            if (other == s) continue;
            numerator = Field::mul(numerator, Field::sub(target, nodes[other]));
            denominator = Field::mul(denominator, Field::sub(nodes[s], nodes[other]));
        }
        result[s] = Field::mul(numerator, Field::inverse(denominator));
    }
    return result;
}

// Sum of c[s] * values[s].
template <typename Field = Field61>
[[nodiscard]] Element combine(std::span<const Element> c, std::span<const Element> values) {
    CHECK(c.size() == values.size());
    Element sum = 0;
    for (std::size_t s = 0; s < c.size(); ++s) sum = Field::add(sum, Field::mul(c[s], values[s]));
    return sum;
}

}  // namespace consilium::smpc
