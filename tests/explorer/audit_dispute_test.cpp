// The blame of disputed batches, X and halted epochs, recomputed from the revealed keys.
#include <gtest/gtest.h>

#include <bit>

#include "tests/contracts/preparation_driver.hpp"
#include "tests/explorer/audit_kit.hpp"

namespace consilium::explorer::testing {
namespace {

using contracts::testing::Errors;
using contracts::testing::MemberList;
using contracts::testing::PreparationScene;
using schema::BatchState;
using smpc::Field61;

constexpr std::uint64_t kError = 12'345;

// A lie in one delta with everybody there: type 1.
Ledger disputed_shares(std::uint32_t n) {
    PreparationScene scene(n);
    scene.post_shares(0, scene.all_but({}), {{3, {{scene.position(1, 2), kError}}}});
    scene.post_reveals(0, scene.all_but({}));
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    return certify_chain(scene.chain);
}

// A lie beside absent members, found by the check: type 2. The liar lies in w and check, too.
Ledger disputed_check(std::uint32_t n) {
    PreparationScene scene(n);
    MemberList absent{2};
    if (n >= 7) absent.insert(4);
    const Errors in_share{{1, {{scene.position(1, 1), kError}}}};
    scene.post_shares(0, scene.all_but(absent), in_share);
    scene.pass_preparation_window();
    scene.post_chi(0, scene.all_but({}));
    scene.post_weights(0, scene.all_but({}), {{1, {{3, kError}}}});
    scene.post_checks(0, scene.all_but({}), {{1, {{0, kError}}}});
    EXPECT_EQ(scene.batch(0).state, BatchState::kDisputed);
    scene.post_reveals(0, scene.all_but({}), {{1, 0}});
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    return certify_chain(scene.chain);
}

// More than t liars about one item while a round runs: the epoch halts.
Ledger halted_epoch(std::uint32_t n) {
    PreparationScene scene(n);
    scene.driver.prepare_batches();
    EXPECT_EQ(scene.driver.round().phase, schema::Phase::kSubmitting);
    Errors errors;
    for (std::uint16_t k = 1; k <= (n - 1) / 3 + 1; ++k) {
        errors[k] = {{scene.position(2, 2), kError * k}};
    }
    scene.post_shares(2, scene.all_but({}), errors);
    scene.post_reveals(2, scene.all_but({}));
    EXPECT_TRUE(scene.driver.epoch().is_halted);
    scene.chain.pass(3);
    EXPECT_EQ(
        scene.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
        schema::Code::kOk);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
    return certify_chain(scene.chain);
}

void expect_equal(const AuditReport& report) {
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
}

class AuditDispute : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Committees, AuditDispute, ::testing::Values(4U, 7U));

TEST_P(AuditDispute, blame_of_a_wrong_share_is_recomputed_from_the_keys) {
    const AuditReport report = audit_honestly(disputed_shares(GetParam()));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 1U);
    EXPECT_EQ(report.counts.exclusions, 1U);
    EXPECT_EQ(report.counts.epochs, 1U);
}

TEST_P(AuditDispute, blame_of_a_failed_check_is_recomputed_with_lies_in_every_message) {
    const AuditReport report = audit_honestly(disputed_check(GetParam()));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 1U);
    EXPECT_EQ(report.counts.exclusions, 1U);
    EXPECT_EQ(report.counts.weights, 1U);
    EXPECT_EQ(report.counts.faults, 3U);  // PREP_W, PREP_CHK, PREP_REVEAL
}

TEST_P(AuditDispute, halted_epoch_with_a_running_round_is_recomputed) {
    const AuditReport report = audit_honestly(halted_epoch(GetParam()));
    expect_equal(report);
    EXPECT_EQ(report.counts.exclusions, (GetParam() - 1) / 3 + 1);
    EXPECT_EQ(report.counts.epochs, 2U);
    ASSERT_EQ(report.attempts.size(), 1U);
    EXPECT_EQ(report.attempts[0].outcome, "epoch_halted");
}

