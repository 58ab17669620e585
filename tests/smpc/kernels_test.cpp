// Every instruction set of this machine against single steps in the field, on random and extreme
// words, all short lengths and unaligned rows.
#include "fl_engine/smpc/kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fl_engine/smpc/opening_over.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::TestRandom;

// The word with all limbs full; it stands for 0 and is the worst case of every partial sum.
constexpr Element kFullWord = kPrime61;

class Kernels : public ::testing::TestWithParam<Instructions> {};
INSTANTIATE_TEST_SUITE_P(Sets, Kernels, ::testing::ValuesIn(usable_instructions()),
                         [](const auto& parameter) {
                             switch (parameter.param) {
                                 case Instructions::kPortable:
                                     return "portable";
                                 case Instructions::kAvx2:
                                     return "avx2";
                                 case Instructions::kAvx512:
                                     return "avx512";
                             }
                             UNREACHABLE();
                         });

std::vector<Element> random_words(TestRandom& random, std::size_t length) {
    std::vector<Element> words(length);
    for (Element& word : words) {
        switch (random.between(0, 9)) {
            case 0:
                word = kPrime61 - 1;
                break;
            case 1:
                word = kFullWord;
                break;
            case 2:
                word = 0;
                break;
            default:
                word = random.word() & kPrime61;
        }
    }
    return words;
}

Element plain_product(const Element* a, const Element* b, std::size_t length) {
    Element sum = 0;
    for (std::size_t x = 0; x < length; ++x) {
        sum = Field61::add(sum, Field61::reduce(static_cast<Uint128>(a[x]) * b[x]));
    }
    return sum;
}

Element plain_combination(std::span<const Element> coefficients,
                          const std::vector<std::vector<Element>>& rows, std::size_t x) {
    Element sum = 0;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const Uint128 term = static_cast<Uint128>(rows[r][x] & kPrime61) * coefficients[r];
        sum = Field61::add(sum, Field61::reduce(term));
    }
    return sum;
}

std::vector<const Element*> pointers_to(const std::vector<std::vector<Element>>& rows) {
    std::vector<const Element*> pointers;
    for (const auto& row : rows) pointers.push_back(row.data());
    return pointers;
}

TEST_P(Kernels, inner_product_of_short_unaligned_vectors_agrees_with_single_steps) {
    TestRandom random(21);
    const std::vector<Element> a = random_words(random, 200);
    const std::vector<Element> b = random_words(random, 200);
    for (std::size_t length = 0; length <= 120; ++length) {
        for (std::size_t offset = 0; offset < 8; ++offset) {
            const auto first = std::span(a).subspan(offset, length);
            const auto second = std::span(b).subspan(2 * offset + 1, length);
            ASSERT_EQ(kernels::inner_product(GetParam(), first, second),
                      plain_product(first.data(), second.data(), length))
                << "length " << length << " offset " << offset;
        }
    }
}

TEST_P(Kernels, inner_product_of_many_extreme_words_does_not_overflow) {
    for (const std::size_t length : {1000UL, 20000UL}) {
        const std::vector<Element> full(length, kFullWord);
        const std::vector<Element> minus_one(length, kPrime61 - 1);
        EXPECT_EQ(kernels::inner_product(GetParam(), full, full), 0U);
        EXPECT_EQ(kernels::inner_product(GetParam(), minus_one, full), 0U);
        EXPECT_EQ(kernels::inner_product(GetParam(), minus_one, minus_one), length);
    }
}

TEST_P(Kernels, product_sums_agree_with_inner_products_however_rows_are_cut) {
    TestRandom random(22);
    for (const std::size_t count : {1UL, 2UL, 3UL, 5UL, 14UL}) {
        const std::size_t length = 1500 + static_cast<std::size_t>(random.between(0, 100));
        std::vector<std::vector<Element>> rows;
        for (std::size_t r = 0; r < count; ++r) rows.push_back(random_words(random, length));
        std::vector<RowPair> pairs;
        for (std::uint32_t i = 0; i < count; ++i) {
            for (std::uint32_t j = i; j < count; ++j) pairs.push_back({i, j});
        }
        pairs.push_back({static_cast<std::uint32_t>(count - 1), 0});
        ProductSums sums(GetParam(), count, pairs);
        for (std::size_t start = 0; start < length;) {
            const std::size_t size =
                std::min(length - start, static_cast<std::size_t>(random.between(0, 700)));
            auto pointers = pointers_to(rows);
            for (auto& pointer : pointers) pointer += start;
            sums.add(pointers, size);
            start += size;
        }
        const std::vector<Element> products = sums.values();
        ASSERT_EQ(products.size(), pairs.size());
        for (std::size_t q = 0; q < pairs.size(); ++q) {
            ASSERT_EQ(products[q], plain_product(rows[pairs[q].first].data(),
                                                 rows[pairs[q].second].data(), length))
                << "pair " << q << " of " << count << " rows";
        }
    }
}

TEST_P(Kernels, product_sums_of_many_extreme_words_do_not_overflow) {
    constexpr std::size_t kLength = 30001;
    const std::vector<std::vector<Element>> rows{std::vector<Element>(kLength, kFullWord),
                                                 std::vector<Element>(kLength, kPrime61 - 1)};
    ProductSums sums(GetParam(), 2, {{0, 0}, {0, 1}, {1, 1}});
    sums.add(pointers_to(rows), kLength);
    sums.add(pointers_to(rows), kLength);
    EXPECT_EQ(sums.values(), (std::vector<Element>{0, 0, 2 * kLength}));
}

