// The range proof: its polynomials and projections against naive forms, completeness, and what a
// cheating client tries.
#include <gtest/gtest.h>

#include <map>

#include "fl_engine/smpc/range_polynomial.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::Consortium;
using testing::MemberState;
using testing::Posts;
using testing::TestRandom;
using Elements = std::vector<Element>;
using Update = std::vector<std::int64_t>;

constexpr std::uint32_t kNormBits = 22;
constexpr std::int64_t kB = std::int64_t{1} << kNormBits;
const Digest kSeedR = sha256(as_bytes("seed R"));
const Digest kSeedT = sha256(as_bytes("seed T"));

Element value_at(const Elements& coefficients, Element x) {
    Element value = 0;
    for (std::size_t i = coefficients.size(); i-- > 0;) {
        value = Field61::add(Field61::mul(value, x), coefficients[i]);
    }
    return value;
}

TEST(RangePolynomial, extension_continues_every_polynomial) {
    TestRandom random(1);
    for (std::size_t degree = 1; degree <= 40; ++degree) {
        Elements coefficients(degree + 1);
        for (Element& c : coefficients) c = element_of_word(random.word());
        Elements values;
        for (Element x = 0; x <= degree; ++x) values.push_back(value_at(coefficients, x));
        const SecretElements extension = extend_polynomial(values);
        ASSERT_EQ(extension.size(), degree);
        for (std::size_t j = 1; j <= degree; ++j) {
            EXPECT_EQ(extension[j - 1], value_at(coefficients, degree + j)) << degree << " " << j;
        }
    }
}

TEST(RangePolynomial, weights_evaluate_every_polynomial_at_the_point) {
    TestRandom random(2);
    for (std::size_t degree = 0; degree <= 40; ++degree) {
        Elements coefficients(degree + 1);
        for (Element& c : coefficients) c = element_of_word(random.word());
        Elements values;
        for (Element x = 0; x <= degree; ++x) values.push_back(value_at(coefficients, x));
        for (const Element point : {Element{degree + 1}, kPrime61 - 1, random.word() >> 4}) {
            const Elements weights = consecutive_lagrange(degree, point);
            EXPECT_EQ(inner_product(weights, values), value_at(coefficients, point));
        }
    }
}

// Row c of R at coordinate x, from the definition: one bit at a time.
class NaiveRows {
  public:
    NaiveRows(const Digest& seed, std::size_t dimension) : words_(4 * dimension) {
        Prg::expand(seed).fill_words(words_);
    }
    [[nodiscard]] std::int64_t at(std::size_t c, std::size_t x) const {
        const std::uint64_t p = words_[4 * x + c / 64] >> (c % 64) & 1;
        const std::uint64_t m = words_[4 * x + 2 + c / 64] >> (c % 64) & 1;
        return static_cast<std::int64_t>(p) - static_cast<std::int64_t>(m);
    }

  private:
    std::vector<std::uint64_t> words_;
};

TEST(RangeProjection, both_directions_equal_the_definition_across_tiles) {
    for (const std::size_t dimension : {129U, 1024U, 2085U}) {
        const RangeShape shape = range_shape(dimension, kNormBits);
        const NaiveRows naive(kSeedR, dimension);
        TestRandom random(dimension);
        Update update(dimension);
        for (auto& value : update) value = random.between(-kB, kB);
        Elements tau(kProjections);
        for (Element& value : tau) value = element_of_word(random.word());
        const RangeProjections rows(shape, kSeedR);
        const SecretIntegers projections = rows.project(update);
        const Elements weights = rows.weigh(tau);
        std::array<std::size_t, 3> counts{};
        for (std::size_t c = 0; c < kProjections; ++c) {
            std::int64_t expected = 0;
            for (std::size_t x = 0; x < dimension; ++x) {
                expected += naive.at(c, x) * update[x];
                ++counts[static_cast<std::size_t>(naive.at(c, x) + 1)];
            }
            ASSERT_EQ(projections[c], expected) << c;
        }
        for (std::size_t x = 0; x < dimension; ++x) {
            Element expected = 0;
            for (std::size_t c = 0; c < kProjections; ++c) {
                const Element entry = Field61::from_signed(naive.at(c, x));
                expected = Field61::add(expected, Field61::mul(entry, tau[c]));
            }
            ASSERT_EQ(weights[x], expected) << x;
        }
        // A quarter, a half, a quarter.
        const auto entries = static_cast<double>(kProjections * dimension);
        EXPECT_NEAR(static_cast<double>(counts[0]) / entries, 0.25, 0.01);
        EXPECT_NEAR(static_cast<double>(counts[1]) / entries, 0.50, 0.01);
    }
}

