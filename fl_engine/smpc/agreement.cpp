// Implements cosines, the clients that stand apart, and the exact search for those that agree.
#include "fl_engine/smpc/agreement.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "core/check.hpp"
#include "fl_engine/smpc/committee.hpp"
#include "fl_engine/smpc/encoding.hpp"

namespace consilium::smpc {
namespace {

constexpr std::int64_t kMinMid = 3277;          // 0.1
constexpr std::int64_t kAgreeingCosine = 3277;  // 0.1

// Clients as bits, and who of them disagrees with whom. Who must leave so that all others agree is
// a vertex cover of this graph; the search for one of at most k clients branches on a client of
// three disagreements or more (it leaves, or all it disagrees with do), which takes fewer than
// 1.47^k steps: 150,000 for 31 of 64.
struct Disagreement {
    std::array<std::uint64_t, kMaxClients> against{};
    std::uint64_t present{};

    [[nodiscard]] bool can_be_left_by(std::size_t leavers) const {
        std::size_t client = 0;
        std::size_t most = 0;
        std::size_t ends = 0;  // of disagreements
        for (std::uint64_t rest = present; rest != 0; rest &= rest - 1) {
            const auto x = static_cast<std::size_t>(std::countr_zero(rest));
            const auto degree = static_cast<std::size_t>(std::popcount(against[x] & present));
            ends += degree;
            if (degree > most) {
                most = degree;
                client = x;
            }
        }
        if (most == 0) return true;
        if (ends > 2 * leavers * most) return false;  // each ends `most` at most
        if (most <= 2) return leavers >= fewest_of_chains();
        if (without(std::uint64_t{1} << client).can_be_left_by(leavers - 1)) return true;
        return most <= leavers && without(against[client] & present).can_be_left_by(leavers - most);
    }

  private:
    [[nodiscard]] Disagreement without(std::uint64_t clients) const {
        Disagreement rest = *this;
        rest.present &= ~clients;
        return rest;
    }
    // Nobody disagrees with more than two: of a chain of k clients k / 2 leave, of a ring one more
    // if k is odd.
    [[nodiscard]] std::size_t fewest_of_chains() const {
        std::size_t fewest = 0;
        std::uint64_t unseen = present;
        while (unseen != 0) {
            std::uint64_t chain = unseen & (~unseen + 1);
            for (std::uint64_t grown = 0; grown != chain;) {
                grown = chain;
                for (std::uint64_t rest = grown; rest != 0; rest &= rest - 1) {
                    chain |= against[static_cast<std::size_t>(std::countr_zero(rest))] & present;
                }
            }
            unseen &= ~chain;
            std::size_t ends = 0;
            for (std::uint64_t rest = chain; rest != 0; rest &= rest - 1) {
                const auto x = static_cast<std::size_t>(std::countr_zero(rest));
                ends += static_cast<std::size_t>(std::popcount(against[x] & present));
            }
            const auto size = static_cast<std::size_t>(std::popcount(chain));
            const bool is_ring = ends == 2 * size;
            fewest += (size + (is_ring ? 1 : 0)) / 2;
        }
        return fewest;
    }
};

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

bool can_agree(const CosineMatrix& cosines, std::span<const std::size_t> clients,
               std::size_t leavers) {
    CHECK(clients.size() <= kMaxClients);
    Disagreement graph;
    for (std::size_t x = 0; x < clients.size(); ++x) {
        for (std::size_t y = 0; y < clients.size(); ++y) {
            if (x != y && cosines.at(clients[x], clients[y]) < kAgreeingCosine) {
                graph.against[x] |= std::uint64_t{1} << y;
            }
        }
        graph.present |= std::uint64_t{1} << x;
    }
    return graph.can_be_left_by(leavers);
}

}  // namespace consilium::smpc
