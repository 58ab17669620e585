// What a coalition of t validators sees, over tiny fields (smpc-protocol.md, section 9, C5).
//
// The coalition misses the streams of one subset A*. With n = 4 over F_5 (and n = 7 over F_11)
// every value of these streams is tried, which gives the exact distribution of the view: blobs,
// every share that any member posts, every opened value. Inputs of equal leakage must give equal
// distributions. The streams that the coalition holds are fixed values from the seed. Controls
// leave one mask out and must be told apart.
//
// Exhaustive here, streams tried value by value: one honest client, d = 2, with its norm (all 25
// updates), a malicious client's product or sum, a sacrifice, a reference: up to 5^8 values and
// three blurs; two honest clients: sums alone with d = 2, norms and product with d = 1 (5^8).
// joint_privacy_test.cpp: whole rounds of two honest clients with d = 2, exactly (up to 5^34
// values). range_privacy_test.cpp: the range proof alone. sampled_privacy_test.cpp: F_101, where
// 101^16 values can only be sampled.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/smpc/tiny_round.hpp"

namespace consilium::smpc {
namespace {

using testing::Leak;
using testing::SmallField;
using testing::SubsetStreams;
using testing::TinyRound;
using testing::Unknown;
using testing::Vector;

constexpr std::uint32_t kMembers = 4;  // t = 1

using Tiny = SmallField<5>;
using TinySteps = TinyRound<Tiny>::Steps;

// Every view, sorted, over all values of the unknown streams.
std::vector<Uint128> all_views(TinyRound<Tiny>& round, const Unknown& unknown,
                               const std::vector<Vector>& updates, const TinySteps& steps) {
    return testing::all_views<Tiny>(unknown, [&] { return round.view(updates, steps); });
}

// Streams of A* about the honest client 1 (others' masks are known to the coalition's clients) and
// about the items of the view.
Unknown streams_of_client_one(TinyRound<Tiny>& round, MemberIndex corrupted,
                              const TinySteps& steps) {
    SubsetStreams& own = round.streams[testing::missing_rank(round.committee, {corrupted})];
    Unknown unknown;
    for (Element& value : own.masks[1]) unknown.elements.push_back(&value);
    if (steps.sacrifice) {
        for (Element& value : own.masks[0]) unknown.elements.push_back(&value);
    }
    for (std::size_t x = 0; x < round.items.size(); ++x) {
        const BatchItem item = round.items.at(x);
        if (item.first == 0 && !steps.slot_zero) continue;
        if (item.first > 1) continue;  // of the coalition's clients alone
        unknown.elements.push_back(&own.rho[x]);
        unknown.elements.push_back(&own.zeta[x]);
        const bool is_opened = steps.omega.empty() || item.second == 1;
        if (item.first != 0 && steps.statistics && is_opened) {
            unknown.blurs.push_back(&own.blurs[x]);
        }
    }
    if (!steps.omega.empty()) unknown.blurs.push_back(&own.sum_blurs[0]);
    if (!steps.reference.empty()) unknown.blurs.push_back(&own.reference_blurs[0]);
    return unknown;
}

std::vector<Uint128> views_of(const std::vector<Vector>& updates, MemberIndex corrupted,
                              const TinySteps& steps, Leak leak = Leak::kNothing) {
    TinyRound<Tiny> round({.clients = static_cast<std::uint32_t>(updates.size())}, 26, leak);
    const Unknown unknown = streams_of_client_one(round, corrupted, steps);
    return all_views(round, unknown, updates, steps);
}

Vector update_number(std::size_t number) {
    return {number % Tiny::kModulus, number / Tiny::kModulus};
}

TEST(TinyFieldPrivacy, view_of_preparation_and_norm_depends_on_the_norm_alone) {
    const TinySteps steps{.statistics = true};
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        std::array<std::vector<Uint128>, Tiny::kModulus> of_norm;
        std::size_t compared = 0;
        for (std::size_t number = 0; number < 25; ++number) {
            if (corrupted != 1 && number % 3 != 0) continue;  // fewer, for time
            const Vector update = update_number(number);
            auto views = views_of({update}, corrupted, steps);
            EXPECT_EQ(views.size(), 2 * 15625U);
            auto& expected = of_norm.at(combine<Tiny>(update, update));
            if (expected.empty()) {
                expected = std::move(views);
            } else {
                EXPECT_TRUE(views == expected) << "member " << corrupted << ", update " << number;
                ++compared;
            }
        }
        EXPECT_EQ(compared, corrupted == 1 ? 20U : 5U);
        // The leakage itself is in the view: the comparison can tell distributions apart.
        EXPECT_FALSE(of_norm[0] == of_norm[1]);
    }
}

TEST(TinyFieldPrivacy, view_with_a_corrupted_client_depends_on_its_inner_product_alone) {
    // rho and zeta of the items (0,j) are used for nothing else, and the test above has them.
    const TinySteps steps{.slot_zero = false, .statistics = true};
    const Vector probe{1, 0};
    // Equal norms and equal products with the probe.
    const std::vector<Vector> left{{1, 2}, probe};
    const std::vector<Vector> right{{1, 3}, probe};
    const std::vector<Vector> other{{4, 2}, probe};  // the same norm, another product
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const auto views = views_of(left, corrupted, steps);
        EXPECT_EQ(views.size(), 4 * 15625U);
        EXPECT_TRUE(views == views_of(right, corrupted, steps)) << "member " << corrupted;
        EXPECT_FALSE(views == views_of(other, corrupted, steps)) << "member " << corrupted;
    }
}