TEST(RangeParameters, small_mode_ends_at_128) {
    EXPECT_EQ(range_shape(128, 22), (RangeShape{128, 128, 24}));
    EXPECT_EQ(range_shape(129, 22), (RangeShape{129, 128, 26}));
    EXPECT_EQ(range_shape(16, 22).bound(), 2 * kB);
    EXPECT_EQ(range_shape(513, 22).bound(), 8 * kB);
    EXPECT_EQ(range_shape(1 << 20, 22).blob_bytes(), 8U * 6658);
}

TEST(RangeChallenge, point_lies_beyond_every_node) {
    const RangeShape shape = range_shape(16, 16);
    for (int i = 0; i < 200; ++i) {
        const Digest seed = sha256(as_bytes("challenge" + std::to_string(i)));
        const RangeChallenge challenge = make_range_challenge(shape, seed);
        EXPECT_EQ(challenge.tau.size(), 16U);
        EXPECT_GT(challenge.point, 2 * shape.bits());
        EXPECT_LT(challenge.point, kPrime61);
    }
}

// Every message over small digits with every digit out of 0..3: accepted exactly for bits that say
// the projection, at any of a few challenges.
TEST(RangeProof, exhaustively_accepts_bits_of_the_projection_and_nothing_else) {
    // Three digits only: a shape that no round has, for the linear forms alone.
    const RangeShape shape{1, 1, 3};
    TestRandom random(3);
    const RangeVerifier verifier(shape, std::nullopt, kSeedT);
    for (std::int64_t y = -6; y <= 6; ++y) {
        const Elements update{Field61::from_signed(y)};
        for (unsigned code = 0; code < 64; ++code) {
            const Elements digits{code & 3U, code >> 2 & 3U, code >> 4 & 3U};
            const SecretElements message = digits_message(digits, element_of_word(random.word()));
            const bool are_bits = digits[0] < 2 && digits[1] < 2 && digits[2] < 2;
            const auto number =
                static_cast<std::int64_t>(digits[0] + 2 * digits[1] + 4 * digits[2]);
            const bool is_accepted = range_passes(verifier.evaluate(update, message));
            // Non-bits can say the right number (lambda = 0); then F2 at the nodes is not zero.
            EXPECT_EQ(is_accepted, are_bits && number == y + shape.bound()) << y << " " << code;
        }
    }
}

// One client among members: proofs that may be wrong, opened with VECOPEN.
class Prover {
  public:
    explicit Prover(std::uint64_t dimension, std::uint32_t n = 4, std::uint32_t norm_bits = 22)
        : consortium(n, 2, dimension), shape(range_shape(dimension, norm_bits)) {
        consortium.prepare_batch();
        EXPECT_EQ(consortium.certify().outcome, BatchOutcome::kCertified);
        consortium.masked.assign(2, Elements(dimension));
        consortium.proofs.assign(2, Elements(shape.message_length()));
    }
    [[nodiscard]] std::optional<Digest> seed() const {
        return shape.is_small() ? std::nullopt : std::optional(kSeedR);
    }
    // Client 1 sends any field elements as its update and this message as its proof.
    void send(const Elements& update, std::span<const Element> message) {
        consortium.masked[0] = consortium.mask_anything(1, update);
        consortium.spread();
        consortium.proofs[0] = mask_range_message(consortium.kdf, consortium.committee,
                                                  consortium.mask_rings[0], message);
    }
    [[nodiscard]] SecretElements best_message(const Elements& update) const {
        return testing::best_effort_message({shape, seed()}, update, point());
    }
    [[nodiscard]] Element point() const {
        return range_point(consortium.kdf, consortium.committee, consortium.mask_rings[0]);
    }
    // STAT1 of client 1, opened.
    [[nodiscard]] Stat1Values open() const {
        const RangeVerifier verifier(shape, seed(), kSeedT);
        const std::vector<ClientIndex> ids{1};
        Posts posts;
        for (const MemberState& member : consortium.members) {
            const auto shares = Consortium::client_shares(member, ids);
            posts[member.self] =
                consortium.stat_shares(member, 20)
                    .stat1(shares, consortium.range_shares(member, ids, verifier), {});
        }
        const auto opening = open_shares(consortium.committee, testing::posted(posts));
        EXPECT_TRUE(opening && opening->faults.empty());
        return read_stat1(Stat1Layout(1, false), opening->values);
    }
    [[nodiscard]] bool passes() const { return open().is_in_range.at(0); }

