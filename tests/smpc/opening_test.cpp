// VECOPEN against an exhaustive oracle on a tiny field, and its corner cases on the real one.
#include "fl_engine/smpc/opening.hpp"

#include <bit>

#include <gtest/gtest.h>

#include "fl_engine/smpc/opening_over.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::TestRandom;
using Tiny = PrimeField<5>;

// Bit m-1 of mask[line] is set when member m's value lies on that line over F_5.
std::array<unsigned, 25> matching_members(const std::vector<MemberIndex>& members,
                                          const std::vector<Element>& values) {
    std::array<unsigned, 25> masks{};
    for (unsigned line = 0; line < 25; ++line) {
        for (std::size_t i = 0; i < members.size(); ++i) {
            const Element at = (line % 5 + (line / 5) * members[i]) % 5;
            if (at == values[i]) masks[line] |= 1U << (members[i] - 1);
        }
    }
    return masks;
}

std::vector<Element> digits(std::uint64_t number, std::size_t count) {
    std::vector<Element> result;
    for (std::size_t i = 0; i < count; ++i, number /= 5) result.push_back(number % 5);
    return result;
}

TEST(Opening, every_posting_over_a_tiny_field_decodes_as_the_oracle_says) {
    const std::vector<std::vector<MemberIndex>> poster_sets{{1, 2, 3, 4}, {1, 2, 3}, {1, 2, 4},
                                                            {1, 3, 4},    {2, 3, 4}, {1, 2}};
    for (const auto& members : poster_sets) {
        const std::uint64_t total = members.size() == 4 ? 625 : members.size() == 3 ? 125 : 25;
        for (std::uint64_t number = 0; number < total; ++number) {
            const std::vector<Element> values = digits(number, members.size());
            std::vector<PostedShare> posted;
            for (std::size_t i = 0; i < members.size(); ++i) {
                posted.push_back({members[i], std::span(&values[i], 1)});
            }
            const auto opening = open_shares_over<Tiny>(1, posted);
            const auto masks = matching_members(members, values);
            const auto best = std::max_element(
                masks.begin(), masks.end(),
                [](unsigned a, unsigned b) { return std::popcount(a) < std::popcount(b); });
            ASSERT_EQ(opening.has_value(), std::popcount(*best) >= 3);
            if (!opening) continue;
            EXPECT_EQ(opening->values.front(), static_cast<Element>(best - masks.begin()) % 5);
            for (std::size_t i = 0; i < members.size(); ++i) {
                const bool is_liar = (*best & (1U << (members[i] - 1))) == 0;
                const Fault fault{members[i], 0};
                EXPECT_EQ(std::count(opening->faults.begin(), opening->faults.end(), fault),
                          is_liar ? 1 : 0);
            }
        }
    }
}

TEST(Opening, vectors_of_two_need_one_set_of_members_right_in_both_coordinates) {
    const std::vector<MemberIndex> members{1, 2, 3, 4};
    for (std::uint64_t number = 0; number < 390625; number += 7) {
        const std::vector<Element> low = digits(number % 625, 4);
        const std::vector<Element> high = digits(number / 625, 4);
        std::vector<std::array<Element, 2>> rows;
        for (std::size_t i = 0; i < 4; ++i) rows.push_back({low[i], high[i]});
        std::vector<PostedShare> posted;
        for (std::size_t i = 0; i < 4; ++i) posted.push_back({members[i], rows[i]});
        bool is_decodable = false;
        for (const unsigned a : matching_members(members, low)) {
            for (const unsigned b : matching_members(members, high)) {
                is_decodable |= std::popcount(a & b) >= 3;
            }
        }
        ASSERT_EQ(open_shares_over<Tiny>(1, posted).has_value(), is_decodable) << number;
    }
}

class Shares {
  public:
    Shares(std::uint32_t n, std::size_t length, std::uint64_t seed)
        : committee(*Committee::make(n)), secret(length) {
        TestRandom random(seed);
        std::vector<std::vector<Element>> coefficients(committee.t() + 1);
        for (auto& row : coefficients) {
            for (std::size_t x = 0; x < length; ++x) row.push_back(element_of_word(random.word()));
        }
        secret = coefficients[0];
        for (MemberIndex k = 1; k <= n; ++k) {
            std::vector<Element> share(length, 0);
            for (std::size_t power = coefficients.size(); power-- > 0;) {
                for (std::size_t x = 0; x < length; ++x) {
                    share[x] = Field61::add(Field61::mul(share[x], k), coefficients[power][x]);
                }
            }
            posts[k] = share;
        }
    }
    void lie(MemberIndex k, std::size_t x, Element error) {
        posts[k][x] = Field61::add(posts[k][x], error);
    }
    Committee committee;
    std::vector<Element> secret;
    testing::Posts posts;
};

