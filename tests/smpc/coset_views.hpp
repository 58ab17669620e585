// The exact distribution of a coalition's view when most unknown streams enter it additively.
//
// rho, zeta and the masks of RANGE blobs are added to what they hide, so for fixed values of the
// other streams the view is v + L r with r uniform: uniform on a coset of the image of L. Trying
// every value of the others (masks, F_0) and reducing v modulo that image gives the distribution
// over all streams, as trying p^(all) values would, in p^(others) steps. That the view is affine in
// r with the same L is tested at every step with random r.
//
// Two distributions of one image are equal exactly when the sorted residues are.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "tests/smpc/all_streams.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc::testing {

struct CosetViews {
    bool is_affine = true;
    std::vector<std::vector<Element>> image;  // reduced row echelon form
    std::vector<std::string> residues;        // a byte per element, sorted

    friend bool operator==(const CosetViews&, const CosetViews&) = default;
};

// Subtracts multiples of the basis so that its leading coordinates vanish.
template <typename Field>
void reduce_by(const std::vector<std::vector<Element>>& basis, std::vector<Element>& vector) {
    for (const std::vector<Element>& row : basis) {
        const auto lead = std::find_if(row.begin(), row.end(), [](Element e) { return e != 0; });
        const Element factor = vector[static_cast<std::size_t>(lead - row.begin())];
        if (factor == 0) continue;
        for (std::size_t x = 0; x < row.size(); ++x) {
            vector[x] = Field::sub(vector[x], Field::mul(factor, row[x]));
        }
    }
}

// The only basis of the span with leading ones, zero above and below them, by leading coordinate.
template <typename Field>
std::vector<std::vector<Element>> echelon(const std::vector<std::vector<Element>>& vectors) {
    std::vector<std::vector<Element>> basis;
    for (std::vector<Element> vector : vectors) {
        reduce_by<Field>(basis, vector);
        const auto lead =
            std::find_if(vector.begin(), vector.end(), [](Element e) { return e != 0; });
        if (lead == vector.end()) continue;
        const Element scale = Field::inverse(*lead);
        for (Element& value : vector) value = Field::mul(value, scale);
        for (std::vector<Element>& row : basis) reduce_by<Field>({vector}, row);
        basis.push_back(vector);
    }
    std::sort(basis.begin(), basis.end(), std::greater<>());  // an earlier lead is larger
    return basis;
}

// `tried` takes all values of its elements (and blurs), `additive` is the r of above.
template <typename Field, typename View>
CosetViews coset_views(const Unknown& tried, const std::vector<Element*>& additive,
                       const View& view) {
    for (Element* element : tried.elements) *element = 0;
    for (std::uint64_t* word : tried.blurs) *word = 0;
    for (Element* element : additive) *element = 0;
    const auto difference = [](std::vector<Element> left, const std::vector<Element>& right) {
        CHECK(left.size() == right.size());
        for (std::size_t x = 0; x < left.size(); ++x) left[x] = Field::sub(left[x], right[x]);
        return left;
    };
    std::vector<std::vector<Element>> columns;
    const std::vector<Element> origin = view();
    for (Element* element : additive) {
        *element = 1;
        columns.push_back(difference(view(), origin));
        *element = 0;
    }
    CosetViews result;
    result.image = echelon<Field>(columns);
    TestRandom random(7);
    do {
        std::vector<Element> start = view();
        std::vector<Element> expected = start;
        for (std::size_t c = 0; c < additive.size(); ++c) {
            *additive[c] = random.word() % Field::kModulus;
            for (std::size_t x = 0; x < expected.size(); ++x) {
                expected[x] = Field::add(expected[x], Field::mul(*additive[c], columns[c][x]));
            }
        }
        result.is_affine = result.is_affine && view() == expected;
        for (Element* element : additive) *element = 0;
        reduce_by<Field>(result.image, start);
        result.residues.emplace_back(start.begin(), start.end());
    } while (step<Field>(tried));
    std::sort(result.residues.begin(), result.residues.end());
    return result;
}

}  // namespace consilium::smpc::testing
