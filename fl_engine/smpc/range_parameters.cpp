// Sizes by dimension and norm parameter.
#include "fl_engine/smpc/range_parameters.hpp"

namespace consilium::smpc {

RangeShape range_shape(std::uint64_t dimension, std::uint32_t norm_bits) {
    CHECK(dimension >= 1 && dimension <= kMaxDimension);
    CHECK(norm_bits >= kMinNormBits && norm_bits <= kMaxNormBits);
    if (dimension <= kSmallModeDimension) {
        return {dimension, static_cast<std::size_t>(dimension), norm_bits + 2};
    }
    return {dimension, kProjections, norm_bits + 4};
}

}  // namespace consilium::smpc
