// The MPC committee: its size, its threshold, the subsets A and the polynomials f_A.
//
// Members have indices k = 1..n, fixed for the epoch. Subsets of n - t members are ranked 0..C-1 in
// lexicographic order. f_A has degree t, f_A(0) = 1 and f_A(z) = 0 for z outside A. Immutable.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/smpc/field61.hpp"

namespace consilium::smpc {

using MemberIndex = std::uint32_t;  // 1..n
using ClientIndex = std::uint32_t;  // 1..M; slot 0 is the sacrificial slot
using SubsetRank = std::uint32_t;   // 0..C-1

inline constexpr std::uint32_t kMinMembers = 4;   // t >= 1
inline constexpr std::uint32_t kMaxMembers = 13;  // C(13,4) = 715 subsets; beyond, C explodes
inline constexpr std::uint32_t kMaxClients = 64;  // headroom H4 and H6 are stated for 64

class Committee {
  public:
    // kLimitExceeded unless 4 <= n <= 13.
    [[nodiscard]] static Result<Committee> make(std::uint32_t n);

    [[nodiscard]] std::uint32_t n() const { return n_; }
    [[nodiscard]] std::uint32_t t() const { return t_; }
    [[nodiscard]] std::uint32_t subset_size() const { return n_ - t_; }
    [[nodiscard]] std::uint32_t subset_count() const {
        return static_cast<std::uint32_t>(bitmaps_.size());
    }
    [[nodiscard]] bool is_member(MemberIndex k) const { return k >= 1 && k <= n_; }

    // Bit k-1 is set for each member k: bitmap16(A) of the commitments.
    [[nodiscard]] std::uint16_t bitmap(SubsetRank rank) const;
    [[nodiscard]] std::optional<SubsetRank> rank_of(std::uint16_t bitmap) const;
    [[nodiscard]] bool contains(SubsetRank rank, MemberIndex k) const;
    [[nodiscard]] std::vector<MemberIndex> members(SubsetRank rank) const;  // ascending
    // Ranks of the subsets that hold k, ascending: the order of every key ring of member k.
    [[nodiscard]] std::span<const SubsetRank> subsets_of(MemberIndex k) const;
    // f_A(k) for the subset of that rank.
    [[nodiscard]] Element coefficient(SubsetRank rank, MemberIndex k) const;

  private:
    Committee() = default;
    std::uint32_t n_ = 0;
    std::uint32_t t_ = 0;
    std::vector<std::uint16_t> bitmaps_;
    std::vector<std::vector<SubsetRank>> ranks_of_member_;
    std::vector<Element> coefficients_;  // row per subset, n columns
};

}  // namespace consilium::smpc
