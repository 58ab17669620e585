// What an audit finds equal, what it finds wrong, and that the report depends on the chain alone.
#include "explorer/audit.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/contracts/preparation_driver.hpp"
#include "tests/explorer/audit_kit.hpp"

namespace consilium::explorer::testing {
namespace {

using contracts::testing::Chain;
using contracts::testing::ConsortiumDriver;
using contracts::testing::PreparationScene;
using schema::BatchState;

TEST(AuditTest, honest_chain_is_equal_and_everything_was_recomputed) {
    const AuditReport report = audit_honestly(test_ledger());
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    EXPECT_EQ(report.verified, test_ledger().height());
    EXPECT_EQ(report.head, header_digest(test_ledger().blocks.back().block.header));
    EXPECT_EQ(report.counts.references, 1U);
    EXPECT_EQ(report.counts.coins, 1U);  // small mode: T alone
    EXPECT_EQ(report.counts.stat1, 1U);
    EXPECT_EQ(report.counts.stat2, 1U);
    EXPECT_EQ(report.counts.verdicts, 1U);
    EXPECT_EQ(report.counts.aggregates, 1U);
    EXPECT_EQ(report.counts.models, 1U);
    EXPECT_GE(report.counts.preparations, 1U);
}

TEST(AuditTest, rounds_with_liars_and_silent_members_are_equal_with_the_history_of_all_rounds) {
    const AuditReport report = audit_honestly(three_rounds());
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    EXPECT_EQ(report.counts.verdicts, 3U);
    EXPECT_EQ(report.counts.models, 3U);
    EXPECT_GE(report.counts.faults, 4U);  // coin, STAT1, STAT2, AGG of member 2
}

TEST(AuditTest, report_is_the_same_for_any_number_of_threads_and_from_any_node) {
    const AuditReport report = audit_honestly(three_rounds(), 1);
    for (const unsigned threads : {2U, 4U, 7U}) {
        EXPECT_EQ(to_json(audit_honestly(three_rounds(), threads)), to_json(report));
        EXPECT_EQ(to_text(audit_honestly(three_rounds(), threads)), to_text(report));
    }
    FakeSource others(three_rounds(), 3);
    others.is_down = [](std::size_t node) { return node == 0; };
    EXPECT_EQ(to_json(audit(others, three_rounds(), 2).value()), to_json(report));
}

TEST(AuditTest, audit_up_to_any_height_is_equal) {
    for (std::uint64_t last = 0; last <= three_rounds().height().value; last += 3) {
        FakeSource source(three_rounds(), 1);
        AuditOptions options;
        options.last = Height{last};
        const auto report = run_audit(three_rounds().genesis, source, options);
        ASSERT_TRUE(report.has_value());
        EXPECT_EQ(outcome_of(*report), AuditOutcome::kEqual) << last << to_text(*report);
        EXPECT_EQ(report->verified.value, last);
    }
}

TEST(AuditTest, block_that_no_quorum_signed_is_named_unless_another_node_has_the_right_one) {
    const Height height{5};
    FakeSource source(test_ledger(), 2);
    source.tamper = [&](std::size_t node, CertifiedBlock& block) {
        if (node == 0 && block.block.header.height == height) {
            block.block.header.receipt_root.bytes[0] ^= 1;
        }
    };
    EXPECT_EQ(outcome_of(audit(source, test_ledger()).value()), AuditOutcome::kEqual);
    source.tamper = [&](std::size_t, CertifiedBlock& block) {
        if (block.block.header.height == height) block.certificate.signatures[0].bytes[7] ^= 1;
    };
    const AuditReport report = audit(source, test_ledger()).value();
    ASSERT_EQ(report.findings.size(), 1U);
    EXPECT_EQ(report.findings[0].height, height);
    EXPECT_EQ(report.findings[0].check, "certificate");
    EXPECT_EQ(report.verified, Height{4});
    EXPECT_EQ(outcome_of(report), AuditOutcome::kMismatch);
}

TEST(AuditTest, signed_header_that_contradicts_execution_is_named) {
    const std::map<std::string, std::function<void(Block&)>> lies{
        {"receipt_root", [](Block& block) { block.header.receipt_root.bytes[0] ^= 1; }},
        {"state_root", [](Block& block) { block.header.state_root.bytes[31] ^= 128; }},
        {"parent", [](Block& block) { block.header.parent.bytes[3] ^= 1; }},
    };
    const Height height = test_ledger().height();
    for (const auto& [check, lie] : lies) {
        FakeSource source(test_ledger(), 1);
        source.tamper = [&, &lie = lie](std::size_t, CertifiedBlock& block) {
            if (block.block.header.height != height) return;
            lie(block.block);
            test_ledger().certify(block);
        };
        const AuditReport report = audit(source, test_ledger()).value();
        ASSERT_EQ(report.findings.size(), 1U) << check;
        EXPECT_EQ(report.findings[0].check, check);
        EXPECT_EQ(report.findings[0].height, height);
    }
}

TEST(AuditTest, transaction_changed_in_one_bit_is_named) {
    FakeSource source(test_ledger(), 1);
    std::optional<Height> changed;
    source.tamper = [&](std::size_t, CertifiedBlock& block) {
        if (changed || block.block.transactions.empty()) return;
        changed = block.block.header.height;
        block.block.transactions[0].arguments.back() ^= 1;
    };
    const AuditReport report = audit(source, test_ledger()).value();
    ASSERT_EQ(report.findings.size(), 1U);
    EXPECT_EQ(report.findings[0].check, "tx_root");
    EXPECT_EQ(report.findings[0].height, *changed);
}

// Serves other bits than the chain names.
class FalseBlobs final : public NodeSource {
  public:
    explicit FalseBlobs(FakeSource& source) : source_(source) {}
    [[nodiscard]] std::size_t size() const override { return source_.size(); }
    [[nodiscard]] std::string name(std::size_t node) const override { return source_.name(node); }
    [[nodiscard]] Result<CertifiedBlock> block(std::size_t node, Height height) override {
        return source_.block(node, height);
    }
    [[nodiscard]] Result<Bytes> blob(std::size_t node, const Digest& hash,
                                     std::uint64_t length) override {
        auto content = source_.blob(node, hash, length);
        if (content) content->front() ^= 1;
        return content;
    }
    [[nodiscard]] Result<Height> height(std::size_t node) override { return source_.height(node); }

