// Subsets in lexicographic order and the table of f_A.
#include "fl_engine/smpc/committee.hpp"

#include <algorithm>

#include "fl_engine/smpc/share_formulas.hpp"

namespace consilium::smpc {
namespace {

std::uint16_t bit_of(MemberIndex k) {
    return static_cast<std::uint16_t>(1U << (k - 1));
}

// All subsets of `size` members of 1..n; choosing the smallest next member first is
// lexicographic order.
void append_subsets(std::uint32_t n, std::uint32_t size, MemberIndex from, std::uint16_t chosen,
                    std::vector<std::uint16_t>& out) {
    if (size == 0) {
        out.push_back(chosen);
        return;
    }
    for (MemberIndex k = from; k + size <= n + 1; ++k) {
        append_subsets(n, size - 1, k + 1, static_cast<std::uint16_t>(chosen | bit_of(k)), out);
    }
}

}  // namespace

Result<Committee> Committee::make(std::uint32_t n) {
    if (n < kMinMembers || n > kMaxMembers) {
        return make_error(ErrorCode::kLimitExceeded, "a committee has 4 to 13 members");
    }
    Committee result;
    result.n_ = n;
    result.t_ = (n - 1) / 3;
    append_subsets(n, n - result.t_, 1, 0, result.bitmaps_);
    result.ranks_of_member_.resize(n);
    result.coefficients_.resize(result.bitmaps_.size() * n);
    for (SubsetRank rank = 0; rank < result.subset_count(); ++rank) {
        std::vector<MemberIndex> outside;
        for (MemberIndex k = 1; k <= n; ++k) {
            if (!result.contains(rank, k)) outside.push_back(k);
        }
        for (MemberIndex k = 1; k <= n; ++k) {
            if (result.contains(rank, k)) result.ranks_of_member_[k - 1].push_back(rank);
            result.coefficients_[std::size_t{rank} * n + k - 1] = subset_coefficient(outside, k);
        }
    }
    return result;
}

std::uint16_t Committee::bitmap(SubsetRank rank) const {
    CHECK(rank < bitmaps_.size());
    return bitmaps_[rank];
}

std::optional<SubsetRank> Committee::rank_of(std::uint16_t bitmap) const {
    const auto found = std::find(bitmaps_.begin(), bitmaps_.end(), bitmap);
    if (found == bitmaps_.end()) return std::nullopt;
    return static_cast<SubsetRank>(found - bitmaps_.begin());
}

bool Committee::contains(SubsetRank rank, MemberIndex k) const {
    CHECK(is_member(k));
    return (bitmap(rank) & bit_of(k)) != 0;
}

std::vector<MemberIndex> Committee::members(SubsetRank rank) const {
    std::vector<MemberIndex> result;
    for (MemberIndex k = 1; k <= n_; ++k) {
        if (contains(rank, k)) result.push_back(k);
    }
    return result;
}

std::span<const SubsetRank> Committee::subsets_of(MemberIndex k) const {
    CHECK(is_member(k));
    return ranks_of_member_[k - 1];
}

Element Committee::coefficient(SubsetRank rank, MemberIndex k) const {
    CHECK(rank < bitmaps_.size());
    CHECK(is_member(k));
    return coefficients_[std::size_t{rank} * n_ + k - 1];
}

}  // namespace consilium::smpc
