// The field, exhaustively on tiny primes and against 128-bit division on the real one.
#include "fl_engine/smpc/field61.hpp"

#include <gtest/gtest.h>

#include "fl_engine/smpc/lagrange.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::TestRandom;

template <typename Field>
void check_all_pairs() {
    constexpr auto p = Field::kModulus;
    for (Element a = 0; a < p; ++a) {
        EXPECT_EQ(Field::add(a, Field::negate(a)), 0U);
        if (a != 0) {
            EXPECT_EQ(Field::mul(a, Field::inverse(a)), 1U);
        }
        EXPECT_EQ(Field::from_signed(Field::centered(a)), a);
        for (Element b = 0; b < p; ++b) {
            EXPECT_EQ(Field::add(a, b), (a + b) % p);
            EXPECT_EQ(Field::add(Field::sub(a, b), b), a);
            EXPECT_EQ(Field::mul(a, b), a * b % p);
        }
    }
}

TEST(Field, tiny_primes_agree_with_remainders_in_every_case) {
    check_all_pairs<PrimeField<5>>();
    check_all_pairs<PrimeField<101>>();
}

TEST(Field, product_and_folding_agree_with_division) {
    TestRandom random(11);
    const std::vector<Element> edges{0,
                                     1,
                                     2,
                                     kPrime61 - 1,
                                     kPrime61 - 2,
                                     kPrime61 / 2,
                                     kPrime61 / 2 + 1,
                                     std::uint64_t{1} << 60};
    std::vector<Element> values = edges;
    for (int i = 0; i < 200; ++i) values.push_back(element_of_word(random.word()));
    for (const Element a : values) {
        for (const Element b : values) {
            const Uint128 product = static_cast<Uint128>(a) * b;
            EXPECT_EQ(Field61::mul(a, b), static_cast<Element>(product % kPrime61));
            const Uint128 wide = (static_cast<Uint128>(random.word()) << 64) | random.word();
            EXPECT_EQ(Field61::reduce(wide), static_cast<Element>(wide % kPrime61));
        }
    }
    EXPECT_EQ(Field61::reduce(~Uint128{0}), static_cast<Element>(~Uint128{0} % kPrime61));
    EXPECT_EQ(Field61::reduce(kPrime61), 0U);
    EXPECT_EQ(Field61::reduce(2 * static_cast<Uint128>(kPrime61)), 0U);
}

TEST(Field, signed_values_round_trip_through_centered_form) {
    const std::int64_t half = static_cast<std::int64_t>(kPrime61 / 2);
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, half, -half, half - 1}) {
        EXPECT_EQ(Field61::centered(Field61::from_signed(value)), value);
    }
    EXPECT_EQ(Field61::from_signed(std::numeric_limits<std::int64_t>::min()),
              Field61::negate((std::uint64_t{1} << 63) % kPrime61));
}

TEST(Field, stream_word_p_reads_as_zero) {
    EXPECT_EQ(element_of_word(kPrime61), 0U);
    EXPECT_EQ(element_of_word(~std::uint64_t{0}), 0U);
    EXPECT_EQ(element_of_word((std::uint64_t{1} << 61) + 5), 5U);
}

TEST(Field, inner_product_of_extreme_values_agrees_with_single_steps) {
    TestRandom random(12);
    for (const std::size_t length : {0UL, 1UL, 31UL, 32UL, 33UL, 64UL, 1000UL}) {
        std::vector<Element> a(length, kPrime61 - 1);
        std::vector<Element> b(length, kPrime61 - 1);
        EXPECT_EQ(inner_product(a, b), length % kPrime61);
        Element expected = 0;
        for (std::size_t x = 0; x < length; ++x) {
            a[x] = element_of_word(random.word());
            b[x] = element_of_word(random.word());
            expected = Field61::add(expected, Field61::mul(a[x], b[x]));
        }
        EXPECT_EQ(inner_product(a, b), expected);
    }
}

TEST(Words, round_trip_and_every_malformed_blob_is_refused) {
    const std::vector<Element> values{0, 1, kPrime61 - 1, 123456789};
    const Bytes bytes = encode_words(values);
    EXPECT_EQ(decode_words(bytes, 4).value(), values);
    EXPECT_FALSE(decode_words(bytes, 3).has_value());
    EXPECT_FALSE(decode_words(bytes, 5).has_value());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode_words(ByteView(bytes).first(size), 4).has_value());
    }
    for (const std::uint64_t word :
         {kPrime61, std::uint64_t{1} << 61, ~std::uint64_t{0}, kPrime61 + 1}) {
        EXPECT_FALSE(are_words(encode_words(std::vector<Element>{1, word}), 2));
    }
    EXPECT_FALSE(are_words({}, std::numeric_limits<std::size_t>::max() / 8 + 1));
}

TEST(Lagrange, every_polynomial_over_a_tiny_field_is_recovered_everywhere) {
    using Tiny = PrimeField<5>;
    const std::vector<MemberIndex> nodes{1, 2, 4};
    for (Element a = 0; a < 5; ++a) {
        for (Element b = 0; b < 5; ++b) {
            for (Element c = 0; c < 5; ++c) {
                const auto at = [&](Element v) { return (a + b * v + c * v * v) % 5; };
                const std::vector<Element> values{at(1), at(2), at(4)};
                for (MemberIndex v = 0; v < 5; ++v) {
                    EXPECT_EQ(combine<Tiny>(lagrange_coefficients<Tiny>(nodes, v), values), at(v));
                }
            }
        }
    }
}

TEST(Committee, only_four_to_thirteen_members_are_accepted) {
    for (std::uint32_t n = 0; n < 20; ++n) {
        EXPECT_EQ(Committee::make(n).has_value(), n >= 4 && n <= 13) << n;
    }
}

TEST(Committee, subset_tables_are_complete_and_ordered_for_every_size) {
    for (std::uint32_t n = kMinMembers; n <= kMaxMembers; ++n) {
        const Committee committee = *Committee::make(n);
        std::vector<std::vector<MemberIndex>> all;
        for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
            all.push_back(committee.members(rank));
            EXPECT_EQ(all.back().size(), committee.subset_size());
            EXPECT_EQ(committee.rank_of(committee.bitmap(rank)), rank);
            for (MemberIndex k = 1; k <= n; ++k) {
                EXPECT_EQ(committee.coefficient(rank, k) == 0, !committee.contains(rank, k));
            }
            // f_A has degree t and is 1 at 0: t+1 nodes give 1.
            std::vector<MemberIndex> nodes;
            std::vector<Element> values;
            for (MemberIndex k = 1; k <= committee.t() + 1; ++k) {
                nodes.push_back(k);
                values.push_back(committee.coefficient(rank, k));
            }
            EXPECT_EQ(combine(lagrange_coefficients(nodes, 0), values), 1U);
        }
        EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
        EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
        EXPECT_FALSE(committee.rank_of(0).has_value());
    }
}

}  // namespace
}  // namespace consilium::smpc
