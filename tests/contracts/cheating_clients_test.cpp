// Clients that forge proofs, copy them, probe others or take sums apart, against the contract.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/contracts/round_network.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::ClientCode;
using schema::Code;
using schema::Module;
using schema::Phase;
using smpc::Field61;
namespace event = schema::event;
namespace keys = schema::keys;

using Words = std::vector<std::uint64_t>;

schema::TaskSpec patient_task(bool is_wide = false) {
    schema::TaskSpec spec = test_task();
    if (is_wide) spec.model = {schema::ModelKind::kLogistic, {130, 1}};
    spec.windows.pledge = spec.windows.submit = spec.windows.range = {.blocks = 1000, .ms = 1000};
    return spec;
}

class ForgedProof : public ::testing::TestWithParam<bool> {
  protected:
    ForgedProof() : net(7, patient_task(GetParam())) { net.start(); }
    [[nodiscard]] std::vector<ClientCode> codes(std::uint64_t round) const {
        std::vector<ClientCode> found;
        for (const auto& client : net.verdict(round).clients) found.push_back(client.code);
        return found;
    }
    // RANGE of a slot about other elements than it submitted, with this F_0.
    [[nodiscard]] Words proof_about(std::uint16_t slot, const Words& elements,
                                    std::optional<smpc::Element> f0) {
        const auto round = net.driver.round();
        auto& parties = net.driver.consortium_at(round.label.batch);
        const auto& ring = parties.mask_rings.at(slot - 1U);
        const smpc::RangeStatement statement{
            smpc::range_shape(round.terms.dimension, round.terms.nu), round.range_seed};
        const auto point = f0 ? *f0 : smpc::range_point(parties.kdf, parties.committee, ring);
        return smpc::mask_range_message(
            parties.kdf, parties.committee, ring,
            smpc::testing::best_effort_message(statement, elements, point));
    }
    Network net;
};

Words elements_of(const std::vector<std::int64_t>& update) {
    Words elements;
    for (const std::int64_t value : update) elements.push_back(Field61::from_signed(value));
    return elements;
}

TEST_P(ForgedProof, of_every_kind_is_a_range_failure_and_the_others_are_summed) {
    const Updates updates = net.driver.similar_updates(51, 0);
    const auto terms = net.driver.round().terms;
    const std::size_t bits = smpc::range_shape(terms.dimension, terms.nu).bits();
    // What is added to a masked word is added to what it says. Two of digit 0 are one of digit 1:
    // the number stays right, but these are no bits.
    net.driver.alter_proof(2, [](Words& words) {
        words[0] = Field61::add(words[0], 2);
        words[1] = Field61::sub(words[1], 1);
    });
    // The bits, all in order, of another number.
    net.driver.alter_proof(3, [&](Words& words) {
        Words other = elements_of(updates[2]);
        other[5] = Field61::add(other[5], 1);
        words = proof_about(3, other, std::nullopt);
    });
    // F2 at one node.
    net.driver.alter_proof(
        4, [bits](Words& words) { words[bits + 2] = Field61::add(words[bits + 2], 1); });
    // The bytes of client 1, whose proof everybody can read.
    net.driver.alter_proof(5, [&](Words& words) {
        const auto copied = net.chain.blobs.get(net.driver.range_of(1).proof.sha256);
        words = smpc::decode_words(*copied, words.size()).value();
    });
    // F_0 that is no secret: nobody else is hurt, and the proof holds.
    net.driver.alter_proof(7, [&](Words& words) {
        words = proof_about(7, elements_of(updates[6]), smpc::Element{0});
    });
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    EXPECT_EQ(codes(1), (std::vector{ClientCode::kOk, ClientCode::kRangeFail,
                                     ClientCode::kRangeFail, ClientCode::kRangeFail,
                                     ClientCode::kRangeFail, ClientCode::kOk, ClientCode::kOk}));
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).in_range, 0b1100001U);
    expect_model_step(net, updates, 1);
}

TEST_P(ForgedProof, of_an_earlier_batch_is_a_range_failure) {
    const Updates updates = net.driver.similar_updates(52, 0);
    Words earlier;
    net.driver.alter_proof(2, [&](Words& words) { earlier = words; });
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    EXPECT_EQ(codes(1)[1], ClientCode::kOk);
    net.driver.prepare_batches();
    // The same update again, with the proof that was right for it under the other masks.
    net.driver.alter_proof(2, [&](Words& words) {
        EXPECT_NE(words, earlier);
        words = earlier;
    });
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    EXPECT_EQ(codes(2)[1], ClientCode::kRangeFail);
    EXPECT_EQ(codes(2)[0], ClientCode::kOk);
    expect_model_step(net, updates, 2);
}