  private:
    FakeSource& source_;
};

TEST(AuditTest, missing_or_false_blob_makes_the_rest_not_recomputable) {
    FakeSource source(test_ledger(), 1);
    FalseBlobs false_blobs(source);
    AuditOptions options;
    options.last = test_ledger().height();
    const AuditReport wrong = run_audit(test_ledger().genesis, false_blobs, options).value();
    source.has_blobs = false;
    const AuditReport missing = audit(source, test_ledger()).value();
    for (const AuditReport& report : {wrong, missing}) {
        EXPECT_EQ(outcome_of(report), AuditOutcome::kIncomplete);
        ASSERT_EQ(report.not_recomputable.size(), 1U);
        EXPECT_EQ(report.not_recomputable[0].what.substr(0, 5), "blob ");
        EXPECT_EQ(report.not_recomputable[0].height, report.verified.next());
        EXPECT_LT(report.verified, options.last);
    }
}

TEST(AuditTest, block_that_nobody_has_is_not_recomputable) {
    FakeSource source(test_ledger(), 2);
    source.served = Height{6};
    const AuditReport report = audit(source, test_ledger()).value();
    EXPECT_EQ(outcome_of(report), AuditOutcome::kIncomplete);
    ASSERT_EQ(report.not_recomputable.size(), 1U);
    EXPECT_EQ(report.not_recomputable[0], (NotRecomputable{Height{7}, "", "block"}));
}

TEST(AuditTest, cancelled_audit_gives_no_report) {
    std::atomic<bool> is_cancelled{true};
    FakeSource source(test_ledger(), 1);
    AuditOptions options;
    options.last = test_ledger().height();
    options.cancel_flag = &is_cancelled;
    const auto report = run_audit(test_ledger().genesis, source, options);
    ASSERT_FALSE(report.has_value());
    EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
}

TEST(AuditTest, json_report_can_be_read_and_names_the_outcome) {
    const auto json = nlohmann::json::parse(to_json(audit_honestly(three_rounds())));
    EXPECT_EQ(json.at("outcome"), "equal");
    EXPECT_EQ(json.at("attempts").size(), 3U);
    EXPECT_EQ(json.at("attempts").at(0).at("outcome"), "RESULT");
    EXPECT_EQ(json.at("recomputed").at("verdicts"), 3);
}

// Execution cannot contradict itself, so the recomputation is shown to be able to fail on
// transcripts that were changed after it.
struct Lie {
    const char* check;  // the finding that must be among those
    std::size_t attempt;
    void (*change)(AttemptTranscript&);
};
constexpr Lie kLies[] = {
    {"submitted", 0, [](AttemptTranscript& t) { t.submissions_closed->submitted ^= 2; }},
    {"ranged", 0, [](AttemptTranscript& t) { t.ranges_closed->ranged ^= 1; }},
    {"seed", 0, [](AttemptTranscript& t) { t.test_seed->bytes[0] ^= 1; }},
    {"fault", 0, [](AttemptTranscript& t) { t.faults.pop_back(); }},
    {"fault", 1,
     [](AttemptTranscript& t) {
         t.faults.push_back({10, t.label, 4, 0});
     }},
    {"fault", 0, [](AttemptTranscript& t) { t.faults.back().coordinate += 1; }},
    {"fault", 2, [](AttemptTranscript& t) { t.stat1.all.at(1).values.at(4) ^= 1; }},
    {"stat1 opening", 1, [](AttemptTranscript& t) { t.stat1.all.pop_back(); }},
    {"stat1 share", 1, [](AttemptTranscript& t) { t.stat1.all.at(0).values.pop_back(); }},
    {"stat1 share", 1, [](AttemptTranscript& t) { t.stat1.all.at(1).member = 1; }},
    {"statistics norm 1", 0, [](AttemptTranscript& t) { t.statistics->norms.at(1) += 1; }},
    {"statistics value 3", 1, [](AttemptTranscript& t) { t.statistics->values.at(3) -= 1; }},
    {"record norm 0", 1, [](AttemptTranscript& t) { t.record->norms.at(0) += 1; }},
    {"verdict of slot 3", 0,
     [](AttemptTranscript& t) { t.verdict->clients.at(2).code = schema::ClientCode::kOk; }},
    {"verdict of slot 1", 1, [](AttemptTranscript& t) { t.verdict->clients.at(0).weight += 1; }},
    {"verdict record weight_sum", 2,
     [](AttemptTranscript& t) { t.verdict_record->weight_sum += 1; }},
    {"verdict clip_next", 2, [](AttemptTranscript& t) { t.verdict->clip_next += 1; }},
    {"history", 1, [](AttemptTranscript& t) { t.history->products.at(1) += 1; }},
    {"aggregate", 0, [](AttemptTranscript& t) { t.result->aggregate.bytes[5] ^= 1; }},
    {"model", 1, [](AttemptTranscript& t) { t.result->model.sha256.bytes[5] ^= 1; }},
    {"model record parent", 2, [](AttemptTranscript& t) { t.model->parent = 0; }},
    {"aggregate opening", 2, [](AttemptTranscript& t) { t.aggregate_ok.all.clear(); }},
};

TEST(AuditTest, every_changed_share_event_and_record_is_found_and_named) {
    ASSERT_TRUE(failed_checks(three_rounds(), 0, [](AttemptTranscript&) {}).empty());
    for (const Lie& lie : kLies) {
        const auto checks = failed_checks(three_rounds(), lie.attempt, lie.change);
        EXPECT_TRUE(checks.contains(lie.check)) << lie.check << " of attempt " << lie.attempt
                                                << ", found: " << ::testing::PrintToString(checks);
    }
}

TEST(AuditTest, changed_reference_is_found) {
    const auto checks = failed_checks(
        test_ledger(), 0, [](AttemptTranscript& attempt) { attempt.reference->squared_norm += 1; });
    EXPECT_TRUE(checks.contains("reference")) << ::testing::PrintToString(checks);
}

TEST(AuditTest, more_liars_than_tolerated_are_never_taken_for_an_opening) {
    const auto checks = failed_checks(three_rounds(), 0, [](AttemptTranscript& attempt) {
        attempt.stat1.all.at(0).values.at(0) ^= 1;  // member 2 lies already
    });
    EXPECT_TRUE(checks.contains("stat1 opening")) << ::testing::PrintToString(checks);
}

Ledger sacrificed_ledger() {
    PreparationScene scene(4);
    scene.post_shares(0, scene.all_but({2}));
    scene.pass_preparation_window();
    scene.sacrifice(0, scene.all_but({}));
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
    return certify_chain(scene.chain);
}

// SUM mode; member 4 is silent in STAT1 and posts a wrong share when the round is past it; then two
// clients cheat, so that too few pass in the round after it.
Ledger late_and_cancelled_ledger() {
    Chain chain(4);
    ConsortiumDriver driver(chain);
    for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
    schema::TaskSpec spec = contracts::testing::test_task();
    spec.mode = schema::Mode::kSum;
    EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), schema::Code::kOk);
    driver.set_up_epoch();
    driver.prepare_batches();
    driver.submit(driver.similar_updates(5, 3), {1, 2, 3, 4});
    driver.post_stat1({.silent = {4}, .liars = {}});
    schema::StatShare late{driver.round().label, driver.stat1_share(4)};
    late.values[3] = smpc::Field61::add(late.values[3], 1);
    EXPECT_EQ(chain.send(chain.validators[3], contracts::testing::kStat1, late), schema::Code::kOk);
    driver.post_stat2();
    driver.post_aggregate();
    driver.prepare_batches();
    driver.cheat(1, std::vector<std::uint64_t>(41, std::uint64_t{1} << 22));
    driver.cheat(2, std::vector<std::uint64_t>(41, std::uint64_t{1} << 40));
    driver.submit(driver.similar_updates(6, 3), {1, 2, 3, 4});
    driver.post_stat1();
    return certify_chain(chain);
}

