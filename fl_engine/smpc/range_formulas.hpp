// The range proof's polynomials, message and linear forms as templates over the field (R4 to R6).
//
// range_polynomial, range_proof and range_check instantiate them for Field61; tests for tiny
// primes, where every stream that a coalition misses can be tried. Nodes are below the modulus.
#pragma once
#include <algorithm>
#include <span>
#include <type_traits>
#include <vector>

#include "fl_engine/smpc/erasing.hpp"
#include "fl_engine/smpc/lagrange.hpp"
#include "fl_engine/smpc/range_parameters.hpp"

namespace consilium::smpc {

// Sum of a[x] * b[x]; the product's field has a faster loop.
template <typename Field>
[[nodiscard]] Element inner_product_over(std::span<const Element> a, std::span<const Element> b) {
    if constexpr (std::is_same_v<Field, Field61>) {
        return inner_product(a, b);
    } else {
        return combine<Field>(a, b);
    }
}

// k! and 1/k! for k up to `limit`, with one inversion.
template <typename Field>
class Factorials {
  public:
    explicit Factorials(std::size_t limit) : factorials_(limit + 1, 1), inverse_(limit + 1, 1) {
        CHECK(limit < Field::kModulus);
        for (std::size_t k = 1; k <= limit; ++k) factorials_[k] = Field::mul(factorials_[k - 1], k);
        inverse_[limit] = Field::inverse(factorials_[limit]);
        for (std::size_t k = limit; k > 0; --k) inverse_[k - 1] = Field::mul(inverse_[k], k);
    }
    [[nodiscard]] Element factorial(std::size_t k) const { return factorials_[k]; }
    [[nodiscard]] Element inverse_factorial(std::size_t k) const { return inverse_[k]; }
    // 1 / (j! (N-j)! (-1)^(N-j)), the constant part of the weight of node j among 0..N.
    [[nodiscard]] Element node_weight(std::size_t degree, std::size_t j) const {
        const Element weight = Field::mul(inverse_factorial(j), inverse_factorial(degree - j));
        return ((degree - j) & 1) != 0 ? Field::negate(weight) : weight;
    }