INSTANTIATE_TEST_SUITE_P(Modes, ForgedProof, ::testing::Bool());

// Client 4 has pledged and not submitted yet, the three others have.
class ClosingBlock : public ::testing::Test {
  protected:
    void SetUp() override {
        net.start();
        pledge = {net.driver.round().label, 4, {sha256(as_bytes("late")), 8 * 41}};
        ASSERT_EQ(net.chain.send(net.chain.trainers[3], kPledge, pledge), Code::kOk);
        net.driver.submit(net.driver.similar_updates(53, 0), {1, 2, 3});  // with the last pledge
        ASSERT_TRUE(net.driver.round().pledges_closed.has_value());
        closes = net.driver.round().pledges_closed->value + kBlocks;
    }
    // The next block is the one of this height.
    void pass_to(std::uint64_t height) {
        while (net.chain.height.value + 1 < height) net.chain.pass(1);
        ASSERT_EQ(net.driver.round().phase, Phase::kSubmitting);
    }
    [[nodiscard]] Code submit() { return net.chain.send(net.chain.trainers[3], kSubmit, pledge); }

    static constexpr std::uint64_t kBlocks = 5;
    static schema::TaskSpec task() {
        schema::TaskSpec spec = test_task();
        spec.windows.submit = {.blocks = kBlocks, .ms = 500};
        return spec;
    }
    Network net{4, task()};
    schema::Pledge pledge;
    std::uint64_t closes = 0;  // height of the block
};

TEST_F(ClosingBlock, submission_in_the_block_in_which_the_window_closes_is_too_late) {
    pass_to(closes);
    EXPECT_EQ(submit(), Code::kWrongPhase);
    const schema::RoundRecord round = net.driver.round();
    EXPECT_EQ(round.submissions_closed, net.chain.height);
    EXPECT_EQ(round.submitted, 0b0111U);
    EXPECT_EQ(round.phase, Phase::kRanging);
}

TEST_F(ClosingBlock, submission_in_the_block_before_is_in_time) {
    pass_to(closes - 1);
    EXPECT_EQ(submit(), Code::kOk);
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).submitted, 0b1111U);
}

// d = 61, enough for PAIRWISE with two malicious clients.
schema::TaskSpec two_malicious() {
    schema::TaskSpec spec = patient_task();
    spec.model = {schema::ModelKind::kMlp, {3, 12, 1}};
    spec.malicious_max = 2;
    return spec;
}

class SybilPair : public ::testing::TestWithParam<std::uint16_t> {};

TEST_P(SybilPair, of_c_max_equal_poisons_is_rejected_and_nobody_honest_is) {
    schema::TaskSpec spec = two_malicious();
    spec.rule = GetParam();
    Network net(7, spec);
    net.start();
    Updates updates = net.driver.similar_updates(54, 2);  // slot 2 sends the opposite
    updates[4] = updates[1];
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    for (const auto& client : net.verdict(1).clients) {
        const bool is_sybil = client.slot == 2 || client.slot == 5;
        EXPECT_EQ(client.code, is_sybil ? ClientCode::kAgree : ClientCode::kOk) << client.slot;
        EXPECT_EQ(client.weight == 0, is_sybil) << client.slot;
    }
    expect_model_step(net, updates, 1);
}

// They neither shrink Acc below what is needed nor take weight from others: up to the blur of the
// norms every honest client keeps all of its weight.
TEST_P(SybilPair, of_c_max_zero_vectors_is_null_and_takes_no_weight_from_the_others) {
    schema::TaskSpec spec = two_malicious();
    spec.rule = GetParam();
    Network net(7, spec);
    net.start();
    const std::int64_t entry = 500'000;  // so that the norm is nearly B
    Updates updates(7, std::vector<std::int64_t>(61, entry));
    for (const std::size_t sybil : {0U, 3U}) updates[sybil].assign(61, 0);
    net.driver.submit(updates, net.all_slots());
    net.driver.verify();
    for (const auto& client : net.verdict(1).clients) {
        const bool is_sybil = client.slot == 1 || client.slot == 4;
        EXPECT_EQ(client.code, is_sybil ? ClientCode::kNull : ClientCode::kOk) << client.slot;
        if (is_sybil) {
            EXPECT_EQ(client.weight, 0U);
        } else {
            // 4096 isqrt of the norms' ratio, which two blurs of 1/128 move by less than 1/100.
            EXPECT_GE(client.weight, 4055U) << client.slot;
            EXPECT_LE(client.weight, 4096U) << client.slot;
        }
    }
    expect_model_step(net, updates, 1);
}