    Consortium consortium;
    RangeShape shape;
};

Elements elements_of(const Update& update) {
    Elements result;
    for (const std::int64_t value : update) result.push_back(Field61::from_signed(value));
    return result;
}

Update random_update(std::uint64_t dimension, std::int64_t size, std::uint64_t seed) {
    TestRandom random(seed);
    Update update(dimension);
    for (auto& value : update) value = random.between(-size, size);
    return update;
}

class RangeProof : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RangeProof, honest_updates_pass_and_a_retry_gives_identical_bytes) {
    for (const std::uint32_t n : {4U, 7U}) {
        Prover prover(GetParam(), n);
        const std::int64_t size = kB / 2 / static_cast<std::int64_t>(ceil_sqrt(GetParam()));
        prover.consortium.submit(
            {random_update(GetParam(), size, 5), random_update(GetParam(), size, 6)}, kNormBits);
        prover.consortium.prove(kNormBits, kSeedR);
        EXPECT_TRUE(prover.passes());
        const auto first = prover.consortium.proofs;
        prover.consortium.prove(kNormBits, kSeedR);
        EXPECT_EQ(prover.consortium.proofs, first);
        if (prover.shape.is_small()) continue;
        // Another seed gives another proof, which does not fit the projections of this round.
        prover.consortium.prove(kNormBits, sha256(as_bytes("forged")));
        EXPECT_NE(prover.consortium.proofs, first);
        EXPECT_FALSE(prover.passes());
    }
}

TEST_P(RangeProof, projections_at_both_ends_pass_and_one_more_is_refused) {
    const RangeShape shape = range_shape(GetParam(), kNormBits);
    const std::int64_t bound = shape.bound();
    std::vector<std::int64_t> projections(shape.projections, 0);
    for (const std::int64_t edge : {-bound, bound - 1}) {
        projections.back() = edge;
        EXPECT_TRUE(range_message(shape, projections, 7).has_value());
    }
    for (const std::int64_t beyond : {-bound - 1, bound}) {
        projections.back() = beyond;
        EXPECT_EQ(range_message(shape, projections, 7).error().code, ErrorCode::kRefused);
    }
    if (!shape.is_small()) return;
    // In small mode the coordinates are the projections: the whole path at the ends.
    for (const std::int64_t y : {-bound, bound - 1, std::int64_t{0}, -bound - 1, bound}) {
        Prover prover(GetParam());
        Update update(GetParam(), 0);
        update.back() = y;
        const Elements raw = elements_of(update);
        prover.send(raw, prover.best_message(raw));
        EXPECT_EQ(prover.passes(), y >= -bound && y < bound) << y;
    }
}

// A full-mode update whose projection on some row is exactly the end of the range.
TEST(RangeProof, full_mode_projections_at_both_ends_pass_through_the_whole_path) {
    constexpr std::uint64_t kDimension = 129;
    const NaiveRows naive(kSeedR, kDimension);
    std::size_t x = 0;
    while (naive.at(0, x) != 1) ++x;
    for (const std::int64_t y : {-8 * kB, 8 * kB - 1, -8 * kB - 1, 8 * kB}) {
        Prover prover(kDimension);
        Update update(kDimension, 0);
        update[x] = y;
        const Elements raw = elements_of(update);
        prover.send(raw, prover.best_message(raw));
        // The other rows see y or -y there: 8B itself is beyond the end of half of them.
        bool is_inside = true;
        for (std::size_t c = 0; c < kProjections; ++c) {
            const std::int64_t projection = naive.at(c, x) * y;
            is_inside = is_inside && projection >= -8 * kB && projection < 8 * kB;
        }
        EXPECT_EQ(prover.passes(), is_inside) << y;
    }
}

