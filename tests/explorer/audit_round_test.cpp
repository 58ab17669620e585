// Rounds of every course recomputed: coins of both kinds, committees of seven, ends of every kind,
// accounts of privacy, and audits that begin later.
#include <gtest/gtest.h>

#include <limits>

#include "explorer/audit_privacy.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "tests/contracts/consortium_driver.hpp"
#include "tests/explorer/audit_kit.hpp"

namespace consilium::explorer::testing {
namespace {

using contracts::testing::Chain;
using contracts::testing::ConsortiumDriver;
using contracts::testing::test_task;

struct Network {
    explicit Network(const schema::TaskSpec& spec = test_task(), std::size_t organisations = 4)
        : chain(organisations), driver(chain) {
        for (std::size_t i = 0; i < organisations; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), schema::Code::kOk);
        driver.set_up_epoch();
        driver.prepare_batches();
        EXPECT_EQ(driver.round().phase, schema::Phase::kSubmitting);
    }
    void submit(std::uint64_t seed, std::uint16_t poisoner = 0) {
        std::set<std::uint16_t> slots;
        for (std::uint16_t slot = 1; slot <= chain.trainers.size(); ++slot) slots.insert(slot);
        driver.submit(driver.similar_updates(seed, poisoner), slots);
    }
    [[nodiscard]] AuditReport audit() const {
        AuditReport report = audit_honestly(certify_chain(chain));
        EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
        return report;
    }