INSTANTIATE_TEST_SUITE_P(Rules, SybilPair, ::testing::Values(1, 2));

// Client 4 sends B in one coordinate: the inner products that the chain publishes are the others'
// coordinate times B under the blur, and no guess from them is right.
TEST(ProbingClient, reads_no_coordinate_exactly_from_what_the_chain_publishes) {
    Network net(4, patient_task());
    net.start();
    Updates updates = net.driver.similar_updates(55, 0);
    constexpr std::size_t kCoordinate = 11;
    constexpr std::int64_t kProbe = std::int64_t{1} << 22;
    updates[3].assign(41, 0);
    updates[3][kCoordinate] = kProbe;
    net.driver.submit(updates, net.all_slots());
    net.driver.post_stat1();
    const schema::RoundRecord round = net.driver.round();
    ASSERT_EQ(round.passed, 0b1111U);  // of the very length B
    net.driver.post_stat2();
    const auto opened =
        net.chain.events<schema::Statistics>(Module::kVerification, event::kStatistics);
    ASSERT_EQ(opened.size(), 1U);
    const std::int64_t bound = std::int64_t{4} << round.terms.blur_bits;
    // Pairs in the order 12 13 14 23 24 34.
    const std::array<std::size_t, 3> with_probe{2, 4, 5};
    for (std::size_t victim = 0; victim < 3; ++victim) {
        const std::int64_t product = opened[0].values.at(with_probe[victim]);
        const std::int64_t secret = updates[victim][kCoordinate];
        EXPECT_LE(std::abs(product - kProbe * secret), bound) << victim;
        EXPECT_NE(product / kProbe, secret) << victim;
        EXPECT_NE(product % kProbe, 0) << victim;
    }
}

// Weights 4096, 4096 and an odd one, all public: without the dither the sum tells the third
// update modulo 4096.
TEST(ResidueAttack, on_the_sum_that_the_chain_publishes_recovers_no_more_than_chance) {
    std::size_t recovered = 0;
    std::size_t recovered_without = 0;
    std::size_t coordinates = 0;
    for (std::uint64_t seed = 0; coordinates < 5 * 41; ++seed) {
        ASSERT_LT(seed, 40U);
        Network net(4, patient_task());
        net.start();
        // Clients 1 and 2 alike, 3 longer in their direction, 4 of nothing.
        Updates updates = net.driver.similar_updates(56, 0);
        updates[1] = updates[0];
        smpc::testing::TestRandom random(seed);
        for (std::size_t x = 0; x < 41; ++x) {
            updates[2][x] = updates[0][x] + updates[0][x] / 8 + random.between(-20'000, 20'000);
            updates[3][x] = 0;
        }
        net.driver.submit(updates, net.all_slots());
        net.driver.post_stat1();
        net.driver.post_stat2();
        const schema::RoundRecord round = net.driver.round();
        ASSERT_EQ(round.reduced_weights.size(), 4U);
        const std::uint64_t modulus = std::gcd(round.reduced_weights[0], round.reduced_weights[1]);
        const std::uint64_t weight = round.reduced_weights[2];
        if (modulus != 4096 || weight % 2 == 0 || round.reduced_weights[3] != 0) continue;
        EXPECT_GE(round.dither_bits, 14U);
        const smpc::testing::Posts posts{{1, net.driver.sum_share(1)},
                                         {2, net.driver.sum_share(2)}};
        const auto sum =
            smpc::read_aggregate(smpc::interpolate_vector(smpc::testing::posted(posts), 0));
        net.driver.post_aggregate();
        EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).aggregate,
                  smpc::aggregate_digest(sum));  // what everybody reads
        std::uint64_t inverse = 1;
        for (int i = 0; i < 5; ++i) inverse = inverse * (2 - weight * inverse) % modulus;
        const auto guess = [&](std::int64_t value) {
            return static_cast<std::uint64_t>(value) * inverse % modulus;
        };
        for (std::size_t x = 0; x < 41; ++x) {
            const auto residue = static_cast<std::uint64_t>(updates[2][x]) % modulus;
            std::int64_t exact = 0;
            for (std::size_t i = 0; i < 3; ++i) exact += round.reduced_weights[i] * updates[i][x];
            recovered += guess(sum[x]) == residue ? 1U : 0U;
            recovered_without += guess(exact) == residue ? 1U : 0U;
            ++coordinates;
        }
    }
    EXPECT_EQ(recovered_without, coordinates);  // the attack works
    EXPECT_LE(recovered, 3U);                   // 205 / 4096 by chance
}

}  // namespace
}  // namespace consilium::contracts::testing