TEST(AuditTest, late_lie_in_sum_mode_and_round_of_too_few_are_recomputed) {
    const AuditReport report = audit_honestly(late_and_cancelled_ledger());
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    EXPECT_EQ(report.counts.late_shares, 1U);
    EXPECT_GE(report.counts.faults, 1U);
    EXPECT_EQ(report.counts.verdicts, 2U);
    EXPECT_EQ(report.counts.stat2, 1U);
}

TEST(AuditTest, sacrificed_batch_is_recomputed) {
    const AuditReport report = audit_honestly(sacrificed_ledger());
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    EXPECT_EQ(report.counts.weights, 1U);
    EXPECT_EQ(report.counts.checks, 1U);
    EXPECT_EQ(report.counts.disputes, 0U);
}

TEST(AuditTest, every_change_of_a_batch_is_found_and_named) {
    const Ledger sacrificed = sacrificed_ledger();
    using Change = std::function<void(BatchTranscript&)>;
    const std::vector<std::pair<std::string, Change>> changes{
        {"delta 4", [](BatchTranscript& t) { t.delta.at(4) ^= 1; }},
        {"delta 0", [](BatchTranscript& t) { t.shares.all.at(0).values.at(0) ^= 1; }},
        {"state after POSTING", [](BatchTranscript& t) { t.shares.all.pop_back(); }},
        {"seed", [](BatchTranscript& t) { t.seed->bytes[9] ^= 1; }},
        {"fault", [](BatchTranscript& t) { t.coin.all.at(3).values.at(2) ^= 1; }},
        {"fault", [](BatchTranscript& t) { t.checks.all.at(2).values.at(1) ^= 1; }},
        {"state after SACRIFICE",
         [](BatchTranscript& t) {
             for (Post& post : t.checks.all) post.values.at(0) = 1;
         }},
        {"fault",
         [](BatchTranscript& t) {
             t.faults.push_back({6, {}, 1, 0});
         }},
    };
    ASSERT_TRUE(failed_checks(sacrificed, [](BatchTranscript&) {}).empty());
    for (const auto& [check, change] : changes) {
        const auto checks = failed_checks(sacrificed, change);
        EXPECT_TRUE(checks.contains(check)) << check << ::testing::PrintToString(checks);
    }
}

}  // namespace
}  // namespace consilium::explorer::testing
