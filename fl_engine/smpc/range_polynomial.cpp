// The polynomials of the range proof over the field of the product.
#include "fl_engine/smpc/range_polynomial.hpp"

#include "fl_engine/smpc/range_formulas.hpp"

namespace consilium::smpc {

SecretElements extend_polynomial(std::span<const Element> values) {
    return extend_polynomial_over<Field61>(values);
}

std::vector<Element> consecutive_lagrange(std::size_t degree, Element point) {
    return consecutive_lagrange_over<Field61>(degree, point);
}

}  // namespace consilium::smpc
