// R8: a verdict that leaves fewer than m_min clients with weight ends the round, opens no sum and
// changes nothing that lasts.
//
// Two clients send nothing and two as much as the bound allows, so the median norm is down at the
// blur, to which every longer update is scaled. With the default blur a weight of 256 of 4096
// remains, and the rule alone never cancels a small round; so these rounds have a narrower one,
// which their terms allow (1 <= hb <= default).
#include <gtest/gtest.h>

#include <bit>

#include "fl_engine/smpc/verdict.hpp"
#include "tests/contracts/round_network.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::Code;
using schema::EndReason;
using schema::Mode;
using schema::Module;
using schema::Phase;
namespace event = schema::event;
namespace keys = schema::keys;

struct Case {
    std::uint16_t rule;
    Mode mode;
    bool has_noise;
};

schema::TaskSpec task_of(const Case& chosen) {
    schema::TaskSpec spec = test_task();
    spec.rule = chosen.rule;
    spec.mode = chosen.mode;
    spec.rounds = 4;
    spec.windows.pledge = spec.windows.submit = spec.windows.range = {.blocks = 1000, .ms = 1000};
    if (chosen.has_noise) {
        spec.clip_min = spec.clip_max = spec.clip_initial;
        spec.privacy = schema::PrivacyTerms{.clip = 500'000, .noise = 50'000, .delta_bits = 20};
    }
    return spec;
}

class CancelledByVerdict : public ::testing::TestWithParam<Case> {
  protected:
    CancelledByVerdict() : net(4, task_of(GetParam())) { net.start(); }
    // A round in which everybody is alike.
    void run_honest_round(std::uint64_t seed) {
        const auto number = net.driver.round().label.round;
        const Updates updates = net.driver.similar_updates(seed, 0);
        net.driver.submit(updates, net.all_slots());
        net.driver.verify();
        net.driver.prepare_batches();
        expect_model_step(net, updates, number);
    }
    // Up to the verdict: clients 1 and 2 send nothing, 3 and 4 nearly B.
    void run_extreme_round(bool has_narrow_blur = true) {
        schema::RoundRecord round = net.driver.round();
        ASSERT_EQ(round.phase, Phase::kSubmitting);
        if (has_narrow_blur) round.terms.blur_bits = 1;
        net.chain.state =
            net.chain.state.apply({{keys::round(round.label.round), std::optional(encode(round))}});
        Updates updates(4, std::vector<std::int64_t>(41, 0));
        for (std::size_t x = 0; x < 41; ++x) {
            updates[2][x] = 640'000;
            updates[3][x] = x % 2 == 0 ? 640'000 : -640'000;
        }
        net.driver.submit(updates, net.all_slots());
        net.driver.post_stat1();
        ASSERT_EQ(net.driver.round().phase, Phase::kStat2);
        ASSERT_EQ(std::popcount(net.driver.round().passed), 4);
        net.driver.post_stat2();
    }
    [[nodiscard]] std::optional<Bytes> history(std::uint64_t epoch) const {
        return net.chain.state.get(keys::history(1, epoch));
    }
    [[nodiscard]] std::vector<std::optional<schema::PrivacyRecord>> accounts() const {
        std::vector<std::optional<schema::PrivacyRecord>> found;
        for (std::uint32_t organisation = 0; organisation < 4; ++organisation) {
            found.push_back(net.chain.find<schema::PrivacyRecord>(keys::privacy(1, organisation)));
        }
        return found;
    }
    Network net;
};

