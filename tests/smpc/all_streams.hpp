// Tries every value of the streams that a coalition misses, over a tiny field, and collects its
// views.
#pragma once
#include <algorithm>
#include <limits>
#include <vector>

#include "fl_engine/smpc/committee.hpp"

namespace consilium::smpc::testing {

struct Unknown {
    std::vector<Element*> elements;     // each takes all values below the modulus
    std::vector<std::uint64_t*> blurs;  // each takes both values of the top bit
};

// The subset of which t colluding members have no key; there is one.
inline SubsetRank missing_rank(const Committee& committee,
                               const std::vector<MemberIndex>& coalition) {
    CHECK(coalition.size() == committee.t());
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        const bool is_missing =
            std::none_of(coalition.begin(), coalition.end(),
                         [&](MemberIndex member) { return committee.contains(rank, member); });
        if (is_missing) return rank;
    }
    UNREACHABLE();
}

// The view as one number; at most 55 elements of F_5 or 37 of F_11 fit.
template <typename Field>
Uint128 packed(const std::vector<Element>& view) {
    Uint128 key = 0;
    for (const Element value : view) {
        CHECK(key <= (std::numeric_limits<Uint128>::max() - value) / Field::kModulus);
        key = key * Field::kModulus + value;
    }
    return key;
}

template <typename Field>
bool step(const Unknown& unknown) {
    for (Element* element : unknown.elements) {
        if (++*element < Field::kModulus) return true;
        *element = 0;
    }
    for (std::uint64_t* word : unknown.blurs) {
        *word ^= std::uint64_t{1} << 63;
        if (*word != 0) return true;
    }
    return false;
}

// Every view, sorted: equal results are equal distributions.
template <typename Field, typename View>
std::vector<Uint128> all_views(const Unknown& unknown, const View& view) {
    for (Element* element : unknown.elements) *element = 0;
    for (std::uint64_t* word : unknown.blurs) *word = 0;
    std::vector<Uint128> views;
    do {
        views.push_back(packed<Field>(view()));
    } while (step<Field>(unknown));
    std::sort(views.begin(), views.end());
    return views;
}

}  // namespace consilium::smpc::testing
