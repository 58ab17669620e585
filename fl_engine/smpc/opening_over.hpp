// VECOPEN as a template over the field; opening.cpp fixes the field, tests try tiny ones.
//
// Follows the routine of section 3 line by line. At most 1,287 subsets of t+1 posters are searched
// for one coordinate, and each search removes a proven liar.
#pragma once
#include <algorithm>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "fl_engine/smpc/kernels.hpp"
#include "fl_engine/smpc/opening.hpp"

namespace consilium::smpc {

// Value at coordinate x of the polynomial with Lagrange coefficients `c` over `base`.
template <typename Field>
[[nodiscard]] Element value_at(std::span<const Element> c, std::span<const PostedShare> base,
                               std::size_t x) {
    Uint128 sum = 0;  // at most 9 products below 2^124
    for (std::size_t s = 0; s < base.size(); ++s) {
        sum += static_cast<Uint128>(c[s]) * base[s].values[x];
    }
    return Field::reduce(sum);
}

template <typename Field>
[[nodiscard]] std::vector<Element> coefficients_to(std::span<const PostedShare> base,
                                                   MemberIndex at) {
    std::vector<MemberIndex> nodes;
    for (const PostedShare& share : base) nodes.push_back(share.member);
    return lagrange_coefficients<Field>(nodes, at);
}

// Values of coordinates start .. start+out.size()-1; at most kShareTile of stored vectors, of which
// `buffers` (one for each of `base`) holds the rows.
template <typename Field>
void values_at(std::span<const Element> c, std::span<const PostedShare> base, std::size_t start,
               std::span<Element> out, std::span<std::vector<Element>> buffers) {
    if constexpr (std::is_same_v<Field, Field61>) {
        CHECK(buffers.size() == base.size());
        std::vector<const Element*> rows;
        for (std::size_t s = 0; s < base.size(); ++s) {
            rows.push_back(base[s].values.tile(start, out.size(), buffers[s]).data());
        }
        kernels::combine_rows(best_instructions(), c, rows, out);
    } else {
        for (std::size_t x = 0; x < out.size(); ++x) out[x] = value_at<Field>(c, base, start + x);
    }
}

// Smallest coordinate at which `other` is off the polynomial through `base`.
template <typename Field>
[[nodiscard]] std::optional<std::uint64_t> first_mismatch(std::span<const PostedShare> base,
                                                          const PostedShare& other) {
    const std::vector<Element> c = coefficients_to<Field>(base, other.member);
    std::vector<Element> predicted(std::min(kShareTile, other.values.size()));
    std::vector<std::vector<Element>> rows(base.size());
    std::vector<Element> row;
    for (std::size_t start = 0; start < other.values.size(); start += kShareTile) {
        const std::size_t size = std::min(kShareTile, other.values.size() - start);
        const auto tile = std::span(predicted).first(size);
        const auto given = other.values.tile(start, size, row);
        values_at<Field>(c, base, start, tile, rows);
        const auto [bad, ignored] = std::mismatch(given.begin(), given.end(), tile.begin());
        if (bad != given.end()) {
            return start + static_cast<std::uint64_t>(bad - given.begin());
        }
    }
    return std::nullopt;
}

// Moves `chosen` to the next subset of 0..count-1 in lexicographic order; false after the last.
[[nodiscard]] inline bool next_combination(std::vector<std::size_t>& chosen, std::size_t count) {
    for (std::size_t i = chosen.size(); i-- > 0;) {
        if (chosen[i] + (chosen.size() - i) < count) {
            ++chosen[i];
            for (std::size_t j = i + 1; j < chosen.size(); ++j) chosen[j] = chosen[j - 1] + 1;
            return true;
        }
    }
    return false;
}

// For one coordinate: the posters that disagree with a polynomial of degree t which at least 2t+1
// posters match; nullopt when there is none.
template <typename Field>
[[nodiscard]] std::optional<std::vector<MemberIndex>> find_scalar_liars(
    std::uint32_t t, std::span<const PostedShare> posted, std::size_t x) {
    std::vector<std::size_t> chosen(t + 1);
    for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = i;
    if (posted.size() < chosen.size()) return std::nullopt;
    do {
        std::vector<PostedShare> base;
        for (const std::size_t i : chosen) base.push_back(posted[i]);
        std::vector<MemberIndex> liars;
        for (const PostedShare& share : posted) {
            const std::vector<Element> c = coefficients_to<Field>(base, share.member);
            if (value_at<Field>(c, base, x) != share.values[x]) liars.push_back(share.member);
        }
        if (posted.size() - liars.size() >= 2 * std::size_t{t} + 1) return liars;
    } while (next_combination(chosen, posted.size()));
    return std::nullopt;
}

// The same, reading each vector once.
template <typename Field>
[[nodiscard]] std::optional<std::vector<MemberIndex>> find_liars_at(
    std::uint32_t t, std::span<const PostedShare> posted, std::size_t x) {
    std::vector<Element> column;
    for (const PostedShare& share : posted) column.push_back(share.values[x]);
    std::vector<PostedShare> scalars;
    for (std::size_t i = 0; i < posted.size(); ++i) {
        scalars.push_back({posted[i].member, std::span(column).subspan(i, 1)});
    }
    return find_scalar_liars<Field>(t, scalars, 0);
}

template <typename Field>
[[nodiscard]] std::vector<Element> interpolate_over(std::span<const PostedShare> base,
                                                    MemberIndex at) {
    CHECK(!base.empty());
    const std::vector<Element> c = coefficients_to<Field>(base, at);
    std::vector<Element> values(base.front().values.size());
    std::vector<std::vector<Element>> rows(base.size());
    for (std::size_t start = 0; start < values.size(); start += kShareTile) {
        const auto tile =
            std::span(values).subspan(start, std::min(kShareTile, values.size() - start));
        values_at<Field>(c, base, start, tile, rows);
    }
    return values;
}

// Ascending by member, each once, equal lengths: what every routine here expects.
[[nodiscard]] inline std::vector<PostedShare> sorted_posters(std::span<const PostedShare> posted) {
    std::vector<PostedShare> sorted(posted.begin(), posted.end());
    std::sort(sorted.begin(), sorted.end(),
              [](const PostedShare& a, const PostedShare& b) { return a.member < b.member; });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
        CHECK(sorted[i - 1].member < sorted[i].member);
        CHECK(sorted[i - 1].values.size() == sorted[i].values.size());
    }
    return sorted;
}