TEST_P(CancelledByVerdict, round_ends_without_a_sum_and_the_next_one_goes_on) {
    run_honest_round(41);
    const auto before = history(1);
    ASSERT_TRUE(before.has_value());
    const auto spent = accounts();
    const schema::TaskRecord task = net.task();
    run_extreme_round();

    const auto round = net.chain.load<schema::RoundRecord>(keys::round(2));
    EXPECT_EQ(round.phase, Phase::kCancelled);
    EXPECT_EQ(round.reason, EndReason::kTooFewWeighted);
    EXPECT_FALSE(round.model_version.has_value());
    EXPECT_EQ(round.aggregate_posters, 0U);
    const auto ended =
        net.chain.events<schema::RoundEnded>(Module::kRounds, event::kRoundCancelled);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].reason, EndReason::kTooFewWeighted);
    const auto told =
        net.chain.events<schema::VerdictRecord>(Module::kVerification, event::kVerdict);
    ASSERT_EQ(told.size(), 1U);
    const schema::VerdictRecord verdict = net.verdict(2);
    EXPECT_EQ(told[0], verdict);
    EXPECT_TRUE(verdict.is_cancelled);
    EXPECT_EQ(verdict.clip_next, round.terms.clip_norm);
    for (const std::size_t longer : {2U, 3U}) EXPECT_EQ(verdict.clients[longer].weight, 0U);

    // Nothing of the sum is taken, whatever a member sends.
    const Bytes share = smpc::encode_words(std::vector<std::uint64_t>(41, 1));
    const schema::Aggregate aggregate{round.label, {net.chain.blobs.put(share), share.size()}};
    EXPECT_EQ(net.chain.send(net.chain.validators[0], kAggregate, aggregate), Code::kWrongLabel);
    EXPECT_FALSE(net.chain.state.get(keys::aggregate(2, 1)).has_value());

    // History, C_r and model are as before; of the accounts only the local level is charged.
    EXPECT_EQ(history(1), before);
    EXPECT_EQ(net.task().clip_norm, task.clip_norm);
    EXPECT_EQ(net.task().latest_version, task.latest_version);
    EXPECT_EQ(net.task().rounds_done, 1U);
    const auto batch = net.chain.load<schema::BatchRecord>(
        keys::batch({round.label.mpc_epoch, round.label.batch}));
    EXPECT_EQ(batch.state, schema::BatchState::kConsumed);
    const auto charged = accounts();
    for (std::size_t i = 0; i < charged.size(); ++i) {
        ASSERT_EQ(charged[i].has_value(), GetParam().has_noise);
        if (!charged[i]) continue;
        EXPECT_EQ(charged[i]->rho_local, 2 * schema::local_rho(*round.terms.privacy));
        EXPECT_EQ(charged[i]->rounds_opened, 2U);
        EXPECT_EQ(charged[i]->rho_central, spent[i]->rho_central);
        EXPECT_EQ(charged[i]->rounds_summed, 1U);
    }

    const schema::RoundRecord next = net.driver.round();
    EXPECT_EQ(next.label.round, 3U);
    EXPECT_EQ(next.terms.clip_norm, task.clip_norm);
    EXPECT_EQ(next.terms.model_version, task.latest_version);
    net.driver.prepare_batches();
    run_honest_round(42);
    EXPECT_EQ(net.task().rounds_done, 2U);
    EXPECT_NE(history(1), before);
}

// The same updates under the default blur: three or four have weight, and the sum opens.
TEST_P(CancelledByVerdict, round_with_three_weighted_clients_is_not) {
    run_extreme_round(false);
    const schema::RoundRecord round = net.driver.round();
    EXPECT_EQ(round.label.round, 1U);
    EXPECT_EQ(round.phase, Phase::kAggregate);
    const schema::VerdictRecord verdict = net.verdict(1);
    EXPECT_FALSE(verdict.is_cancelled);
    const auto weighted = std::count_if(verdict.clients.begin(), verdict.clients.end(),
                                        [](const auto& client) { return client.weight > 0; });
    EXPECT_GE(weighted, 3);
    EXPECT_TRUE(history(1).has_value());
}

// The first verdict of an epoch is that of a history which nobody has written to.
TEST_P(CancelledByVerdict, first_round_leaves_no_history_and_a_new_epoch_begins_without_one) {
    run_extreme_round();
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).reason,
              EndReason::kTooFewWeighted);
    EXPECT_FALSE(history(1).has_value());
    net.driver.prepare_batches();
    run_honest_round(43);
    ASSERT_TRUE(history(1).has_value());

    ASSERT_EQ(
        net.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
        Code::kOk);
    const std::uint64_t running = net.driver.round().label.round;
    ASSERT_EQ(net.chain.decide(schema::ProposalKind::kCancelRound,
                               encode(schema::RoundReference{running, 0})),
              Code::kOk);
    ASSERT_EQ(net.driver.epoch().mpc_epoch, 2U);
    EXPECT_FALSE(history(2).has_value());
    net.start();
    const schema::RoundRecord round = net.driver.round();
    EXPECT_EQ(round.label.mpc_epoch, 2U);
    EXPECT_FALSE(history(2).has_value());
    run_honest_round(44);
    const auto fresh = net.chain.load<smpc::VerdictHistory>(keys::history(1, 2));
    EXPECT_EQ(fresh.first_clip_norm, round.terms.clip_norm);
}

INSTANTIATE_TEST_SUITE_P(Rules, CancelledByVerdict,
                         ::testing::Values(Case{1, Mode::kPairwise, false},
                                           Case{2, Mode::kPairwise, false},
                                           Case{2, Mode::kPairwise, true},
                                           Case{1, Mode::kSum, false}));

}  // namespace
}  // namespace consilium::contracts::testing
