// The projections of the range proof, step R3: 128 rows of {-1, 0, 1} from a public seed.
//
// Coordinate x takes 32 bytes of the AES-256-CTR stream (key seed_R, IV 0) at offset 32 x: bit
// c - 1 of the first 16 bytes is p_c, of the last 16 bytes m_c, least significant bit first, and
// R_c[x] = p_c - m_c. Both directions walk the stream tile by tile and treat eight rows at once:
// R u adds each coordinate to one of 256 sums per byte, Y = R^T tau looks 256 sums up.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/smpc/prss.hpp"
#include "fl_engine/smpc/range_parameters.hpp"

namespace consilium::smpc {

// Signed projections of an update; erased when freed, since they tell about it.
using SecretIntegers = std::vector<std::int64_t, ErasingAllocator<std::int64_t>>;

class RangeProjections {
  public:
    // `seed`: seed_R in full mode, absent in small mode (a CHECK).
    RangeProjections(const RangeShape& shape, const std::optional<Digest>& seed);

    // y_c = sum of R_c[x] * update[x], c = 1..J. Exact when the sum of |update[x]| is below 2^63,
    // which a norm of at most B gives; otherwise only modulo 2^64.
    [[nodiscard]] SecretIntegers project(std::span<const std::int64_t> update) const;
    // Y[x] = sum of tau_c * R_c[x]; d elements, the same for every client of the round.
    [[nodiscard]] std::vector<Element> weigh(std::span<const Element> tau) const;

  private:
    RangeShape shape_;
    std::optional<Digest> seed_;
};

}  // namespace consilium::smpc
