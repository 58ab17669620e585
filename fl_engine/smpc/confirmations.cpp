// Who may have seen which sum.
#include "fl_engine/smpc/confirmations.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "fl_engine/smpc/aggregate.hpp"

namespace consilium::smpc {
namespace {

// The vectors of one possible set of first posters, and the hash of the sum through them.
struct SeenSum {
    std::vector<PostedShare> vectors;
    Digest sha256;
    [[nodiscard]] bool holds(MemberIndex member) const {
        return std::any_of(vectors.begin(), vectors.end(),
                           [member](const PostedShare& share) { return share.member == member; });
    }
};

// nullopt unless all of them have posted.
std::optional<std::vector<PostedShare>> vectors_of(std::span<const PostedShare> posted,
                                                   std::span<const MemberIndex> members) {
    std::vector<PostedShare> vectors;
    for (const MemberIndex member : members) {
        const auto share =
            std::find_if(posted.begin(), posted.end(),
                         [member](const PostedShare& other) { return other.member == member; });
        if (share == posted.end()) return std::nullopt;
        vectors.push_back(*share);
    }
    return vectors;
}

// The first coordinate at which the polynomials through two bases differ at a member's index.
std::optional<std::uint64_t> first_difference(std::span<const PostedShare> left,
                                              std::span<const PostedShare> right, MemberIndex at) {
    InterpolationStream a(left, at);
    InterpolationStream b(right, at);
    for (std::uint64_t start = 0;; start += kShareTile) {
        const auto x = a.next();
        const auto y = b.next();
        CHECK(x.size() == y.size());
        if (x.empty()) return std::nullopt;
        const auto [bad, ignored] = std::mismatch(x.begin(), x.end(), y.begin());
        if (bad != x.end()) return start + static_cast<std::uint64_t>(bad - x.begin());
    }
}

std::optional<Fault> find_lie(const Confirmation& confirmation, std::span<const SeenSum> seen,
                              std::span<const PostedShare> base) {
    Fault fault{confirmation.member, 0};
    for (const SeenSum& sum : seen) {
        // A first poster posts its share and confirms nothing.
        if (sum.sha256 != confirmation.sha256 || sum.holds(confirmation.member)) continue;
        const auto mismatch = first_difference(sum.vectors, base, confirmation.member);
        if (!mismatch) return std::nullopt;
        fault.coordinate = *mismatch;
    }
    return fault;
}

}  // namespace

std::vector<std::vector<MemberIndex>> possible_first_posters(
    const Committee& committee, std::span<const MemberIndex> excluded) {
    CHECK(excluded.size() <= committee.n());
    std::set<std::vector<MemberIndex>> sets;
    for (std::uint32_t chosen = 0; chosen < std::uint32_t{1} << excluded.size(); ++chosen) {
        std::vector<MemberIndex> subset;
        for (std::size_t i = 0; i < excluded.size(); ++i) {
            if (((chosen >> i) & 1U) != 0) subset.push_back(excluded[i]);
        }
        if (auto first = first_posters(committee, subset)) sets.insert(std::move(*first));
    }
    return {sets.begin(), sets.end()};
}

std::vector<Fault> false_confirmations(const Committee& committee,
                                       std::span<const MemberIndex> excluded,
                                       std::span<const PostedShare> posted,
                                       std::span<const PostedShare> base,
                                       std::span<const Confirmation> confirmations) {
    CHECK(base.size() == committee.t() + std::size_t{1});
    std::vector<Fault> faults;
    if (confirmations.empty()) return faults;
    std::vector<SeenSum> seen;
    for (const auto& first : possible_first_posters(committee, excluded)) {
        auto vectors = vectors_of(posted, first);
        if (!vectors) continue;
        const Digest sha256 = interpolated_digest(*vectors);
        seen.push_back({std::move(*vectors), sha256});
    }
    for (const Confirmation& confirmation : confirmations) {
        if (const auto fault = find_lie(confirmation, seen, base)) faults.push_back(*fault);
    }
    return faults;
}

}  // namespace consilium::smpc
