// What malicious clients read about an honest update through inner products (section 9, Probing).
//
// A client submits a vector of its choice within the norm and sees its blurred product with the
// victim. Member 1 helps: it subtracts the noise of every subset that it belongs to, so that the
// noise of the one subset it misses is all that is left. Measured in bits a coordinate: half the
// logarithm of 1 + variance of the coordinate / variance of the error. Seeds are in the tests.
#include <gtest/gtest.h>

#include <cmath>

#include "fl_engine/smpc/opening.hpp"
#include "fl_engine/smpc/share_formulas.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::Consortium;
using testing::MemberState;
using testing::TestRandom;
using Update = std::vector<std::int64_t>;

constexpr std::uint32_t kNormBits = 22;  // B = 2^22
constexpr std::int64_t kNorm = std::int64_t{1} << kNormBits;

// The noise of gamma_1j that this member's keys give.
std::int64_t known_noise(const Consortium& consortium, const MemberState& member, ClientIndex j,
                         std::uint32_t blur_bits) {
    std::int64_t noise = 0;
    for (const BlurRoundKey& key : member.blur_ring) {
        const Secret32 blur_key = consortium.kdf.derive(key.secret(), "blur", {1, j});
        Prg stream(consortium.kdf, blur_key, PrgDomain::kBlur);
        std::uint64_t word = 0;
        stream.fill_words({&word, 1});
        noise += blur_noise(word, blur_bits);
    }
    return noise;
}

struct Probe {
    Update victim;
    std::int64_t product;  // opened, minus the noise that member 1 knows; the mean of all probes
};

// Victims with coordinates up to `size`, each in a round of its own with fresh noise, and so many
// clients of one coalition that all submit the vector.
std::vector<Probe> probe(const Update& vector, std::int64_t size, std::size_t rounds,
                         std::uint32_t clients = 1) {
    Consortium consortium(4, 1 + clients, vector.size());
    consortium.prepare_batch();
    consortium.certify();
    const std::uint32_t blur_bits = default_blur_bits(consortium.committee, kNormBits);
    TestRandom random(23);
    std::vector<Probe> probes;
    for (std::size_t round = 0; round < rounds; ++round) {
        Update victim(vector.size());
        for (std::int64_t& value : victim) value = random.between(-size, size);
        std::vector<Update> updates(1 + clients, vector);
        updates.front() = victim;
        consortium.submit(updates, kNormBits);
        std::vector<ClientIndex> ids;
        for (ClientIndex i = 1; i <= updates.size(); ++i) ids.push_back(i);
        std::vector<std::vector<Element>> posts;
        for (const std::size_t k : {0U, 1U}) {
            const MemberState& member = consortium.members[k];
            posts.push_back(consortium.stat_shares(member, blur_bits)
                                .stat2_pairwise(Consortium::client_shares(member, ids)));
        }
        const std::vector<PostedShare> base{{1, posts[0]}, {2, posts[1]}};
        const std::vector<Element> opened = interpolate_vector(base, 0);
        std::int64_t sum = 0;
        for (ClientIndex j = 2; j <= updates.size(); ++j) {  // the first row: (1,2), (1,3), ...
            sum += Field61::centered(opened[j - 2]) -
                   known_noise(consortium, consortium.members[0], j, blur_bits);
        }
        probes.push_back({std::move(victim), sum / std::int64_t{clients}});
        consortium.step_blur_keys();
    }
    return probes;
}

// Bits about coordinate 0 when the product is divided by the probe's entry there.
double recovered_bits(const std::vector<Probe>& probes, std::int64_t entry) {
    double signal = 0;
    double error = 0;
    for (const Probe& probe : probes) {
        const auto value = static_cast<double>(probe.victim[0]);
        const double guess = static_cast<double>(probe.product) / static_cast<double>(entry);
        signal += value * value;
        error += (guess - value) * (guess - value);
    }
    return 0.5 * std::log2(1 + signal / error);
}

TEST(Probing, one_coordinate_reads_less_than_a_quarter_bit_at_the_size_of_a_million) {
    const double bits = recovered_bits(probe({kNorm, 0, 0, 0}, 1 << 12, 1500), kNorm);
    RecordProperty("bits", std::to_string(bits));
    EXPECT_LT(bits, 0.25);  // 0.16 by the variances of two uniform values
    EXPECT_GT(bits, 0.10);
}

// k equal probes get k independent blurs; the noise of their mean falls with the root of k.
TEST(Probing, three_probes_of_one_coalition_read_what_three_independent_blurs_allow) {
    const auto bits_of = [](std::uint32_t clients) {
        return recovered_bits(probe({kNorm, 0, 0, 0}, 1 << 12, 1500, clients), kNorm);
    };
    const double one = bits_of(1);
    const double three = bits_of(3);
    RecordProperty("bits", std::to_string(three));
    // Three times the ratio of variances: 0.42 bits for 0.17.
    const double expected = 0.5 * std::log2(1 + 3 * (std::exp2(2 * one) - 1));
    EXPECT_NEAR(three, expected, 0.06);
    EXPECT_LT(three, 0.55);
}

// The documented price of PAIRWISE in few dimensions.
TEST(Probing, one_coordinate_reads_six_bits_at_the_size_of_thirty) {
    const double bits = recovered_bits(probe({kNorm, 0, 0, 0}, 741455, 1500), kNorm);  // 2^19.5
    RecordProperty("bits", std::to_string(bits));
    EXPECT_GT(bits, 6.0);
    EXPECT_LT(bits, 7.0);
}

// Share of rounds in which the low 21 bits of the product are coordinate 0.
double recovered_low_parts(const std::vector<Probe>& probes, bool with_noise) {
    constexpr std::int64_t kBase = std::int64_t{1} << 21;
    std::size_t hits = 0;
    for (const Probe& probe : probes) {
        const std::int64_t exact = probe.victim[0] + kBase * probe.victim[1];
        std::int64_t low = (with_noise ? probe.product : exact) & (kBase - 1);
        if (low >= kBase / 2) low -= kBase;
        hits += low == probe.victim[0] ? 1 : 0;
    }
    return static_cast<double>(hits) / static_cast<double>(probes.size());
}

TEST(Packing, two_coordinates_in_one_product_cannot_be_taken_apart_under_the_blur) {
    constexpr std::int64_t kSmall = 3;
    const std::vector<Probe> probes = probe({1, std::int64_t{1} << 21, 0, 0}, kSmall, 1500);
    EXPECT_EQ(recovered_low_parts(probes, false), 1.0);  // the attack works on exact products
    EXPECT_LT(recovered_low_parts(probes, true), 0.005);
    EXPECT_LT(recovered_bits(probes, 1), 0.001);
}

}  // namespace
}  // namespace consilium::smpc