TEST_P(RangeProof, single_entries_that_wrap_around_the_field_fail) {
    const Element big = Element{1} << 60;
    for (const Element entry :
         {Element{1} << 31, (kPrime61 + 1) / 2, (kPrime61 - 1) / 2, kPrime61 - (Element{1} << 31),
          big, kPrime61 - big, kPrime61 - (Element{1} << 40), Element{9} * 8 * (1U << kNormBits)}) {
        Prover prover(GetParam());
        Elements update(GetParam(), 0);
        update[GetParam() / 2] = entry;
        prover.send(update, prover.best_message(update));
        const Stat1Values opened = prover.open();
        EXPECT_FALSE(opened.is_in_range[0]) << entry;
    }
}

TEST_P(RangeProof, norm_that_is_small_only_modulo_p_fails_in_range) {
    // Two entries of 2^31 / 2 and others: (2^31)^2 = 2 mod p, so the norm test alone would pass.
    Prover prover(GetParam());
    Elements update(GetParam(), 0);
    for (std::size_t x = 0; x < 8; ++x) update[x] = Element{1} << 31;
    prover.send(update, prover.best_message(update));
    const Stat1Values opened = prover.open();
    EXPECT_TRUE(norm_passes(opened.norms[0], kNormBits));
    EXPECT_FALSE(opened.is_in_range[0]);
}

TEST_P(RangeProof, digits_that_are_no_bits_or_say_another_number_fail) {
    const Update honest = random_update(GetParam(), 1000, 8);
    const Elements raw = elements_of(honest);
    Prover prover(GetParam());
    const SecretElements right = prover.best_message(raw);
    prover.send(raw, right);
    ASSERT_TRUE(prover.passes());
    const std::size_t bits = prover.shape.bits();
    const Element f0 = right[bits];
    const Elements digits(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(bits));
    const auto expect_rejected = [&](const Elements& changed, const char* what) {
        prover.send(raw, digits_message(changed, f0));
        EXPECT_FALSE(prover.passes()) << what;
    };
    TestRandom random(9);
    for (const Element digit : {Element{2}, kPrime61 - 1, element_of_word(random.word())}) {
        Elements changed = digits;
        changed[bits / 2] = digit;
        expect_rejected(changed, "non-bit digit");
    }
    {
        // The number stays right: two of digit l are one of digit l + 1.
        Elements changed = digits;
        std::size_t at = 0;
        while (changed[at] != 0 || changed[at + 1] != 1) ++at;
        ASSERT_LT(at + 1, prover.shape.digits);
        changed[at] = 2;
        changed[at + 1] = 0;
        expect_rejected(changed, "right sum of wrong digits");
    }
    {
        Elements changed = digits;  // the bits of another y
        changed[0] = 1 - changed[0];
        expect_rejected(changed, "another number");
    }
    {
        // y + 2^L: a digit L that is not there must be hidden in the others.
        Elements changed = digits;
        changed[prover.shape.digits - 1] = Field61::add(changed[prover.shape.digits - 1], 2);
        expect_rejected(changed, "y + 2^L");
    }
}

TEST_P(RangeProof, altered_square_fails_and_a_fixed_f0_hurts_only_its_owner) {
    const Elements raw = elements_of(random_update(GetParam(), 1000, 10));
    Prover prover(GetParam());
    const SecretElements right = prover.best_message(raw);
    const std::size_t bits = prover.shape.bits();
    for (const std::size_t position : {bits, bits + 1, bits + 2, 2 * bits + 1}) {
        SecretElements altered = right;
        altered[position] = Field61::add(altered[position], 1);
        prover.send(raw, altered);
        EXPECT_FALSE(prover.passes()) << position - bits;
    }
    const Elements digits(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(bits));
    prover.send(raw, digits_message(digits, 0));
    EXPECT_TRUE(prover.passes());
}