// A slow member that lies in w and check, behind the decision or while a dispute is open.
TEST_P(AuditDispute, late_w_and_check_are_recomputed_as_faults) {
    for (const bool is_disputed : {false, true}) {
        PreparationScene scene(GetParam());
        const auto last = static_cast<std::uint16_t>(GetParam());
        const MemberList absent = last > 4 ? MemberList{1, 2} : MemberList{1};
        const MemberList punctual = scene.all_but({last});
        Errors in_share;
        if (is_disputed) in_share = {{3, {{scene.position(1, 1), kError}}}};
        scene.post_shares(0, scene.all_but(absent), in_share);
        scene.pass_preparation_window();
        scene.post_chi(0, scene.all_but({}));
        scene.post_weights(0, punctual);
        scene.post_checks(0, punctual);
        ASSERT_EQ(scene.batch(0).state == BatchState::kDisputed, is_disputed);
        scene.post_weights(0, {last}, {{last, {{5, kError}}}});
        scene.post_checks(0, {last}, {{last, {{1, kError}}}});
        if (is_disputed) scene.post_reveals(0, scene.all_but({}));
        const AuditReport report = audit_honestly(certify_chain(scene.chain));
        expect_equal(report);
        EXPECT_EQ(report.counts.faults, 2U);
        EXPECT_EQ(report.counts.exclusions, is_disputed ? 1U : 0U);
    }
}

TEST(AuditDisputeTest, false_reveals_are_recomputed_as_faults_and_blame_nobody_else) {
    PreparationScene scene(7);
    scene.post_shares(0, scene.all_but({}), {{3, {{scene.position(1, 2), kError}}}});
    const std::size_t ring = scene.reveal(0, 1).prep.size();
    scene.post_reveals(0, scene.all_but({}), {{3, 0}, {5, 2 * ring}});
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    EXPECT_EQ(report.counts.exclusions, 1U);
    EXPECT_EQ(report.counts.faults, 2U);
}

TEST(AuditDisputeTest, reveals_that_come_in_pieces_agree_at_the_same_block) {
    PreparationScene scene(4);
    scene.post_shares(0, scene.all_but({}), {{1, {{scene.position(0, 2), kError}}}});
    scene.post_reveals(0, {2, 3});
    scene.chain.pass(2);
    scene.post_reveals(0, {4});
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    expect_equal(audit_honestly(certify_chain(scene.chain)));
}

// As many as the council may keep ready, all prepared beside an absent member.
TEST(AuditDisputeTest, shares_of_w_of_a_whole_stock_in_one_block_are_recomputed) {
    constexpr std::uint32_t kStock = 24;
    schema::TaskSpec spec = contracts::testing::test_task();
    spec.rounds = kStock;
    PreparationScene scene(4, 3, spec);
    schema::Parameters parameters = contracts::testing::test_parameters();
    parameters.batch_stock = kStock;
    ASSERT_EQ(scene.chain.decide(schema::ProposalKind::kSetParameters, encode(parameters)),
              schema::Code::kOk);
    scene.chain.pass(kStock);
    const MemberList present = scene.all_but({4});
    for (std::uint64_t batch = 0; batch < kStock; ++batch) scene.post_shares(batch, present);
    scene.pass_preparation_window();
    std::vector<Transaction> weights;
    for (std::uint64_t batch = 0; batch < kStock; ++batch) {
        ASSERT_EQ(scene.batch(batch).state, BatchState::kSacrifice);
        scene.post_chi(batch, present);
    }
    for (std::uint64_t batch = 0; batch < kStock; ++batch) {
        for (Transaction& one : scene.make_weights(batch, present)) weights.push_back(one);
    }
    scene.chain.run(weights);
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    EXPECT_EQ(report.counts.weights, kStock);
}

TEST(AuditDisputeTest, dispute_that_is_not_over_blames_nobody_yet) {
    PreparationScene scene(4);
    scene.post_shares(0, scene.all_but({}), {{1, {{scene.position(0, 2), kError}}}});
    scene.post_reveals(0, {2, 3});
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 0U);
}