TEST(TinyFieldPrivacy, view_of_sums_with_a_corrupted_client_depends_on_its_inner_product_alone) {
    const TinySteps steps{.slot_zero = false, .statistics = true, .omega = {2, 3}};
    const Vector probe{1, 0};
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const auto views = views_of({{1, 2}, probe}, corrupted, steps);
        EXPECT_EQ(views.size(), 4 * 15625U);  // blurs of the norm and of sigma_1
        EXPECT_TRUE(views == views_of({{1, 3}, probe}, corrupted, steps)) << corrupted;
        EXPECT_FALSE(views == views_of({{4, 2}, probe}, corrupted, steps)) << corrupted;
    }
}

TEST(TinyFieldPrivacy, view_of_preparation_and_sacrifice_is_the_same_for_every_update) {
    const TinySteps steps{.sacrifice = true};
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const auto views = views_of({{0, 0}}, corrupted, steps);
        EXPECT_EQ(views.size(), 390625U);
        EXPECT_TRUE(views == views_of({{3, 1}}, corrupted, steps)) << "member " << corrupted;
    }
}

TEST(TinyFieldPrivacy, view_with_a_reference_depends_on_the_norm_and_the_product_with_it_alone) {
    const TinySteps steps{.slot_zero = false, .statistics = true, .reference = {1, 0}};
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const auto views = views_of({{1, 2}}, corrupted, steps);
        EXPECT_EQ(views.size(), 4 * 625U);
        EXPECT_TRUE(views == views_of({{1, 3}}, corrupted, steps)) << "member " << corrupted;
        // The same norm, another product with g.
        EXPECT_FALSE(views == views_of({{4, 2}}, corrupted, steps)) << "member " << corrupted;
    }
}

// The masks of slots 1 and 2 of A*, and what `more` adds.
template <typename More>
std::vector<Uint128> views_of_two(const std::vector<Vector>& updates, MemberIndex corrupted,
                                  const TinySteps& steps, const More& more) {
    TinyRound<Tiny> round({.clients = 2, .dimension = updates.front().size()}, 27);
    SubsetStreams& own = round.streams[testing::missing_rank(round.committee, {corrupted})];
    Unknown unknown;
    for (const std::size_t slot : {1U, 2U}) {
        for (Element& value : own.masks[slot]) unknown.elements.push_back(&value);
    }
    more(round, own, unknown);
    return all_views(round, unknown, updates, steps);
}