  private:
    std::vector<Element> factorials_;
    std::vector<Element> inverse_;
};

// Values at N+1 .. 2N of the polynomial of degree at most N through values[m] at m = 0..N. N >= 1.
template <typename Field>
[[nodiscard]] SecretElements extend_polynomial_over(std::span<const Element> values) {
    CHECK(values.size() >= 2);
    const std::size_t n = values.size() - 1;
    const Factorials<Field> table(2 * n);
    std::vector<Element> inverses(2 * n + 1, 0);  // 1/k
    for (std::size_t k = 1; k <= 2 * n; ++k) {
        inverses[k] = Field::mul(table.inverse_factorial(k), table.factorial(k - 1));
    }
    // Reversed, so that the sum over m of weight_m / (n + j - m) is one inner product.
    SecretElements reversed(n + 1);
    for (std::size_t m = 0; m <= n; ++m) {
        reversed[n - m] = Field::mul(values[m], table.node_weight(n, m));
    }
    SecretElements extension(n);
    for (std::size_t j = 1; j <= n; ++j) {
        const Element sum = inner_product_over<Field>(
            reversed, std::span<const Element>(inverses).subspan(j, n + 1));
        // The product of (n + j - m) over all nodes m.
        const Element scale = Field::mul(table.factorial(n + j), table.inverse_factorial(j - 1));
        extension[j - 1] = Field::mul(scale, sum);
    }
    return extension;
}

// l[j] with P(point) = sum over j = 0..degree of l[j] * P(j), for deg P <= degree.
template <typename Field>
[[nodiscard]] std::vector<Element> consecutive_lagrange_over(std::size_t degree, Element point) {
    CHECK(point > degree && point < Field::kModulus);
    const Factorials<Field> table(degree);
    std::vector<Element> before(degree + 1);  // product of (point - m) over m < j
    Element product = 1;
    for (std::size_t j = 0; j <= degree; ++j) {
        before[j] = product;
        product = Field::mul(product, point - j);
    }
    std::vector<Element> weights(degree + 1);
    Element after = 1;  // product over m > j
    for (std::size_t j = degree + 1; j-- > 0;) {
        weights[j] = Field::mul(table.node_weight(degree, j), Field::mul(before[j], after));
        after = Field::mul(after, point - j);
    }
    return weights;
}

// x^2 - x.
template <typename Field>
[[nodiscard]] Element bit_defect(Element value) {
    return Field::sub(Field::mul(value, value), value);
}

// z of R4 for given digits.
template <typename Field>
[[nodiscard]] SecretElements digits_message_over(std::span<const Element> digits, Element f0) {
    SecretElements values(digits.size() + 1);  // F at 0..Nb
    values[0] = f0;
    std::copy(digits.begin(), digits.end(), values.begin() + 1);
    const SecretElements extension = extend_polynomial_over<Field>(values);
    SecretElements message(2 * digits.size() + 2);
    auto out = std::copy(digits.begin(), digits.end(), message.begin());
    *out++ = f0;
    *out++ = bit_defect<Field>(f0);
    std::transform(extension.begin(), extension.end(), out, bit_defect<Field>);
    return message;
}

// lambda_i, phi_i and psi_i: one member's shares, or the opened values.
struct RangeShares {
    Element lambda{};
    Element phi{};
    Element psi{};
};

// The linear forms of R6 in the digits and the values of F2, for one challenge.
struct RangeForms {
    std::vector<Element> digit_weights;  // -tau_c 2^l
    Element offset = 0;                  // T * sum of tau
    std::vector<Element> polynomial;     // of F at 0..Nb
    std::vector<Element> square;         // of F2 at 0 and Nb+1 .. 2 Nb
};

template <typename Field>
[[nodiscard]] RangeForms make_range_forms(const RangeShape& shape, std::span<const Element> tau,
                                          Element point) {
    RangeForms forms;
    forms.digit_weights.reserve(shape.bits());
    Element sum = 0;
    for (const Element factor : tau) {
        sum = Field::add(sum, factor);
        Element weight = Field::negate(factor);
        for (std::uint32_t l = 0; l < shape.digits; ++l) {
            forms.digit_weights.push_back(weight);
            weight = Field::add(weight, weight);
        }
    }
    forms.offset = Field::mul(sum, static_cast<Element>(shape.bound()));
    forms.polynomial = consecutive_lagrange_over<Field>(shape.bits(), point);
    forms.square = consecutive_lagrange_over<Field>(2 * shape.bits(), point);
    // F2 is zero at 1..Nb by definition; what a client says about these nodes does not exist.
    forms.square.erase(forms.square.begin() + 1,
                       forms.square.begin() + 1 + static_cast<std::ptrdiff_t>(shape.bits()));
    return forms;
}

// `projected`: <Y, s_i^(k)>. `message`: z_i^(k).
template <typename Field>
[[nodiscard]] RangeShares evaluate_range(const RangeForms& forms, Element projected,
                                         std::span<const Element> message) {
    const std::size_t bits = forms.digit_weights.size();
    CHECK(message.size() == 2 * bits + 2);
    const auto digits = message.first(bits);
    const Element f0 = message[bits];
    RangeShares shares;
    shares.lambda = Field::add(Field::add(projected, forms.offset),
                               inner_product_over<Field>(forms.digit_weights, digits));
    shares.phi = Field::add(
        Field::mul(forms.polynomial[0], f0),
        inner_product_over<Field>(std::span<const Element>(forms.polynomial).subspan(1), digits));
    shares.psi = inner_product_over<Field>(forms.square, message.subspan(bits + 1));
    return shares;
}

}  // namespace consilium::smpc
