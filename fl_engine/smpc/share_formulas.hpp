// What a member computes from its streams, one scalar at a time, as templates over the field.
//
// The product instantiates them for Field61. Tests instantiate them for tiny primes, where every
// stream that a coalition does not know can be tried and the distribution of its view compared.
// Sections and steps are those of smpc-protocol.md. All elements are below the field's modulus.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "fl_engine/smpc/lagrange.hpp"

namespace consilium::smpc {

// f_A(k), section 1: of degree t, 1 at 0, 0 at the members `outside` of A.
template <typename Field = Field61>
[[nodiscard]] Element subset_coefficient(std::span<const MemberIndex> outside, MemberIndex k) {
    Element value = 1;
    for (const MemberIndex z : outside) {
        const Element node = z % Field::kModulus;
        const Element factor = Field::sub(node, k % Field::kModulus);
        value = Field::mul(value, Field::mul(factor, Field::inverse(node)));
    }
    return value;
}

// The part of one subset in a member's share of zero, section 2: f_A(k) * sum of r_l * k^l.
// `random`: r_1..r_t of the subset's stream; `powers`: k^1..k^t.
template <typename Field = Field61>
[[nodiscard]] Element zero_share_part(Element coefficient, std::span<const Element> random,
                                      std::span<const Element> powers) {
    return Field::mul(coefficient, combine<Field>(random, powers));
}

// P2: delta = Gamma - rho + zeta.
template <typename Field = Field61>
[[nodiscard]] Element delta_share(Element product, Element rho, Element zeta) {
    return Field::add(Field::sub(product, rho), zeta);
}

// P4.2: the factors of slots 0..M in w.
template <typename Field = Field61>
[[nodiscard]] std::vector<Element> combination_factors(std::span<const Element> chi) {
    std::vector<Element> factors{Field::negate(1)};
    factors.insert(factors.end(), chi.begin(), chi.end());
    return factors;
}

// P4.3 for one j: `masked` holds delta_ij + rho_ij for i = 0..M, `product` is <w, a_j>.
template <typename Field = Field61>
[[nodiscard]] Element check_share(std::span<const Element> chi, std::span<const Element> masked,
                                  Element product) {
    const Element expected = Field::add(masked.front(), product);
    return Field::sub(combine<Field>(chi, masked.subspan(1)), expected);
}

// R6 and R7 without blur: <s_i,s_j> - Gamma is affine in shares, hence of degree t; delta + rho
// puts <a_i,a_j> back.
template <typename Field = Field61>
[[nodiscard]] Element product_share(Element product, Element gamma, Element delta, Element rho) {
    return Field::add(Field::sub(product, gamma), Field::add(delta, rho));
}

// The noise of one subset, R6: uniform in [-2^bits, 2^bits) for a uniform word. bits below 63.
[[nodiscard]] constexpr std::int64_t blur_noise(std::uint64_t word, std::uint32_t bits) {
    return static_cast<std::int64_t>(word >> (63 - bits)) - (std::int64_t{1} << bits);
}
// Its part in a member's share.
template <typename Field = Field61>
[[nodiscard]] Element blur_share_part(Element coefficient, std::uint64_t word, std::uint32_t bits) {
    return Field::mul(coefficient, Field::from_signed(blur_noise(word, bits)));
}

}  // namespace consilium::smpc