TEST(TinyFieldPrivacy, view_of_a_plain_sum_of_two_honest_clients_depends_on_the_sum_alone) {
    const auto views_of_sum = [](const std::vector<Vector>& updates, MemberIndex corrupted) {
        return views_of_two(updates, corrupted, {.preparation = false, .sum = true},
                            [](auto&, auto&, auto&) {});
    };
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const auto views = views_of_sum({{1, 2}, {0, 4}}, corrupted);
        EXPECT_EQ(views.size(), 625U);
        EXPECT_TRUE(views == views_of_sum({{3, 0}, {3, 1}}, corrupted)) << "member " << corrupted;
        EXPECT_FALSE(views == views_of_sum({{1, 2}, {0, 3}}, corrupted)) << "member " << corrupted;
    }
}

TEST(TinyFieldPrivacy, view_of_a_dithered_sum_of_two_honest_clients_depends_on_that_sum_alone) {
    const auto views_of_sum = [](const std::vector<Vector>& updates, MemberIndex corrupted) {
        return views_of_two(updates, corrupted,
                            {.preparation = false, .sum = true, .weights = {1, 2}},
                            [](auto&, SubsetStreams& own, Unknown& unknown) {
                                for (auto& word : own.dithers) unknown.blurs.push_back(&word);
                            });
    };
    for (MemberIndex corrupted = 1; corrupted <= kMembers; ++corrupted) {
        const auto views = views_of_sum({{1, 2}, {0, 4}}, corrupted);  // 1, 0
        EXPECT_EQ(views.size(), 4 * 625U);
        EXPECT_TRUE(views == views_of_sum({{4, 3}, {1, 1}}, corrupted)) << "member " << corrupted;
        EXPECT_FALSE(views == views_of_sum({{4, 3}, {1, 2}}, corrupted)) << "member " << corrupted;
    }
}

// Everything that is opened about two honest clients: both norms and their product, tried value by
// value: one coordinate, or there were 5^10 values. joint_privacy_test.cpp has two, and all
// members.
TEST(TinyFieldPrivacy, view_of_two_honest_clients_depends_on_norms_and_product_alone) {
    const auto views_of_round = [](const std::vector<Vector>& updates, MemberIndex corrupted) {
        return views_of_two(updates, corrupted, {.slot_zero = false, .statistics = true},
                            [](TinyRound<Tiny>& round, SubsetStreams& own, Unknown& unknown) {
                                for (std::size_t x = 0; x < round.items.size(); ++x) {
                                    if (round.items.at(x).first == 0) continue;
                                    unknown.elements.push_back(&own.rho[x]);
                                    unknown.elements.push_back(&own.zeta[x]);
                                }
                                // Of the blurs one is enough to tell that it is there.
                                unknown.blurs.push_back(&own.blurs[round.items.position(1, 2)]);
                            });
    };
    const MemberIndex corrupted = 4;
    const auto views = views_of_round({{1}, {2}}, corrupted);
    EXPECT_EQ(views.size(), 2 * 390625U);
    EXPECT_TRUE(views == views_of_round({{4}, {3}}, corrupted));
    // The same norms, another product.
    EXPECT_FALSE(views == views_of_round({{1}, {3}}, corrupted));
}