    Chain chain;
    ConsortiumDriver driver;
};

// Beyond the small mode: projections, so that R is drawn.
schema::TaskSpec wide_task() {
    schema::TaskSpec spec = test_task();
    spec.model = {schema::ModelKind::kLogistic, {130, 1}};
    return spec;
}

schema::TaskSpec private_task() {
    schema::TaskSpec spec = test_task();
    spec.clip_min = spec.clip_max = spec.clip_initial;
    spec.privacy = schema::PrivacyTerms{.clip = 500'000, .noise = 50'000, .delta_bits = 20};
    return spec;
}

TEST(AuditRoundTest, both_coins_are_recomputed_with_a_liar_and_a_late_share) {
    Network net(wide_task());
    net.submit(3);
    ASSERT_EQ(net.driver.round().phase, schema::Phase::kCoinRange);
    schema::CoinShare late = net.driver.coin_share(4);
    late.values[2] = smpc::Field61::add(late.values[2], 5);
    net.driver.draw_coin({.silent = {4}, .liars = {}});
    ASSERT_EQ(net.driver.round().phase, schema::Phase::kRanging);
    ASSERT_EQ(net.chain.send(net.chain.validators[3], contracts::testing::kCoinShare, late),
              schema::Code::kOk);
    net.driver.prove();
    net.driver.draw_coin({.silent = {}, .liars = {2}});
    net.driver.verify();
    const AuditReport report = net.audit();
    EXPECT_EQ(report.counts.coins, 2U);
    EXPECT_EQ(report.counts.late_shares, 1U);
    EXPECT_EQ(report.counts.faults, 2U);
    EXPECT_EQ(report.counts.models, 1U);
}

TEST(AuditRoundTest, changed_shares_and_seeds_of_r_are_found) {
    Network net(wide_task());
    net.submit(4);
    net.driver.draw_coin({.silent = {}, .liars = {1}});
    net.driver.verify();
    const Ledger ledger = certify_chain(net.chain);
    using Change = std::function<void(AttemptTranscript&)>;
    const std::vector<std::pair<std::string, Change>> changes{
        {"seed", [](AttemptTranscript& t) { t.range_seed->bytes[31] ^= 1; }},
        {"fault", [](AttemptTranscript& t) { t.range_coin.all.at(3).values.at(0) ^= 1; }},
        {"coin_share opening", [](AttemptTranscript& t) { t.range_coin.all.resize(2); }},
    };
    ASSERT_TRUE(failed_checks(ledger, 0, [](AttemptTranscript&) {}).empty());
    for (const auto& [check, change] : changes) {
        const auto checks = failed_checks(ledger, 0, change);
        EXPECT_TRUE(checks.contains(check)) << check << ::testing::PrintToString(checks);
    }
}

TEST(AuditRoundTest, seven_members_with_two_liars_and_cheating_clients_are_recomputed) {
    schema::TaskSpec spec = test_task();
    spec.malicious_max = 1;
    Network net(spec, 7);
    net.driver.cheat(4, std::vector<std::uint64_t>(41, std::uint64_t{1} << 40));
    net.driver.cheat(6, std::vector<std::uint64_t>(41, (std::uint64_t{1} << 22) / 6));
    net.submit(15, 2);
    net.driver.verify({.silent = {}, .liars = {2, 5}});
    const AuditReport report = net.audit();
    EXPECT_EQ(report.attempts.at(0).outcome, "RESULT");
    EXPECT_GE(report.counts.faults, 6U);  // coin, STAT1, STAT2 of both; AGG or AGG_OK
    EXPECT_EQ(report.counts.verdicts, 1U);
}

TEST(AuditRoundTest, sum_mode_with_seven_members_is_recomputed) {
    schema::TaskSpec spec = test_task();
    spec.mode = schema::Mode::kSum;
    Network net(spec, 7);
    net.submit(6, 3);
    net.driver.verify({.silent = {4}, .liars = {1}});
    EXPECT_EQ(net.audit().counts.stat2, 1U);
}

// Member 3 posts a wrong sum where nobody asked it to, and member 4 vouches for the right one: the
// shares alone open nothing, with the digest they do.
TEST(AuditRoundTest, sum_that_opens_only_with_a_digest_beside_a_wrong_share_is_recomputed) {
    Network net;
    net.submit(7);
    net.driver.reach_stat1();
    net.driver.post_stat1();
    net.driver.post_stat2();
    ASSERT_EQ(net.driver.round().phase, schema::Phase::kAggregate);
    const schema::RoundLabel label = net.driver.round().label;
    Chain forked = net.chain;
    net.driver.post_aggregate();
    // The same two shares and one digest, and the lie, in one block of a chain that forked there.
    std::vector<Transaction> posts;
    for (std::size_t back = 2; back > 0; --back) {
        const auto& block = net.chain.history.at(net.chain.history.size() - back);
        for (const Transaction& transaction : block.transactions) {
            const bool is_third = transaction.sender == net.chain.validators[2];
            if (!is_third) posts.push_back(transaction);
        }
    }
    ASSERT_EQ(posts.size(), 3U);
    forked.forget_plans();
    Bytes lie = smpc::encode_words(std::vector<std::uint64_t>(41, 9));
    const schema::Aggregate wrong{label, {forked.blobs.put(lie), lie.size()}};
    posts.push_back(forked.make(forked.validators[2], contracts::testing::kAggregate, wrong));
    for (const Transaction& transaction : posts) {
        const auto reference = schema::blob_reference(transaction);
        if (!reference) continue;
        if (auto content = net.chain.blobs.get(reference->sha256)) forked.blobs.put(*content);
    }
    forked.run(posts);
    const Ledger ledger = certify_chain(forked);
    const AuditReport report = audit_honestly(ledger);
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    ASSERT_EQ(report.attempts.at(0).outcome, "RESULT");
    EXPECT_EQ(report.counts.faults, 1U);
}

// Members 1 and 2 bend their shares so that the share of member 4 fits: it confirms a false sum in
// good faith. Member 5 of another chain confirms the same sum without that excuse.
TEST(AuditRoundTest, confirmations_of_a_false_sum_are_faults_only_of_liars) {
    for (const std::uint16_t confirming : {std::uint16_t{4}, std::uint16_t{5}}) {
        Network net(test_task(), 7);
        net.submit(8);
        net.driver.post_stat1();
        net.driver.post_stat2();
        const schema::RoundLabel label = net.driver.round().label;
        smpc::testing::Posts posts;
        std::vector<Transaction> transactions;
        for (const std::uint16_t member : {std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{3}}) {
            using Zeros = std::vector<std::uint16_t>;
            posts[member] = net.driver.sum_share(member, member == 3 ? Zeros{} : Zeros{3, 4});
            transactions.push_back(net.driver.aggregate_of(member, posts[member]));
        }
        net.chain.run(transactions);
        const Digest seen =
            smpc::opened_digest(smpc::interpolate_vector(smpc::testing::posted(posts), 0));
        ASSERT_EQ(
            net.chain.send(net.chain.validators[confirming - 1U], contracts::testing::kAggregateOk,
                           schema::AggregateOk{label, seen}),
            schema::Code::kOk);
        transactions.clear();
        for (std::uint16_t member = 4; member <= 7; ++member) {
            transactions.push_back(net.driver.aggregate_of(member, net.driver.sum_share(member)));
        }
        net.chain.run(transactions);
        const AuditReport report = net.audit();
        EXPECT_EQ(report.attempts.at(0).outcome, "RESULT");
        EXPECT_EQ(report.counts.faults, confirming == 4 ? 2U : 3U);
    }
}

TEST(AuditRoundTest, aborted_attempts_and_the_result_after_them_are_recomputed) {
    Network net;
    net.driver.submit(net.driver.similar_updates(11, 0), {1, 2});  // too few
    net.chain.pass(1);
    ASSERT_EQ(net.driver.round().label.attempt, 1U);
    net.driver.prepare_batches();
    net.submit(12);
    while (net.driver.round().label.attempt == 1) net.chain.pass(1);  // nobody proves
    while (net.driver.round().phase != schema::Phase::kSubmitting) {
        net.driver.prepare_batches();
        net.chain.pass(1);
    }
    ASSERT_EQ(net.driver.round().label.attempt, 2U);
    net.submit(13);
    net.driver.verify();
    const AuditReport report = net.audit();
    ASSERT_EQ(report.attempts.size(), 3U + (net.driver.round().label.round > 1 ? 1U : 0U));
    EXPECT_EQ(report.attempts[0].outcome, "too_few_submitted");
    EXPECT_EQ(report.attempts[1].outcome, "too_few_ranged");
    EXPECT_EQ(report.attempts[2].outcome, "RESULT");
    EXPECT_EQ(report.counts.verdicts, 1U);
}

TEST(AuditRoundTest, cancelled_rounds_leave_history_and_accounts_as_they_are) {
    Network net(private_task());
    net.submit(3);
    net.driver.reach_stat1();
    ASSERT_EQ(
        net.chain.decide(schema::ProposalKind::kCancelRound, encode(schema::RoundReference{1, 0})),
        schema::Code::kOk);
    net.driver.prepare_batches();
    net.submit(4, 2);
    net.driver.verify();
    const AuditReport report = net.audit();
    EXPECT_EQ(report.attempts.at(0).outcome, "council");
    EXPECT_EQ(report.attempts.at(1).outcome, "RESULT");
    // Per charge the task's account and the one of all tasks: 4 + 4 local, 3 central.
    EXPECT_EQ(report.counts.privacy_charges, 2U * 11U);
}

TEST(AuditRoundTest, changed_charges_and_accounts_are_found) {
    Network net(private_task());
    net.submit(4, 2);
    net.driver.verify();
    const Ledger ledger = certify_chain(net.chain);
    using Change = std::function<void(AttemptTranscript&)>;
    const std::vector<std::pair<std::string, Change>> changes{
        {"privacy", [](AttemptTranscript& t) { t.privacy_spent.pop_back(); }},
        {"privacy 0", [](AttemptTranscript& t) { t.privacy_spent.at(0).charges.at(2).rho += 1; }},
        {"privacy 1",
         [](AttemptTranscript& t) { t.privacy_spent.at(1).charges.at(0).epsilon_micros -= 1; }},
        {"privacy record of task 1 hospital 0",
         [](AttemptTranscript& t) {
             t.privacy.at({1, 0}).rho_local -= 1;
         }},
        {"privacy record of task 0 hospital 3",
         [](AttemptTranscript& t) {
             t.privacy.at({0, 3}).rounds_summed += 1;
         }},
        {"privacy 0", [](AttemptTranscript& t) { t.terms.privacy->noise += 1; }},
        {"privacy", [](AttemptTranscript& t) { t.terms.privacy.reset(); }},
    };
    ASSERT_TRUE(failed_checks(ledger, 0, [](AttemptTranscript&) {}).empty());
    for (const auto& [check, change] : changes) {
        const auto checks = failed_checks(ledger, 0, change);
        EXPECT_TRUE(checks.contains(check)) << check << ::testing::PrintToString(checks);
    }
}

// The attempt as the chain would show it, had the model stood at the edge of its range.
void put_model_at_the_edge(AttemptTranscript& attempt) {
    const std::vector<std::int64_t> edge(attempt.terms.dimension,
                                         std::numeric_limits<std::int64_t>::max());
    Bytes content = smpc::encode_integers(edge);
    attempt.terms.model = {sha256(content), content.size()};
    attempt.blobs[attempt.terms.model.sha256] = std::make_shared<const Bytes>(std::move(content));
}
void end_in_overflow(AttemptTranscript& attempt) {
    attempt.ended = schema::RoundEnded{attempt.label, schema::EndReason::kOverflow};
    attempt.result.reset();
    attempt.model.reset();
}

TEST(AuditRoundTest, overflow_is_recomputed_and_neither_claimed_nor_hidden_wrongly) {
    const auto right = failed_checks(three_rounds(), 0, [](AttemptTranscript& attempt) {
        put_model_at_the_edge(attempt);
        end_in_overflow(attempt);
    });
    EXPECT_TRUE(right.empty()) << ::testing::PrintToString(right);
    const auto claimed = failed_checks(three_rounds(), 0, end_in_overflow);
    EXPECT_TRUE(claimed.contains("overflow")) << ::testing::PrintToString(claimed);
    const auto hidden = failed_checks(three_rounds(), 0, put_model_at_the_edge);
    EXPECT_TRUE(hidden.contains("overflow")) << ::testing::PrintToString(hidden);
}

// With steps as long as the clip norm allows, the 129th leaves the range of the model.
TEST(AuditRoundTest, round_that_overflows_on_chain_is_collected_and_recomputed) {
    schema::TaskSpec spec = test_task();
    spec.rounds = 200;
    spec.clip_initial = spec.clip_min = spec.clip_max = (std::uint64_t{1} << 56) - 1;
    Network net(spec);
    std::vector<std::int64_t> update(41, 0);
    update[0] = std::int64_t{1} << 22;
    const contracts::testing::Updates updates(4, update);
    std::uint64_t rounds = 0;
    while (rounds < 140) {
        if (net.driver.round().phase != schema::Phase::kSubmitting) {
            net.driver.set_up_epoch();
            net.driver.prepare_batches();
        }
        const std::uint64_t number = net.driver.round().label.round;
        net.driver.submit(updates, {1, 2, 3, 4});
        net.driver.verify();
        ++rounds;
        const auto ended = net.chain.load<schema::RoundRecord>(schema::keys::round(number));
        if (ended.reason == schema::EndReason::kOverflow) break;
        net.driver.prepare_batches();
    }
    const AuditReport report = net.audit();
    EXPECT_EQ(report.attempts.at(rounds - 1).outcome, "overflow");
    EXPECT_EQ(report.counts.models, rounds);
}

AuditReport audit_from(const Ledger& ledger, Height from, unsigned threads = 1) {
    FakeSource source(ledger, 1);
    AuditOptions options;
    options.last = ledger.height();
    options.from = from;
    options.threads = threads;
    return run_audit(ledger.genesis, source, options).value();
}

TEST(AuditRoundTest, audit_from_any_height_is_equal_and_says_what_it_trusts) {
    const AuditReport whole = audit_honestly(three_rounds());
    EXPECT_TRUE(whole.trusted().empty());
    std::size_t previous = whole.attempts.size();
    for (std::uint64_t from = 1; from <= three_rounds().height().value; from += 5) {
        const AuditReport report = audit_from(three_rounds(), Height{from});
        EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << from << to_text(report);
        EXPECT_EQ(report.state_root, whole.state_root);
        EXPECT_LE(report.attempts.size(), previous);
        previous = report.attempts.size();
        EXPECT_EQ(report.trusted().empty(), from == 1);
        EXPECT_EQ(to_json(audit_from(three_rounds(), Height{from}, 4)), to_json(report));
    }
    EXPECT_LT(previous, whole.attempts.size());
}

TEST(AuditRoundTest, audit_from_the_last_round_carries_accounts_and_exclusions_on) {
    Network net(private_task());
    net.submit(4, 2);
    net.driver.verify();
    net.driver.prepare_batches();
    const Height between = net.chain.height;
    net.submit(5, 2);
    net.driver.verify();
    const Ledger ledger = certify_chain(net.chain);
    const AuditReport report = audit_from(ledger, between);
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    EXPECT_EQ(report.counts.verdicts, 1U);
    EXPECT_GT(report.counts.privacy_charges, 0U);
    const std::string text = to_text(report);
    EXPECT_NE(text.find("recomputed from block " + std::to_string(between.value)),
              std::string::npos);
    EXPECT_NE(text.find("trusted: "), std::string::npos);
}

}  // namespace
}  // namespace consilium::explorer::testing