// Coefficients of one kind: 0 general, 1 small and negative small, 2 the edges of small.
Element coefficient_of(TestRandom& random, int kind) {
    constexpr Element kSmall = Element{1} << 28;
    const Element value = random.word() & (kSmall - 1);
    switch (kind) {
        case 0:
            return element_of_word(random.word());
        case 1:
            return random.between(0, 1) == 0 ? value : Field61::negate(value);
        default:
            return random.between(0, 1) == 0 ? kSmall - 1 : kPrime61 - (kSmall - 1);
    }
}

TEST_P(Kernels, combinations_agree_with_single_steps_for_any_words_and_coefficients) {
    TestRandom random(23);
    for (const std::size_t count : {1UL, 2UL, 3UL, 4UL, 5UL, 9UL, 16UL, 17UL, 40UL}) {
        for (int kind = 0; kind < 3; ++kind) {
            std::vector<Element> coefficients(count);
            for (Element& value : coefficients) value = coefficient_of(random, kind);
            for (const std::size_t length : {0UL, 1UL, 15UL, 16UL, 17UL, 70UL, 600UL}) {
                std::vector<std::vector<Element>> rows(count, std::vector<Element>(length));
                for (auto& row : rows) {
                    for (Element& word : row) {
                        word = random.between(0, 3) == 0 ? ~std::uint64_t{0} : random.word();
                    }
                }
                std::vector<Element> expected(length);
                for (std::size_t x = 0; x < length; ++x) {
                    expected[x] = plain_combination(coefficients, rows, x);
                }
                std::vector<Element> out(length, 7);
                kernels::combine_rows(GetParam(), coefficients, pointers_to(rows), out);
                ASSERT_EQ(out, expected) << count << " rows, kind " << kind;
                // In place, over the last row.
                kernels::combine_rows(GetParam(), coefficients, pointers_to(rows), rows.back());
                ASSERT_EQ(rows.back(), expected) << count << " rows, kind " << kind;
            }
        }
    }
}

TEST_P(Kernels, combinations_of_full_words_and_extreme_coefficients_do_not_overflow) {
    for (const Element coefficient :
         {kPrime61 - 1, (Element{1} << 28) - 1, Element{1} << 28, kPrime61 - (Element{1} << 28),
          kPrime61 - (Element{1} << 28) + 1, (Element{1} << 31) - 1}) {
        const std::vector<Element> coefficients(50, coefficient);
        for (const Element word : {~std::uint64_t{0}, kPrime61 - 1, std::uint64_t{0}}) {
            const std::vector<std::vector<Element>> rows(50, std::vector<Element>(33, word));
            std::vector<Element> out(33);
            kernels::combine_rows(GetParam(), coefficients, pointers_to(rows), out);
            EXPECT_EQ(out, std::vector<Element>(33, plain_combination(coefficients, rows, 0)));
        }
    }
}

TEST_P(Kernels, sums_of_rows_agree_with_single_steps) {
    TestRandom random(24);
    for (std::size_t count = 0; count <= 20; ++count) {
        std::vector<std::vector<Element>> rows(count, std::vector<Element>(70));
        for (auto& row : rows) {
            for (Element& word : row) {
                word = random.between(0, 2) == 0 ? ~std::uint64_t{0} : random.word();
            }
        }
        for (const std::size_t length : {0UL, 5UL, 16UL, 70UL}) {
            std::vector<Element> expected(length);
            const std::vector<Element> ones(count, 1);
            for (std::size_t x = 0; x < length; ++x) {
                expected[x] = plain_combination(ones, rows, x);
            }
            std::vector<Element> out(length, 7);
            kernels::add_rows(GetParam(), pointers_to(rows), out);
            ASSERT_EQ(out, expected) << count << " rows";
            if (count == 0 || length == 0) continue;
            auto in_place = rows.front();
            auto pointers = pointers_to(rows);
            pointers.front() = in_place.data();
            kernels::add_rows(GetParam(), pointers, std::span(in_place).first(length));
            in_place.resize(length);
            ASSERT_EQ(in_place, expected) << count << " rows in place";
        }
    }
}

TEST(KernelChoice, the_best_set_is_the_last_of_the_usable_ones) {
    const auto usable = usable_instructions();
    EXPECT_EQ(usable.front(), Instructions::kPortable);
    EXPECT_EQ(usable.back(), best_instructions());
}

// The tiles of a long opening: a lie in any place is found, and it is the first that is named.
TEST(LongOpening, first_wrong_coordinate_is_named_across_tiles) {
    TestRandom random(25);
    const Committee committee = *Committee::make(4);
    constexpr std::size_t kLength = 2 * kShareTile + 400;
    std::vector<std::vector<Element>> shares(4, std::vector<Element>(kLength));
    std::vector<Element> secret(kLength);
    for (std::size_t x = 0; x < kLength; ++x) {
        secret[x] = element_of_word(random.word());
        const Element slope = element_of_word(random.word());
        for (Element k = 1; k <= 4; ++k) {
            shares[k - 1][x] = Field61::add(secret[x], Field61::mul(slope, k));
        }
    }
    for (const std::size_t lie :
         {std::size_t{0}, kShareTile - 1, kShareTile, 2 * kShareTile - 1, kLength - 1}) {
        for (MemberIndex liar = 1; liar <= 4; ++liar) {
            auto posted = shares;
            posted[liar - 1][lie] = Field61::add(posted[liar - 1][lie], 1);
            posted[liar - 1][kLength - 1] = Field61::add(posted[liar - 1][kLength - 1], 1);
            std::vector<PostedShare> posts;
            for (MemberIndex k = 1; k <= 4; ++k) posts.push_back({k, posted[k - 1]});
            const auto opening = open_shares(committee, posts);
            ASSERT_TRUE(opening.has_value());
            EXPECT_EQ(opening->values, secret);
            EXPECT_EQ(opening->faults, (std::vector<Fault>{{liar, lie}}));
        }
    }
}

}  // namespace
}  // namespace consilium::smpc
