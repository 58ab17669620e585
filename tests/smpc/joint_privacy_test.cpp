// One joint view of a whole round over F_5, d = 2, exactly: two honest clients, t members, and
// whatever other clients the coalition has (smpc-protocol.md, section 9, C5).
//
// The view holds every masked update and RANGE blob, every share that any member posts of the
// preparation, the sacrifice, lambda, phi, psi, norms, products or sums, products with g, and the
// aggregate, and what they open to. Inputs of equal leakage must give equal distributions, for
// each member that may be corrupted. How many values the unknown streams have, and how many of
// them are tried one by one (the others by coset_views.hpp):
//
//   PAIRWISE with RANGE  masks 4, F_0 2, rho 5, zeta 5, RANGE masks 8    5^24    5^6 tried
//   SUM with RANGE       masks 4, F_0 2, rho 10, zeta 10, RANGE masks 8  5^34    5^6 tried
//   SACRIFICE            masks of slots 0, 1, 2: 6, rho 5, zeta 5        5^16    5^6 tried
//
// RANGE together with SACRIFICE would have 5^8 values to try for each input and member. Blurs and
// dithers are fixed here: a coalition that knew them would see no more than the exact values, which
// are equal. privacy_test.cpp has them among the unknown streams.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/smpc/coset_views.hpp"
#include "tests/smpc/tiny_round.hpp"