[[nodiscard]] inline bool has_member(std::span<const PostedShare> shares, MemberIndex member) {
    return std::any_of(shares.begin(), shares.end(),
                       [member](const PostedShare& share) { return share.member == member; });
}

[[nodiscard]] inline bool has_failed(std::span<const PostedShare> shares) {
    return std::any_of(shares.begin(), shares.end(),
                       [](const PostedShare& share) { return share.values.has_failed(); });
}

// `faults`: those of the candidates; posters that left the candidates earlier are compared here.
template <typename Field>
[[nodiscard]] OpenedBase finish_base(std::span<const PostedShare> candidates, std::uint32_t t,
                                     std::span<const PostedShare> posted,
                                     std::vector<Fault> faults) {
    const auto base = candidates.first(t + 1);
    OpenedBase opened;
    for (const PostedShare& share : base) opened.base.push_back(share.member);
    for (const PostedShare& share : posted) {
        if (has_member(candidates, share.member)) continue;
        const auto x = first_mismatch<Field>(base, share);
        CHECK(x.has_value() || has_failed(posted));
        if (x) faults.push_back({share.member, *x});
    }
    std::sort(faults.begin(), faults.end(),
              [](const Fault& a, const Fault& b) { return a.member < b.member; });
    opened.faults = std::move(faults);
    return opened;
}

template <typename Field>
[[nodiscard]] std::optional<OpenedBase> find_base_over(std::uint32_t t,
                                                       std::span<const PostedShare> posted) {
    const std::vector<PostedShare> sorted = sorted_posters(posted);
    std::vector<PostedShare> candidates = sorted;
    const std::size_t needed = 2 * std::size_t{t} + 1;
    while (candidates.size() >= needed) {
        const auto base = std::span<const PostedShare>(candidates).first(t + 1);
        std::vector<Fault> mismatches;
        for (const PostedShare& share : std::span<const PostedShare>(candidates).subspan(t + 1)) {
            const auto x = first_mismatch<Field>(base, share);
            if (x) mismatches.push_back({share.member, *x});
        }
        if (has_failed(candidates)) return std::nullopt;
        if (candidates.size() - mismatches.size() >= needed) {
            return finish_base<Field>(candidates, t, sorted, std::move(mismatches));
        }
        std::uint64_t coordinate = mismatches.front().coordinate;
        for (const Fault& fault : mismatches) coordinate = std::min(coordinate, fault.coordinate);
        const auto liars = find_liars_at<Field>(t, sorted, static_cast<std::size_t>(coordinate));
        if (!liars) return std::nullopt;
        std::erase_if(candidates, [&liars](const PostedShare& share) {
            return std::find(liars->begin(), liars->end(), share.member) != liars->end();
        });
    }
    return std::nullopt;
}

template <typename Field>
[[nodiscard]] std::optional<Opening> open_shares_over(std::uint32_t t,
                                                      std::span<const PostedShare> posted) {
    auto opened = find_base_over<Field>(t, posted);
    if (!opened) return std::nullopt;
    std::vector<PostedShare> base;
    for (const PostedShare& share : posted) {
        const auto& members = opened->base;
        if (std::find(members.begin(), members.end(), share.member) != members.end()) {
            base.push_back(share);
        }
    }
    return Opening{interpolate_over<Field>(base, 0), std::move(opened->base),
                   std::move(opened->faults)};
}

}  // namespace consilium::smpc
