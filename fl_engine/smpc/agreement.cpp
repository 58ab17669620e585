// Implements cosines, the clients that stand apart, and the greedy search for those that agree.
#include "fl_engine/smpc/agreement.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "fl_engine/smpc/encoding.hpp"

namespace consilium::smpc {
namespace {

constexpr std::int64_t kMinMid = 3277;          // 0.1
constexpr std::int64_t kAgreeingCosine = 3277;  // 0.1

}  // namespace

std::int64_t cosine_q15(std::int64_t x, Uint128 d) {
    CHECK(d >= 1);
    const auto wide = static_cast<Int128>(x);
    const auto square = static_cast<Uint128>(wide * wide);
    std::int64_t result = kUnitQ15;
    if (square < d) {
        // The quotient bit by bit: x^2 * 2^30 itself may not fit 128 bits.
        Uint128 remainder = square;
        std::uint64_t quotient = 0;
        for (int bit = 0; bit < 30; ++bit) {
            remainder <<= 1;
            quotient <<= 1;
            if (remainder >= d) {
                remainder -= d;
                quotient |= 1;
            }
        }
        result = static_cast<std::int64_t>(isqrt(quotient));
    }
    return x < 0 ? -result : result;
}

CosineMatrix CosineMatrix::of_products(std::span<const std::int64_t> products,
                                       std::size_t clients) {
    CHECK(products.size() == clients * clients);
    CosineMatrix cosines(clients);
    const auto length = [&](std::size_t i) {
        return static_cast<Uint128>(std::max<std::int64_t>(products[i * clients + i], 1));
    };
    for (std::size_t i = 0; i < clients; ++i) {
        for (std::size_t j = 0; j < clients; ++j) {
            if (i == j) continue;
            cosines.values_[i * clients + j] =
                cosine_q15(products[i * clients + j], length(i) * length(j));
        }
    }
    return cosines;
}

Apart find_apart(const CosineMatrix& cosines, std::span<const std::size_t> compared,
                 std::size_t similar_needed) {
    Apart apart;
    apart.far.assign(cosines.clients(), 0);
    const std::size_t count = compared.size();
    if (count < 3) return apart;
    const std::size_t near = std::clamp<std::size_t>(similar_needed, 1, count - 1);
    std::vector<std::int64_t> sorted_far;
    for (const std::size_t i : compared) {
        std::vector<std::int64_t> others;
        for (const std::size_t j : compared) {
            if (j != i) others.push_back(cosines.at(i, j));
        }
        std::sort(others.begin(), others.end(), std::greater<>());
        apart.far[i] = kUnitQ15 - others[near - 1];
        sorted_far.push_back(apart.far[i]);
    }
    std::sort(sorted_far.begin(), sorted_far.end());
    const std::int64_t mid = std::max(kMinMid, sorted_far[count / 2]);
    for (const std::size_t i : compared) {
        if (2 * apart.far[i] > 3 * mid) apart.clients.push_back(i);
    }
    std::stable_sort(apart.clients.begin(), apart.clients.end(),
                     [&](std::size_t a, std::size_t b) { return apart.far[a] > apart.far[b]; });
    apart.clients.resize(std::min(apart.clients.size(), (count - 1) / 2));
    return apart;
}

std::size_t count_outside(const CosineMatrix& cosines, std::span<const std::size_t> clients) {
    std::vector<std::size_t> rest(clients.begin(), clients.end());
    while (true) {
        std::size_t worst = 0;
        std::ptrdiff_t most = 0;
        for (std::size_t x = 0; x < rest.size(); ++x) {
            const auto below = std::count_if(rest.begin(), rest.end(), [&](std::size_t other) {
                return other != rest[x] && cosines.at(rest[x], other) < kAgreeingCosine;
            });
            if (below > most) {
                most = below;
                worst = x;
            }
        }
        if (most == 0) return clients.size() - rest.size();
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(worst));
    }
}

}  // namespace consilium::smpc