// Two colluding members of seven: shares of degree 2, zero shares of degree 4.
TEST(TinyFieldPrivacy, view_of_two_members_of_seven_depends_on_the_norm_alone) {
    using Eleven = SmallField<11>;
    const auto views_of_norm = [](Element update, const std::vector<MemberIndex>& coalition,
                                  Leak leak = Leak::kNothing) {
        TinyRound<Eleven> round({.clients = 1, .members = 7, .dimension = 1}, 29, leak);
        SubsetStreams& own = round.streams[testing::missing_rank(round.committee, coalition)];
        const std::size_t item = round.items.position(1, 1);
        Unknown unknown;
        unknown.elements = {&own.masks[1][0], &own.rho[item], &own.zeta[2 * item],
                            &own.zeta[2 * item + 1]};
        unknown.blurs = {&own.blurs[item]};
        return testing::all_views<Eleven>(unknown, [&] {
            return round.view({{update}}, {.slot_zero = false, .statistics = true});
        });
    };
    for (const std::vector<MemberIndex>& coalition :
         {std::vector<MemberIndex>{1, 2}, std::vector<MemberIndex>{3, 7}}) {
        const auto views = views_of_norm(3, coalition);
        EXPECT_EQ(views.size(), 2 * 14641U);
        EXPECT_TRUE(views == views_of_norm(8, coalition));   // -3
        EXPECT_FALSE(views == views_of_norm(4, coalition));  // another norm
        EXPECT_FALSE(views_of_norm(3, coalition, Leak::kNoZeta) ==
                     views_of_norm(8, coalition, Leak::kNoZeta));
    }
}

// Controls: a mask left out, and the same comparison finds it.
bool views_agree(const Vector& left, const Vector& right, const TinySteps& steps, Leak leak) {
    return views_of({left}, 1, steps, leak) == views_of({right}, 1, steps, leak);
}

TEST(TinyFieldPrivacy, without_rho_the_opened_products_tell_updates_apart) {
    const TinySteps steps{.slot_zero = false, .statistics = true};
    EXPECT_TRUE(views_agree({1, 2}, {2, 1}, steps, Leak::kNothing));
    EXPECT_FALSE(views_agree({1, 2}, {2, 1}, steps, Leak::kNoRho));
}

TEST(TinyFieldPrivacy, without_zeta_the_posted_shares_tell_updates_apart) {
    const TinySteps steps{.slot_zero = false, .statistics = true};
    EXPECT_FALSE(views_agree({1, 2}, {2, 1}, steps, Leak::kNoZeta));
}

TEST(TinyFieldPrivacy, without_the_mask_of_slot_zero_the_combination_tells_updates_apart) {
    EXPECT_FALSE(views_agree({0, 0}, {3, 1}, {.sacrifice = true}, Leak::kNoSlotZero));
}

TEST(BlurNoise, ends_of_the_word_give_the_ends_of_the_range) {
    for (const std::uint32_t bits : {0U, 1U, 20U, 35U, 43U, 62U}) {
        const std::int64_t bound = std::int64_t{1} << bits;
        EXPECT_EQ(blur_noise(0, bits), -bound);
        EXPECT_EQ(blur_noise(~std::uint64_t{0}, bits), bound - 1);
    }
}

// All subsets at one end of their range: the sum of C terms is at the bound of one blur.
TEST(BlurNoise, sum_of_all_subsets_reaches_its_bounds_and_no_more) {
    for (std::uint32_t n = kMinMembers; n <= kMaxMembers; ++n) {
        const Committee committee = *Committee::make(n);
        const std::uint32_t bits = default_blur_bits(committee, 22);
        for (const std::uint64_t word : {std::uint64_t{0}, ~std::uint64_t{0}}) {
            std::vector<Element> shares;
            std::vector<PostedShare> base;
            for (MemberIndex k = 1; k <= committee.t() + 1; ++k) {
                Element share = 0;
                for (const SubsetRank rank : committee.subsets_of(k)) {
                    const Element part =
                        blur_share_part(committee.coefficient(rank, k), word, bits);
                    share = Field61::add(share, part);
                }
                shares.push_back(share);
            }
            for (MemberIndex k = 1; k <= shares.size(); ++k) {
                base.push_back({k, std::span(&shares[k - 1], 1)});
            }
            const std::int64_t blur = Field61::centered(interpolate_vector(base, 0).front());
            const auto subsets = static_cast<std::int64_t>(committee.subset_count());
            const std::int64_t bound = subsets << bits;
            EXPECT_EQ(blur, word == 0 ? -bound : bound - subsets) << "n = " << n;
            EXPECT_EQ(blur_bound(committee, bits), bound);
        }
    }
}

}  // namespace
}  // namespace consilium::smpc