TEST(Opening, every_set_of_t_liars_is_corrected_and_named) {
    for (std::uint32_t n = kMinMembers; n <= 10; ++n) {
        const Shares honest(n, 5, n);
        const std::uint32_t t = honest.committee.t();
        for (unsigned set = 0; set < (1U << n); ++set) {
            if (static_cast<std::uint32_t>(std::popcount(set)) > t) continue;
            Shares shares = honest;
            std::vector<Fault> expected;
            for (MemberIndex k = 1; k <= n; ++k) {
                if ((set & (1U << (k - 1))) == 0) continue;
                const std::size_t x = (k * 3 + set) % 5;
                shares.lie(k, x, 1 + k);
                shares.lie(k, 4, 77);  // later coordinates do not change the report
                expected.push_back({k, x});
            }
            const auto opening = open_shares(shares.committee, testing::posted(shares.posts));
            ASSERT_TRUE(opening.has_value()) << n << " " << set;
            EXPECT_EQ(opening->values, shares.secret);
            EXPECT_EQ(opening->faults, expected);
        }
    }
}

TEST(Opening, colluding_liars_on_one_other_polynomial_are_named) {
    Shares shares(7, 3, 41);
    const Shares other(7, 3, 42);
    shares.posts[1] = other.posts.at(1);
    shares.posts[2] = other.posts.at(2);
    const auto opening = open_shares(shares.committee, testing::posted(shares.posts));
    ASSERT_TRUE(opening.has_value());
    EXPECT_EQ(opening->values, shares.secret);
    EXPECT_EQ(opening->faults, (std::vector<Fault>{{1, 0}, {2, 0}}));
}

TEST(Opening, more_than_t_colluding_liars_can_break_the_result) {
    // Documents the bound: two of four members, together with one honest share their line meets.
    Shares shares(4, 1, 43);
    const std::vector<PostedShare> line{{1, shares.posts[1]}, {2, shares.posts[2]}};
    shares.lie(2, 0, 5);
    shares.posts[3] = interpolate_vector(line, 3);
    const auto opening = open_shares(shares.committee, testing::posted(shares.posts));
    ASSERT_TRUE(opening.has_value());
    EXPECT_NE(opening->values, shares.secret);
}

TEST(Opening, result_does_not_depend_on_which_shares_arrived) {
    Shares shares(7, 4, 44);
    shares.lie(2, 3, 9);
    for (unsigned set = 0; set < 128; ++set) {
        testing::Posts posts;
        for (MemberIndex k = 1; k <= 7; ++k) {
            if ((set & (1U << (k - 1))) != 0) posts[k] = shares.posts[k];
        }
        const bool has_liar = posts.count(2) != 0;
        const auto opening = open_shares(shares.committee, testing::posted(posts));
        ASSERT_EQ(opening.has_value(), posts.size() - (has_liar ? 1 : 0) >= 5) << set;
        if (!opening) continue;
        EXPECT_EQ(opening->values, shares.secret);
        EXPECT_EQ(opening->faults.size(), has_liar ? 1U : 0U);
    }
}

TEST(Opening, late_share_is_checked_against_the_found_polynomial) {
    Shares shares(4, 6, 45);
    const std::vector<Element> late = shares.posts[3];
    shares.posts.erase(3);
    const auto opening = open_shares(shares.committee, testing::posted(shares.posts));
    ASSERT_TRUE(opening.has_value());
    std::vector<PostedShare> base;
    for (const MemberIndex k : opening->base) base.push_back({k, shares.posts[k]});
    EXPECT_FALSE(check_late_share(base, {3, late}).has_value());
    std::vector<Element> wrong = late;
    wrong[5] = Field61::add(wrong[5], 1);
    EXPECT_EQ(check_late_share(base, {3, wrong}), (Fault{3, 5}));
}

}  // namespace
}  // namespace consilium::smpc
