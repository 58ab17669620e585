// Extension and evaluation over consecutive nodes.
#include "fl_engine/smpc/range_polynomial.hpp"

namespace consilium::smpc {
namespace {

bool is_odd(std::size_t value) {
    return (value & 1) != 0;
}

// 1 / (j! (N-j)! (-1)^(N-j)), the constant part of the weight of node j among 0..N.
Element node_weight(const Factorials& table, std::size_t degree, std::size_t j) {
    const Element weight =
        Field61::mul(table.inverse_factorial(j), table.inverse_factorial(degree - j));
    return is_odd(degree - j) ? Field61::negate(weight) : weight;
}

}  // namespace

Factorials::Factorials(std::size_t limit) : factorials_(limit + 1, 1), inverse_(limit + 1, 1) {
    CHECK(limit < kPrime61);
    for (std::size_t k = 1; k <= limit; ++k) factorials_[k] = Field61::mul(factorials_[k - 1], k);
    inverse_[limit] = Field61::inverse(factorials_[limit]);
    for (std::size_t k = limit; k > 0; --k) inverse_[k - 1] = Field61::mul(inverse_[k], k);
}

SecretElements extend_polynomial(std::span<const Element> values) {
    CHECK(values.size() >= 2);
    const std::size_t n = values.size() - 1;
    const Factorials table(2 * n);
    std::vector<Element> inverses(2 * n + 1, 0);  // 1/k
    for (std::size_t k = 1; k <= 2 * n; ++k) {
        inverses[k] = Field61::mul(table.inverse_factorial(k), table.factorial(k - 1));
    }
    // Reversed, so that the sum over m of weight_m / (n + j - m) is one inner product.
    SecretElements reversed(n + 1);
    for (std::size_t m = 0; m <= n; ++m) {
        reversed[n - m] = Field61::mul(values[m], node_weight(table, n, m));
    }
    SecretElements extension(n);
    for (std::size_t j = 1; j <= n; ++j) {
        const Element sum =
            inner_product(reversed, std::span<const Element>(inverses).subspan(j, n + 1));
        // The product of (n + j - m) over all nodes m.
        const Element scale = Field61::mul(table.factorial(n + j), table.inverse_factorial(j - 1));
        extension[j - 1] = Field61::mul(scale, sum);
    }
    return extension;
}

std::vector<Element> consecutive_lagrange(std::size_t degree, Element point) {
    CHECK(point > degree && point < kPrime61);
    const Factorials table(degree);
    std::vector<Element> before(degree + 1);  // product of (point - m) over m < j
    Element product = 1;
    for (std::size_t j = 0; j <= degree; ++j) {
        before[j] = product;
        product = Field61::mul(product, point - j);
    }
    std::vector<Element> weights(degree + 1);
    Element after = 1;  // product over m > j
    for (std::size_t j = degree + 1; j-- > 0;) {
        weights[j] = Field61::mul(node_weight(table, degree, j), Field61::mul(before[j], after));
        after = Field61::mul(after, point - j);
    }
    return weights;
}

}  // namespace consilium::smpc