TEST(AuditDisputeTest, two_disputes_at_once_are_recomputed_with_the_x_of_each_block) {
    PreparationScene scene(7);
    const MemberList all = scene.all_but({});
    scene.post_shares(0, all, {{2, {{0, kError}}}, {3, {{0, kError}}}});
    scene.post_shares(1, all, {{3, {{1, kError}}}});
    scene.post_reveals(0, {3});  // of a member that will be in X when keys are agreed on
    scene.post_reveals(1, all);
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(3));
    scene.post_reveals(0, scene.all_but({3}));
    EXPECT_EQ(scene.driver.epoch().excluded, schema::member_bit(2) | schema::member_bit(3));
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 2U);
    EXPECT_EQ(report.counts.exclusions, 3U);  // member 3 is blamed twice, excluded once
}

// Of two disputes one waits for the other's recomputation, so there is a block for slow members.
Ledger late_reveals(bool is_lie) {
    PreparationScene scene(7);
    const MemberList all = scene.all_but({});
    scene.post_shares(0, all, {{2, {{0, kError}}}});
    scene.post_shares(1, all, {{3, {{1, kError}}}});
    std::vector<Transaction> reveals;
    for (const std::uint64_t batch : {0U, 1U}) {
        for (const std::uint16_t member : scene.all_but({5, 7})) {
            reveals.push_back(scene.chain.make(scene.key(member), contracts::testing::kPrepReveal,
                                               scene.reveal(batch, member)));
        }
    }
    scene.chain.run(reveals);
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    EXPECT_EQ(scene.batch(1).state, BatchState::kDisputed);
    // A masks key of the second slot, and one of the last kind.
    const std::size_t ring = scene.reveal(1, 5).prep.size();
    std::map<std::uint16_t, std::size_t> lies;
    if (is_lie) lies = {{5, ring + 3}, {7, 2 * ring + 1}};
    scene.post_reveals(1, {5, 7}, lies);
    EXPECT_EQ(scene.batch(1).state, BatchState::kBurned);
    return certify_chain(scene.chain);
}

TEST(AuditDisputeTest, reveals_behind_the_agreement_are_recomputed_as_faults_or_none) {
    AuditReport report = audit_honestly(late_reveals(false));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 2U);
    EXPECT_EQ(report.counts.faults, 0U);
    const Ledger ledger = late_reveals(true);
    report = audit_honestly(ledger);
    expect_equal(report);
    EXPECT_EQ(report.counts.exclusions, 2U);
    EXPECT_EQ(report.counts.faults, 2U);
    const auto checks = failed_checks(ledger, [](Transcripts& t) {
        for (BatchTranscript& batch : t.batches) batch.faults.clear();
    });
    EXPECT_TRUE(checks.contains("fault")) << ::testing::PrintToString(checks);
}

TEST(AuditDisputeTest, exclusion_voids_a_sacrifice_and_the_end_of_an_epoch_a_dispute) {
    PreparationScene scene(7);
    const MemberList all = scene.all_but({});
    scene.post_shares(0, scene.all_but({1, 4}));
    scene.pass_preparation_window();
    EXPECT_EQ(scene.batch(0).state, BatchState::kSacrifice);
    scene.post_chi(0, all);
    scene.post_shares(1, all, {{2, {{0, kError}}}});
    scene.post_reveals(1, all);
    EXPECT_EQ(scene.batch(0).state, BatchState::kVoid);
    scene.post_shares(2, scene.all_but({2}), {{5, {{1, kError}}}});
    EXPECT_EQ(scene.batch(2).state, BatchState::kDisputed);
    EXPECT_EQ(
        scene.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
        schema::Code::kOk);
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 1U);
    EXPECT_EQ(report.counts.epochs, 2U);
}