namespace consilium::smpc {
namespace {

using testing::CosetViews;
using testing::Leak;
using testing::SubsetStreams;
using testing::TinyRound;
using testing::Unknown;
using testing::Vector;
using Tiny = testing::SmallField<5>;
using Steps = TinyRound<Tiny>::Steps;

constexpr std::uint32_t kMembers = 4;
constexpr std::size_t kHonest = 2;  // clients 1 and 2

// What a coalition with member `corrupted` sees of a round with these updates.
CosetViews views_of(const std::vector<Vector>& updates, MemberIndex corrupted, const Steps& steps,
                    Leak leak = Leak::kNothing) {
    TinyRound<Tiny> round({.clients = static_cast<std::uint32_t>(updates.size())}, 41, leak);
    SubsetStreams& own = round.streams[testing::missing_rank(round.committee, {corrupted})];
    Unknown tried;
    std::vector<Element*> additive;
    for (std::size_t slot = steps.sacrifice ? 0 : 1; slot <= kHonest; ++slot) {
        for (Element& value : own.masks[slot]) tried.elements.push_back(&value);
    }
    for (Element& value : own.rho) additive.push_back(&value);
    for (Element& value : own.zeta) additive.push_back(&value);
    for (std::size_t i = 0; i < kHonest && steps.range; ++i) {
        tried.elements.push_back(&own.points[i]);
        for (Element& value : own.proof_masks[i]) additive.push_back(&value);
    }
    return testing::coset_views<Tiny>(tried, additive, [&] { return round.view(updates, steps); });
}

// Everything that a round tells everybody about its updates.
Vector leakage(const std::vector<Vector>& updates, const Steps& steps) {
    const auto product = [&](std::size_t i, std::size_t j) {
        return combine<Tiny>(updates[i], updates[j]);
    };
    Vector known;
    for (std::size_t i = 0; i < updates.size(); ++i) {
        known.push_back(product(i, i));
        if (!steps.reference.empty()) known.push_back(combine<Tiny>(updates[i], steps.reference));
        Element sigma = 0;
        for (std::size_t j = 0; j < updates.size(); ++j) {
            if (steps.omega.empty()) known.push_back(product(i, j));
            if (steps.omega.empty() || i == j) continue;
            sigma = Tiny::add(sigma, Tiny::mul(steps.omega[j], product(i, j)));
        }
        known.push_back(sigma);
    }
    for (std::size_t x = 0; x < updates.front().size() && steps.sum; ++x) {
        Element total = 0;
        for (std::size_t i = 0; i < updates.size(); ++i) {
            total = Tiny::add(total, Tiny::mul(steps.weights[i], updates[i][x]));
        }
        known.push_back(total);
    }
    return known;
}

// All coordinates add up to -1 or 0, so that each update proves its range (one digit).
struct Inputs {
    std::vector<Vector> left;
    std::vector<Vector> right;  // of equal leakage
    std::vector<Vector> other;  // of another one
};

void expect_that_leakage_decides(const Inputs& inputs, const Steps& steps, std::size_t tried) {
    ASSERT_NE(inputs.left[0], inputs.right[0]);
    ASSERT_NE(inputs.left[1], inputs.right[1]);
    ASSERT_EQ(leakage(inputs.left, steps), leakage(inputs.right, steps));
    ASSERT_NE(leakage(inputs.left, steps), leakage(inputs.other, steps));
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        SCOPED_TRACE("member " + std::to_string(corrupted));
        const CosetViews views = views_of(inputs.left, corrupted, steps);
        EXPECT_TRUE(views.is_affine);
        EXPECT_EQ(views.residues.size(), tried);
        EXPECT_TRUE(views == views_of(inputs.right, corrupted, steps));
        if (corrupted != 1) continue;  // that distributions can differ is no matter of members
        const CosetViews other = views_of(inputs.other, corrupted, steps);
        EXPECT_TRUE(other.image == views.image);
        EXPECT_FALSE(other.residues == views.residues);
    }
}

// Left and right differ in the digits that the range proofs hide, too.
const Inputs kSwapped{{{2, 2}, {3, 2}}, {{3, 2}, {2, 2}}, {{2, 2}, {2, 3}}};
const Steps kPairwise{
    .range = true, .statistics = true, .reference = {0, 1}, .sum = true, .weights = {1, 1}};
// The same digits, and unequal weights.
const Inputs kTwo{{{0, 4}, {3, 1}}, {{4, 0}, {1, 3}}, {{0, 4}, {1, 3}}};
const Steps kWeighted{.statistics = true, .reference = {1, 1}, .sum = true, .weights = {1, 2}};
const Steps kSacrifice{.sacrifice = true, .statistics = true, .sum = true, .weights = {1, 2}};

// Clients 3 and 4 belong to the coalition.
std::vector<Vector> with_corrupted(std::vector<Vector> updates) {
    updates.push_back({0, 4});
    updates.push_back({1, 3});
    return updates;
}
const Inputs kFour{with_corrupted(kTwo.left), with_corrupted(kTwo.right),
                   with_corrupted(kTwo.other)};
const Steps kSum{.slot_zero = false,
                 .range = true,
                 .statistics = true,
                 .omega = {1, 2, 3, 4},
                 .sum = true,
                 .weights = {1, 2, 1, 1}};

TEST(JointPrivacy, range_products_reference_and_sum_tell_no_more_than_the_leakage) {
    expect_that_leakage_decides(kSwapped, kPairwise, 15625);
}

TEST(JointPrivacy, products_reference_and_weighted_sum_tell_no_more_than_the_leakage) {
    expect_that_leakage_decides(kTwo, kWeighted, 625);
}

TEST(JointPrivacy, range_norms_sums_of_products_and_aggregate_tell_no_more_than_the_leakage) {
    expect_that_leakage_decides(kFour, kSum, 15625);
}

TEST(JointPrivacy, sacrifice_products_and_sum_tell_no_more_than_the_leakage) {
    expect_that_leakage_decides(kTwo, kSacrifice, 15625);
}

// SUM opens less: the products of these inputs differ, and PAIRWISE would show it.
TEST(JointPrivacy, products_that_sums_hide_are_told_apart_when_they_are_opened) {
    Steps steps = kSum;
    steps.range = false;
    EXPECT_TRUE(views_of(kFour.left, 2, steps) == views_of(kFour.right, 2, steps));
    steps.omega.clear();
    EXPECT_FALSE(views_of(kFour.left, 2, steps).residues ==
                 views_of(kFour.right, 2, steps).residues);
}

// The distribution by cosets, written out, is the one that every value of every stream gives.
TEST(JointPrivacy, cosets_written_out_are_the_views_of_all_streams) {
    const Steps steps{.slot_zero = false, .statistics = true};
    const std::vector<Vector> updates{{1, 2}};
    TinyRound<Tiny> round({.clients = 1}, 43);
    SubsetStreams& own = round.streams[testing::missing_rank(round.committee, {3})];
    const std::size_t item = round.items.position(1, 1);
    const std::vector<Element*> additive{&own.rho[item], &own.zeta[item]};
    Unknown tried;
    for (Element& value : own.masks[1]) tried.elements.push_back(&value);
    tried.blurs = {&own.blurs[item]};
    const auto view = [&] { return round.view(updates, steps); };
    const CosetViews cosets = testing::coset_views<Tiny>(tried, additive, view);
    ASSERT_EQ(cosets.image.size(), 2U);
    std::vector<Uint128> written;
    for (const std::string& residue : cosets.residues) {
        for (Element first = 0; first < Tiny::kModulus; ++first) {
            for (Element second = 0; second < Tiny::kModulus; ++second) {
                Vector point(residue.begin(), residue.end());
                for (std::size_t x = 0; x < point.size(); ++x) {
                    point[x] = Tiny::add(point[x], Tiny::mul(first, cosets.image[0][x]));
                    point[x] = Tiny::add(point[x], Tiny::mul(second, cosets.image[1][x]));
                }
                written.push_back(testing::packed<Tiny>(point));
            }
        }
    }
    std::sort(written.begin(), written.end());
    tried.elements.insert(tried.elements.end(), additive.begin(), additive.end());
    EXPECT_TRUE(written == testing::all_views<Tiny>(tried, view));
}

// Controls: each leak is seen in the joint view. Both sides have the same image, so different
// residues are different distributions.
struct Control {
    const char* name;
    Leak leak;
    const Inputs* inputs;
    const Steps* steps;
};

std::ostream& operator<<(std::ostream& out, const Control& control) {
    return out << control.name;
}

class LeakControl : public ::testing::TestWithParam<Control> {};

TEST_P(LeakControl, is_told_by_the_joint_view) {
    const Control& control = GetParam();
    for (const MemberIndex corrupted : {1U, 3U}) {
        const CosetViews left =
            views_of(control.inputs->left, corrupted, *control.steps, control.leak);
        const CosetViews right =
            views_of(control.inputs->right, corrupted, *control.steps, control.leak);
        EXPECT_TRUE(left.is_affine && right.is_affine);
        EXPECT_TRUE(left.image == right.image);
        EXPECT_FALSE(left.residues == right.residues) << "member " << corrupted;
    }
}

// Without RANGE where it plays no part: a twenty-fifth of the steps.
const Steps kSumAlone{.slot_zero = false,
                      .statistics = true,
                      .omega = {1, 2, 3, 4},
                      .sum = true,
                      .weights = {1, 2, 1, 1}};

INSTANTIATE_TEST_SUITE_P(
    JointPrivacy, LeakControl,
    ::testing::Values(Control{"no_rho", Leak::kNoRho, &kTwo, &kWeighted},
                      Control{"no_zeta", Leak::kNoZeta, &kTwo, &kWeighted},
                      Control{"same_rho", Leak::kSameRho, &kTwo, &kWeighted},
                      Control{"same_zeta", Leak::kSameZeta, &kTwo, &kWeighted},
                      Control{"same_mask", Leak::kSameMask, &kTwo, &kWeighted},
                      Control{"no_rho_sum", Leak::kNoRho, &kFour, &kSumAlone},
                      Control{"no_zeta_sum", Leak::kNoZeta, &kFour, &kSumAlone},
                      Control{"same_rho_sum", Leak::kSameRho, &kFour, &kSumAlone},
                      Control{"same_zeta_sum", Leak::kSameZeta, &kFour, &kSumAlone},
                      Control{"same_mask_sum", Leak::kSameMask, &kFour, &kSumAlone},
                      Control{"no_slot_zero", Leak::kNoSlotZero, &kTwo, &kSacrifice},
                      Control{"no_proof_mask", Leak::kNoProofMask, &kSwapped, &kPairwise},
                      Control{"same_proof_mask", Leak::kSameProofMask, &kSwapped, &kPairwise},
                      Control{"proof_mask_is_rho", Leak::kProofMaskIsRho, &kSwapped, &kPairwise},
                      Control{"no_random_point", Leak::kNoRandomPoint, &kSwapped, &kPairwise}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace consilium::smpc