TEST_P(RangeProof, copied_proofs_and_proofs_of_another_batch_fail) {
    Prover prover(GetParam());
    Consortium& parties = prover.consortium;
    const Update own = random_update(GetParam(), 1000, 11);
    parties.submit({own, own}, kNormBits);  // even the same update has another mask
    parties.prove(kNormBits, kSeedR);
    ASSERT_TRUE(prover.passes());
    const Elements right = parties.proofs[0];
    parties.proofs[0] = parties.proofs[1];
    EXPECT_FALSE(prover.passes());
    parties.proofs[0] = right;
    parties.masked[0] = parties.masked[1];
    parties.spread();
    EXPECT_FALSE(prover.passes());
    parties.prepare_batch();
    ASSERT_EQ(parties.certify().outcome, BatchOutcome::kCertified);
    parties.submit({own, own}, kNormBits);
    parties.proofs[0] = right;  // of the batch before
    EXPECT_FALSE(prover.passes());
    parties.prove(kNormBits, kSeedR);
    EXPECT_TRUE(prover.passes());
}

INSTANTIATE_TEST_SUITE_P(Dimensions, RangeProof, ::testing::Values(16, 128, 129));

TEST(RangeSoundness, norm_b_passes_a_little_more_fails_the_norm_and_nine_t_the_range) {
    constexpr std::uint64_t kDimension = 256;  // a square: the norm is exact
    const auto flat = [](std::int64_t value) { return Update(kDimension, value); };
    const std::int64_t at_b = kB / 16;
    Prover prover(kDimension);
    const auto send = [&](const Update& update) {
        const Elements raw = elements_of(update);
        prover.send(raw, prover.best_message(raw));
        return prover.open();
    };
    Stat1Values opened = send(flat(at_b));
    EXPECT_TRUE(opened.is_in_range[0] && norm_passes(opened.norms[0], kNormBits));
    opened = send(flat(at_b + at_b / 32));
    EXPECT_TRUE(opened.is_in_range[0]);
    EXPECT_FALSE(norm_passes(opened.norms[0], kNormBits));
    opened = send(flat(9 * 8 * at_b));
    EXPECT_FALSE(opened.is_in_range[0]);
}

TEST(RangeSoundness, entries_fitted_to_a_guessed_seed_fail_under_the_real_one) {
    // Huge entries at two coordinates that cancel in every row of a guessed R.
    constexpr std::uint64_t kDimension = 200;
    Prover prover(kDimension);
    const NaiveRows real(kSeedR, kDimension);
    Elements update(kDimension, 0);
    update[3] = Element{1} << 50;
    update[4] = kPrime61 - (Element{1} << 50);
    prover.send(update, prover.best_message(update));
    EXPECT_FALSE(prover.passes());
}

// Controls: weaker checks miss what the projections of {-1, 0, 1} find.
TEST(RangeSoundness, plus_minus_one_rows_would_miss_half_of_p_and_a_square_sum_would_miss_2_to_31) {
    const Element half = (kPrime61 + 1) / 2;
    // Two entries p/2: with entries -1 and 1 every projection is 0 or 1 or -1.
    for (const bool is_first_plus : {false, true}) {
        for (const bool is_second_plus : {false, true}) {
            const Element first = is_first_plus ? half : Field61::negate(half);
            const Element second = is_second_plus ? half : Field61::negate(half);
            EXPECT_LE(std::abs(Field61::centered(Field61::add(first, second))), 1);
        }
    }
    EXPECT_EQ(Field61::mul(Element{1} << 31, Element{1} << 31), 2U);
}

TEST(RangeProof, refuses_keys_lengths_and_seeds_that_do_not_fit) {
    Prover prover(129);
    Consortium& parties = prover.consortium;
    parties.submit({Update(129, 1), Update(129, 2)}, kNormBits);
    const RangeStatement statement = parties.range_statement(kNormBits, kSeedR);
    const auto prove = [&](const auto& ring, const RangeStatement& what, const Elements& masked) {
        return make_range_proof(parties.kdf, parties.committee, ring, what, masked);
    };
    const std::span<const ClientMaskKey> ring = parties.mask_rings[0];
    EXPECT_TRUE(prove(ring, statement, parties.masked[0]).has_value());
    EXPECT_EQ(prove(ring.first(3), statement, parties.masked[0]).error().code,
              ErrorCode::kMismatch);
    EXPECT_EQ(prove(ring, statement, Elements(128)).error().code, ErrorCode::kMismatch);
    EXPECT_EQ(prove(ring, {statement.shape, std::nullopt}, parties.masked[0]).error().code,
              ErrorCode::kMismatch);
    // Bytes that are no honest update: nothing is proved about them.
    EXPECT_EQ(prove(ring, statement, Elements(129, 77)).error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace consilium::smpc