TEST(AuditDisputeTest, dispute_over_many_tiles_is_recomputed) {
    schema::TaskSpec spec = contracts::testing::test_task();
    spec.model = {schema::ModelKind::kLogistic, {9'000, 1}};
    spec.mode = schema::Mode::kSum;
    PreparationScene scene(4, 3, spec);
    scene.post_shares(0, scene.all_but({}), {{2, {{scene.position(1, 1), kError}}}});
    scene.post_reveals(0, scene.all_but({}));
    scene.chain.pass(2);
    EXPECT_EQ(scene.batch(0).state, BatchState::kBurned);
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    EXPECT_EQ(report.counts.disputes, 1U);
}

// A member is excluded after it has posted STAT1 of a running round: what it said no longer counts.
TEST(AuditDisputeTest, exclusion_in_the_middle_of_an_opening_leaves_the_share_out) {
    PreparationScene scene(4);
    contracts::testing::ConsortiumDriver& driver = scene.driver;
    driver.prepare_batches();
    scene.chain.pass(1);  // the stock is filled up with batch 2
    driver.submit(driver.similar_updates(3, 0), {1, 2, 3, 4});
    driver.reach_stat1();
    ASSERT_EQ(driver.round().phase, schema::Phase::kStat1);
    const auto stat1 = [&](std::uint16_t member) {
        schema::StatShare share{driver.round().label, driver.stat1_share(member)};
        if (member == 2) share.values[0] = Field61::add(share.values[0], 1);
        return scene.chain.make(scene.key(member), contracts::testing::kStat1, share);
    };
    scene.chain.run({stat1(1), stat1(2)});
    scene.post_shares(2, scene.all_but({}), {{2, {{0, kError}}}});
    scene.post_reveals(2, scene.all_but({}));
    ASSERT_EQ(driver.epoch().excluded, schema::member_bit(2));
    ASSERT_EQ(driver.round().phase, schema::Phase::kStat1);
    scene.chain.run({stat1(3), stat1(4)});
    ASSERT_EQ(driver.round().phase, schema::Phase::kStat2);
    driver.post_stat2({.silent = {2}, .liars = {}});
    driver.post_aggregate();
    const AuditReport report = audit_honestly(certify_chain(scene.chain));
    expect_equal(report);
    ASSERT_FALSE(report.attempts.empty());
    EXPECT_EQ(report.attempts[0].outcome, "RESULT");
    EXPECT_EQ(report.counts.exclusions, 1U);
    EXPECT_EQ(report.counts.faults, 0U);  // the wrong STAT1 was never heard
}

// The batch of the dispute.
BatchTranscript& burned(Transcripts& transcripts) {
    for (BatchTranscript& batch : transcripts.batches) {
        if (batch.has_burned()) return batch;
    }
    ADD_FAILURE() << "no batch was burned";
    return transcripts.batches.front();
}

struct Lie {
    const char* check;  // the finding that must be among those
    void (*change)(Transcripts&);
};
constexpr Lie kLies[] = {
    {"exclusion", [](Transcripts& t) { burned(t).exclusions.clear(); }},
    {"exclusion 0", [](Transcripts& t) { burned(t).exclusions.at(0).record.member = 4; }},
    {"exclusion 0", [](Transcripts& t) { burned(t).exclusions.at(0).record.expected ^= 1; }},
    {"exclusion 0", [](Transcripts& t) { burned(t).exclusions.at(0).record.posted ^= 1; }},
    {"exclusion height",
     [](Transcripts& t) { burned(t).exclusions.at(0).height = burned(t).last.next(); }},
    {"exclusion record", [](Transcripts& t) { burned(t).exclusion_records.clear(); }},
    {"exclusion record 0", [](Transcripts& t) { burned(t).exclusion_records.at(3).posted ^= 2; }},
    {"dispute", [](Transcripts& t) { burned(t).dispute->second += 1; }},
    {"dispute record", [](Transcripts& t) { burned(t).dispute_record.reset(); }},
    {"dispute record product 2", [](Transcripts& t) { burned(t).dispute_record->sums.at(2) ^= 1; }},
    {"dispute record revealed", [](Transcripts& t) { burned(t).dispute_record->revealed ^= 1; }},
    {"dispute record recomputed",
     [](Transcripts& t) { burned(t).dispute_record->recomputed -= 1; }},
    // A share that is honest on chain, changed: its poster is blamed here.
    {"exclusion",
     [](Transcripts& t) {
         Post& post = burned(t).shares.all.at(0);
         post.values.at(burned(t).parties.clients.size() + 1) ^= 1;
     }},
    {"prep_reveal", [](Transcripts& t) { burned(t).reveals.at(1).masks.pop_back(); }},
    {"prep_reveal", [](Transcripts& t) { burned(t).reveals.at(1).member = 1; }},
    {"fault", [](Transcripts& t) { burned(t).reveals.at(1).prep.at(0)[7] ^= 1; }},
    {"blame", [](Transcripts& t) { burned(t).reveals.resize(1); }},
    {"excluded", [](Transcripts& t) { t.epochs.at(0).exclusions.clear(); }},
    {"halt",
     [](Transcripts& t) {
         t.epochs.at(0).halted = HaltClaim{t.epochs.at(0).last, 4};
     }},
    {"epoch record", [](Transcripts& t) { t.epochs.at(0).record.reset(); }},
    {"epoch record excluded", [](Transcripts& t) { t.epochs.at(0).record->excluded = 0; }},
    {"epoch record is_halted", [](Transcripts& t) { t.epochs.at(0).record->is_halted = true; }},
};

TEST(AuditDisputeTest, every_changed_reveal_exclusion_and_record_is_found_and_named) {
    const Ledger ledger = disputed_shares(4);
    ASSERT_TRUE(failed_checks(ledger, [](Transcripts&) {}).empty());
    for (const Lie& lie : kLies) {
        const auto checks = failed_checks(ledger, lie.change);
        EXPECT_TRUE(checks.contains(lie.check))
            << lie.check << ", found: " << ::testing::PrintToString(checks);
    }
}

TEST(AuditDisputeTest, reveals_by_a_majority_of_other_keys_would_blame_the_honest) {
    const Ledger ledger = disputed_shares(4);
    const auto checks = failed_checks(ledger, [](Transcripts& t) {
        for (RevealPost& reveal : burned(t).reveals) {
            for (schema::KeyBytes& key : reveal.masks) key[0] ^= 1;
        }
    });
    EXPECT_TRUE(checks.contains("exclusion")) << ::testing::PrintToString(checks);
    EXPECT_TRUE(checks.contains("excluded")) << ::testing::PrintToString(checks);
}

TEST(AuditDisputeTest, changed_check_dispute_is_found) {
    const Ledger ledger = disputed_check(4);
    ASSERT_TRUE(failed_checks(ledger, [](Transcripts&) {}).empty());
    const std::vector<std::pair<std::string, std::function<void(Transcripts&)>>> changes{
        {"seed", [](Transcripts& t) { burned(t).seed->bytes[0] ^= 1; }},
        {"exclusion 0", [](Transcripts& t) { burned(t).exclusions.at(0).record.expected ^= 1; }},
        {"exclusion", [](Transcripts& t) { burned(t).exclusions.clear(); }},
        {"prep_w opening",
         [](Transcripts& t) {
             for (auto& [hash, content] : burned(t).blobs) {
                 Bytes other = *content;
                 other[0] ^= 1;
                 content = std::make_shared<const Bytes>(std::move(other));
             }
         }},
    };
    for (const auto& [check, change] : changes) {
        const auto checks = failed_checks(ledger, change);
        EXPECT_TRUE(checks.contains(check)) << check << ::testing::PrintToString(checks);
    }
}

TEST(AuditDisputeTest, changed_halt_is_found) {
    const Ledger ledger = halted_epoch(4);
    ASSERT_TRUE(failed_checks(ledger, [](Transcripts&) {}).empty());
    const std::vector<std::pair<std::string, std::function<void(Transcripts&)>>> changes{
        {"halt", [](Transcripts& t) { t.epochs.at(0).halted.reset(); }},
        {"halt", [](Transcripts& t) { t.epochs.at(0).halted->excluded ^= 1; }},
        {"ended by the halt",
         [](Transcripts& t) { t.attempts.at(0).ended->reason = schema::EndReason::kCouncil; }},
        {"ended by the halt", [](Transcripts& t) { t.attempts.at(0).halted.reset(); }},
        {"ended by the halt",
         [](Transcripts& t) {
             for (BatchTranscript& batch : t.batches) {
                 if (batch.halted) batch.states.pop_back();
             }
         }},
    };
    for (const auto& [check, change] : changes) {
        const auto checks = failed_checks(ledger, change);
        EXPECT_TRUE(checks.contains(check)) << check << ::testing::PrintToString(checks);
    }
}

}  // namespace
}  // namespace consilium::explorer::testing
