// Who agrees with whom: from the cosines of all pairs to the clients that stand apart.
//
// Cosines are Q15 integers; ties go to the smaller position. Used by the verdict rules.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/types.hpp"

namespace consilium::smpc {

inline constexpr std::int64_t kUnitQ15 = 32768;

// sign(x) * min(32768, isqrt(floor(x^2 * 2^30 / d))). |x| < 2^63, 1 <= d < 2^126.
[[nodiscard]] std::int64_t cosine_q15(std::int64_t x, Uint128 d);

// m x m, row-major; a client's cosine with itself is never asked for.
class CosineMatrix {
  public:
    explicit CosineMatrix(std::size_t clients)
        : clients_(clients), values_(clients * clients, kUnitQ15) {}
    // From inner products, m x m, of vectors whose squared lengths stand on the diagonal.
    [[nodiscard]] static CosineMatrix of_products(std::span<const std::int64_t> products,
                                                  std::size_t clients);

    [[nodiscard]] std::size_t clients() const { return clients_; }
    [[nodiscard]] std::int64_t at(std::size_t i, std::size_t j) const {
        return values_[i * clients_ + j];
    }

  private:
    std::size_t clients_;
    std::vector<std::int64_t> values_;
};

struct Apart {
    std::vector<std::size_t> clients;  // furthest first, fewer than half of those compared
    std::vector<std::int64_t> far;     // per client of the matrix; 0 for those not compared
};
// Section 7, step 4: each of `compared` needs `similar_needed` (1 at least) similar others; those
// that are half as far again from that one as the middle client is stand apart. Fewer than three
// are not compared.
[[nodiscard]] Apart find_apart(const CosineMatrix& cosines, std::span<const std::size_t> compared,
                               std::size_t similar_needed);

// Whether at most `leavers` of `clients` can leave so that each pair of the rest has a cosine of
// 0.1 at least. Exact, so nobody can make it false by whom it disagrees with when those that should
// leave are few enough. At most kMaxClients clients.
[[nodiscard]] bool can_agree(const CosineMatrix& cosines, std::span<const std::size_t> clients,
                             std::size_t leavers);

}  // namespace consilium::smpc
