// Reference sets, REF, what a reference does to a round, data weights and the table of rules.
#include <array>
#include <limits>

#include <gtest/gtest.h>

#include "contracts/schema/reference_set.hpp"
#include "contracts/verification/rules.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::ClientCode;
using schema::Code;
using schema::EndReason;
using schema::Module;
using schema::Phase;
using schema::ProposalKind;
namespace event = schema::event;
namespace keys = schema::keys;

schema::ReferenceSet make_set(std::size_t columns = 3) {
    schema::ReferenceSet set;
    set.data_schema = "heart";
    for (std::size_t i = 0; i < columns; ++i) set.columns.push_back({"c" + std::to_string(i)});
    for (std::size_t record = 0; record < 70; ++record) {
        set.labels.push_back(record % 3 == 0 ? 1 : 0);
        for (std::size_t i = 0; i < columns; ++i) {
            set.features.push_back(static_cast<std::int64_t>(record * 7 + i) << 28U);
        }
    }
    return set;
}

schema::ReferenceSetApproval approval_of(const schema::ReferenceSet& set) {
    const Bytes blob = encode(set);
    return {.blob = {sha256(blob), blob.size()}, .task = std::nullopt, .is_required = false};
}

schema::TaskSpec task_with_reference(schema::Mode mode, bool is_required) {
    schema::TaskSpec spec = test_task();
    spec.mode = mode;
    spec.reference_set = approval_of(make_set()).blob.sha256;
    spec.is_reference_required = is_required;
    spec.windows.pledge = spec.windows.submit = {.blocks = 8, .ms = 800};
    return spec;
}

// Windows that no test outlasts: phases end because everybody has answered.
schema::TaskSpec patient(schema::TaskSpec spec) {
    spec.windows.pledge = spec.windows.submit = {.blocks = 1000, .ms = 1000};
    return spec;
}

std::uint64_t norm_of(const std::vector<std::int64_t>& update) {
    std::uint64_t sum = 0;
    for (const std::int64_t value : update) sum += static_cast<std::uint64_t>(value * value);
    return sum;
}

struct Network {
    explicit Network(const schema::TaskSpec& spec, std::size_t organisations = 4)
        : chain(organisations), driver(chain) {
        for (std::size_t i = 0; i < organisations; ++i) chain.add_trainer(i);
        chain.blobs.put(encode(make_set()));
        EXPECT_EQ(chain.decide(ProposalKind::kApproveReferenceSet, encode(approval_of(make_set()))),
                  Code::kOk);
        EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(spec)), Code::kOk);
        driver.set_up_epoch();
        driver.prepare_batches();
        EXPECT_EQ(driver.round().phase, Phase::kSubmitting);
    }
    void post(const std::vector<std::int64_t>& update, const std::vector<std::size_t>& from) {
        driver.post_references(update, norm_of(update), from);
    }
    [[nodiscard]] schema::ReferenceUpdate arguments(const std::vector<std::int64_t>& update) {
        Bytes content;
        for (const std::int64_t value : update) {
            const Bytes word = encode(static_cast<std::uint64_t>(value));
            content.insert(content.end(), word.begin(), word.end());
        }
        return {driver.round().label.round, {sha256(content), content.size()}, norm_of(update)};
    }
    Code send(const PublicKey& sender, const schema::ReferenceUpdate& reference) {
        return chain.send(sender, kReference, reference);
    }
    Chain chain;
    ConsortiumDriver driver;
    std::set<std::uint16_t> slots{1, 2, 3, 4};
};

TEST(ReferenceSetTest, every_rule_of_a_set_is_checked) {
    EXPECT_EQ(find_fault(make_set()), nullptr);
    const auto expect_fault = [](auto change) {
        schema::ReferenceSet set = make_set();
        change(set);
        EXPECT_NE(find_fault(set), nullptr);
        const auto decoded = schema::decode_reference_set(encode(set));
        EXPECT_FALSE(decoded.has_value());
    };
    expect_fault([](auto& set) { set.magic[7] = '2'; });
    expect_fault([](auto& set) { set.data_schema = ""; });
    expect_fault([](auto& set) { set.data_schema = "no/name"; });
    expect_fault([](auto& set) { set.columns.clear(); });
    expect_fault([](auto& set) { set.columns[0].name = ""; });
    expect_fault([](auto& set) { set.columns[0].name = "\x1b[31m"; });
    expect_fault([](auto& set) { set.labels.pop_back(); });
    expect_fault([](auto& set) { set.labels[0] = 2; });
    expect_fault([](auto& set) { std::fill(set.labels.begin(), set.labels.end(), 0); });
    expect_fault([](auto& set) { std::fill(set.labels.begin(), set.labels.end(), 1); });
    expect_fault([](auto& set) { set.features.pop_back(); });
    expect_fault([](auto& set) { set.features[5] = schema::kMaxReferenceValue + 1; });
    expect_fault([](auto& set) { set.features[5] = std::numeric_limits<std::int64_t>::min(); });
    expect_fault([](auto& set) {  // 63 records
        set.labels.resize(63);
        set.features.resize(std::size_t{63} * 3);
    });
    EXPECT_EQ(schema::decode_reference_set(encode(make_set())).value(), make_set());
}

TEST(ReferenceSetTest, every_truncation_and_flip_decodes_to_something_else_or_nothing) {
    const Bytes blob = encode(make_set());
    for (std::size_t size = 0; size < blob.size(); ++size) {
        EXPECT_FALSE(schema::decode_reference_set(ByteView(blob).first(size)).has_value());
    }
    for (std::size_t bit = 0; bit < 8 * blob.size(); ++bit) {
        Bytes changed = blob;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
        const auto decoded = schema::decode_reference_set(changed);
        if (decoded) {
            EXPECT_EQ(encode(*decoded), changed);
        }
    }
}

TEST(ReferenceSetTest, approval_keeps_hash_and_distribution) {
    Chain chain(4);
    const auto approval = approval_of(make_set());
    chain.blobs.put(encode(make_set()));
    EXPECT_EQ(chain.decide(ProposalKind::kApproveReferenceSet, encode(approval)), Code::kOk);
    const auto record =
        chain.load<schema::ReferenceSetRecord>(keys::reference_set(approval.blob.sha256));
    EXPECT_EQ(record.blob, approval.blob);
    EXPECT_EQ(record.data_schema, "heart");
    EXPECT_EQ(record.columns, 3U);
    EXPECT_EQ(record.positives, 24U);
    EXPECT_EQ(record.negatives, 46U);
    EXPECT_EQ(record.approved, chain.height);
}

TEST(ReferenceSetTest, approval_without_its_blob_waits_for_the_blob) {
    Chain chain(4);
    const auto approval = approval_of(make_set());
    const Bytes payload = encode(approval);
    std::vector<Transaction> transactions{chain.make(
        chain.council[0], kPropose, schema::Propose{ProposalKind::kApproveReferenceSet, payload})};
    for (std::size_t i = 1; i < 3; ++i) {
        transactions.push_back(chain.make(chain.council[i], kVote, schema::Vote{1, true}));
    }
    const auto effects = chain.execute(transactions);
    ASSERT_FALSE(effects.has_value());
    EXPECT_EQ(effects.error().sha256, approval.blob.sha256);
}

TEST(ReferenceSetTest, blob_that_is_no_set_or_has_another_length_fails_the_proposal) {
    Chain chain(4);
    const Bytes junk(100, 7);
    chain.blobs.put(junk);
    schema::ReferenceSetApproval approval{{sha256(junk), junk.size()}, std::nullopt, false};
    EXPECT_EQ(chain.decide(ProposalKind::kApproveReferenceSet, encode(approval)),
              Code::kBadPayload);
    approval = approval_of(make_set());
    chain.blobs.put(encode(make_set()));
    ++approval.blob.length;
    EXPECT_EQ(chain.decide(ProposalKind::kApproveReferenceSet, encode(approval)),
              Code::kBadPayload);
    EXPECT_FALSE(chain.find<schema::ReferenceSetRecord>(keys::reference_set(sha256(junk))));
}

TEST(ReferenceSetTest, impossible_approvals_are_refused_when_proposed) {
    Chain chain(4);
    const auto propose = [&](const schema::ReferenceSetApproval& approval) {
        return chain.send(chain.council[0], kPropose,
                          schema::Propose{ProposalKind::kApproveReferenceSet, encode(approval)});
    };
    auto approval = approval_of(make_set());
    approval.blob.length = 0;
    EXPECT_EQ(propose(approval), Code::kBadPayload);
    approval.blob.length = schema::kMaxReferenceBytes + 1;
    EXPECT_EQ(propose(approval), Code::kBadPayload);
    approval = approval_of(make_set());
    approval.is_required = true;  // of which task?
    EXPECT_EQ(propose(approval), Code::kBadPayload);
}

TEST(ReferenceSetTest, task_with_a_set_that_is_not_approved_or_does_not_fit_is_not_created) {
    Chain chain(4);
    schema::TaskSpec spec = task_with_reference(schema::Mode::kPairwise, true);
    EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(spec)), Code::kTaskInvalid);
    chain.blobs.put(encode(make_set()));
    chain.blobs.put(encode(make_set(4)));
    for (const std::size_t columns : {3U, 4U}) {
        EXPECT_EQ(chain.decide(ProposalKind::kApproveReferenceSet,
                               encode(approval_of(make_set(columns)))),
                  Code::kOk);
    }
    schema::TaskSpec wide = spec;
    wide.reference_set = approval_of(make_set(4)).blob.sha256;
    EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(wide)), Code::kTaskInvalid);
    schema::TaskSpec foreign = spec;
    foreign.data_schema = "other";
    EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(foreign)), Code::kTaskInvalid);
    EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(spec)), Code::kOk);
}

TEST(ReferenceSetTest, set_approved_for_a_running_task_serves_it_from_the_next_round) {
    Network net(patient(test_task()));
    auto approval = approval_of(make_set());
    approval.task = 1;
    approval.is_required = true;
    EXPECT_EQ(net.chain.decide(ProposalKind::kApproveReferenceSet, encode(approval)), Code::kOk);
    EXPECT_FALSE(net.driver.round().terms.reference_set);
    approval.task = 9;
    EXPECT_EQ(net.chain.decide(ProposalKind::kApproveReferenceSet, encode(approval)),
              Code::kUnknownTask);
    net.driver.submit(net.driver.similar_updates(1, 0), net.slots);
    net.driver.verify();
    const auto next = net.driver.round();
    EXPECT_EQ(next.label.round, 2U);
    EXPECT_EQ(next.terms.reference_set, approval.blob.sha256);
    EXPECT_TRUE(next.terms.is_reference_required);
}

class ReferenceRounds : public ::testing::TestWithParam<schema::Mode> {};

TEST_P(ReferenceRounds, quorum_of_equal_pairs_fixes_g_and_the_client_against_it_is_rejected) {
    Network net(task_with_reference(GetParam(), true));
    const Updates updates = net.driver.similar_updates(5, 2);
    net.post(updates[0], {0, 1, 3});
    net.driver.submit(updates, net.slots);
    const auto fixed =
        net.chain.events<schema::ReferenceFixed>(Module::kVerification, event::kReferenceFixed);
    ASSERT_EQ(fixed.size(), 1U);
    EXPECT_EQ(fixed[0].reference.squared_norm, norm_of(updates[0]));
    const auto closed =
        net.chain.events<schema::SubmissionsClosed>(Module::kSubmission, event::kSubmissionsClosed);
    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed[0].reference, fixed[0].reference.sha256);
    net.driver.post_stat1();
    // The opened c_i are the inner products with g up to the blur.
    const auto round = net.driver.round();
    ASSERT_EQ(round.reference_products.size(), 4U);
    const auto beta = smpc::blur_bound(smpc::Committee::make(4).value(), round.terms.blur_bits);
    for (std::size_t i = 0; i < 4; ++i) {
        std::int64_t product = 0;
        for (std::size_t x = 0; x < updates[0].size(); ++x) {
            product += updates[i][x] * updates[0][x];
        }
        EXPECT_LE(std::abs(round.reference_products[i] - product), beta);
    }
    net.driver.post_stat2();
    const auto statistics =
        net.chain.events<schema::Statistics>(Module::kVerification, event::kStatistics);
    ASSERT_EQ(statistics.size(), 1U);
    EXPECT_EQ(statistics[0].references, round.reference_products);
    net.driver.post_aggregate();
    const auto verdict = net.chain.load<schema::VerdictRecord>(keys::verdict(1));
    EXPECT_EQ(verdict.clients[1].code, ClientCode::kRef);
    EXPECT_FALSE(verdict.clients[1].is_suspect);
    for (const std::size_t i : {0U, 2U, 3U}) EXPECT_EQ(verdict.clients[i].code, ClientCode::kOk);
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
    for (const PublicKey& validator : net.chain.validators) {
        EXPECT_FALSE(net.chain.find<schema::ReferenceRecord>(keys::reference(1, validator)));
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, ReferenceRounds,
                         ::testing::Values(schema::Mode::kPairwise, schema::Mode::kSum));

TEST(ReferenceRoundTest, one_pair_below_the_quorum_does_not_count) {
    Network net(task_with_reference(schema::Mode::kPairwise, false));
    const Updates updates = net.driver.similar_updates(6, 0);
    net.post(updates[0], {0, 1});
    net.driver.submit(updates, net.slots);
    EXPECT_EQ(net.driver.round().phase, Phase::kSubmitting);  // two may still agree with them
    for (int i = 0; i < 10 && net.driver.round().phase == Phase::kSubmitting; ++i) {
        net.chain.pass(1);
    }
    const auto round = net.driver.round();
    EXPECT_EQ(round.phase, Phase::kRanging);
    EXPECT_FALSE(round.reference);
    net.driver.verify();  // without c_i
    EXPECT_EQ(net.chain.load<schema::RoundRecord>(keys::round(1)).phase, Phase::kResult);
}

TEST(ReferenceRoundTest, pairs_that_differ_in_the_norm_only_are_different) {
    Network net(task_with_reference(schema::Mode::kPairwise, false));
    const Updates updates = net.driver.similar_updates(7, 0);
    net.driver.submit(updates, net.slots);
    net.driver.post_references(updates[0], norm_of(updates[0]), {0, 1});
    net.driver.post_references(updates[0], norm_of(updates[0]) + 1, {2});
    EXPECT_EQ(net.driver.round().phase, Phase::kSubmitting);
    // The last one disagrees as well: nothing is left to wait for.
    net.driver.post_references(updates[1], norm_of(updates[1]), {3});
    EXPECT_EQ(net.driver.round().phase, Phase::kRanging);
    EXPECT_FALSE(net.driver.round().reference);
}

TEST(ReferenceRoundTest, round_waits_for_the_quorum_and_then_closes_at_once) {
    Network net(task_with_reference(schema::Mode::kPairwise, false));
    const Updates updates = net.driver.similar_updates(8, 0);
    net.driver.submit(updates, net.slots);
    EXPECT_EQ(net.driver.round().phase, Phase::kSubmitting);
    net.post(updates[3], {1, 2});
    EXPECT_EQ(net.driver.round().phase, Phase::kSubmitting);
    net.post(updates[3], {0});
    EXPECT_EQ(net.driver.round().phase, Phase::kRanging);
    ASSERT_TRUE(net.driver.round().reference);
}

TEST(ReferenceRoundTest, required_but_missing_aborts_and_earlier_posts_count_for_the_next_attempt) {
    Network net(task_with_reference(schema::Mode::kPairwise, true));
    const Updates updates = net.driver.similar_updates(9, 0);
    net.post(updates[0], {0, 1});
    net.driver.submit(updates, net.slots);
    for (int i = 0; i < 12 && net.driver.round().phase == Phase::kSubmitting &&
                    net.driver.round().label.attempt == 0;
         ++i) {
        net.chain.pass(1);
    }
    const auto ended = net.chain.events<schema::RoundEnded>(Module::kRounds, event::kRoundAborted);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].reason, EndReason::kNoReference);
    net.driver.prepare_batches();
    net.chain.pass(1);
    ASSERT_EQ(net.driver.round().label.attempt, 1U);
    ASSERT_EQ(net.driver.round().phase, Phase::kSubmitting);
    net.post(updates[0], {3});
    net.driver.submit(updates, net.slots);
    const auto round = net.driver.round();
    EXPECT_EQ(round.phase, Phase::kRanging);
    EXPECT_TRUE(round.reference);
}

TEST(ReferenceRoundTest, too_few_submissions_come_before_a_missing_reference) {
    Network net(task_with_reference(schema::Mode::kPairwise, true));
    net.driver.submit(net.driver.similar_updates(9, 0), {1});
    std::vector<schema::RoundEnded> ended;
    for (int i = 0; i < 30 && ended.empty(); ++i) {
        net.chain.pass(1);
        ended = net.chain.events<schema::RoundEnded>(Module::kRounds, event::kRoundAborted);
    }
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].reason, EndReason::kTooFewSubmitted);
}

TEST(ReferenceRoundTest, late_or_wrong_references_are_refused) {
    Network net(patient(task_with_reference(schema::Mode::kPairwise, false)));
    const Updates updates = net.driver.similar_updates(10, 0);
    const auto& validators = net.chain.validators;
    const schema::ReferenceUpdate good = net.arguments(updates[0]);
    EXPECT_EQ(net.send(net.chain.council[0], good), Code::kRoleNotAllowed);
    EXPECT_EQ(net.send(net.chain.trainers[0], good), Code::kRoleNotAllowed);
    schema::ReferenceUpdate wrong = good;
    ++wrong.round;
    EXPECT_EQ(net.send(validators[0], wrong), Code::kWrongLabel);
    wrong = good;
    wrong.update.length += 8;
    EXPECT_EQ(net.send(validators[0], wrong), Code::kWrongLength);
    wrong = good;
    wrong.squared_norm = (std::uint64_t{1} << 44U) + 1;
    EXPECT_EQ(net.send(validators[0], wrong), Code::kBadArguments);
    wrong.squared_norm = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(net.send(validators[0], wrong), Code::kBadArguments);
    EXPECT_EQ(net.send(validators[0], good), Code::kOk);
    EXPECT_EQ(net.send(validators[0], good), Code::kDuplicate);
    EXPECT_EQ(net.send(validators[0], net.arguments(updates[1])), Code::kEquivocation);
    net.driver.submit(updates, net.slots);
    net.post(updates[0], {1, 2});
    ASSERT_EQ(net.driver.round().phase, Phase::kRanging);
    EXPECT_EQ(net.send(validators[3], good), Code::kWrongPhase);
}

TEST(ReferenceRoundTest, task_without_a_set_takes_no_references) {
    Network net(test_task());
    const Updates updates = net.driver.similar_updates(11, 0);
    EXPECT_EQ(net.send(net.chain.validators[0], net.arguments(updates[0])), Code::kWrongPhase);
}

TEST(ReferenceBlobTest, blobs_of_references_and_proposals_are_pulled_only_when_expected) {
    Network net(task_with_reference(schema::Mode::kPairwise, false));
    const Updates updates = net.driver.similar_updates(12, 0);
    const auto good = net.arguments(updates[0]);
    const auto is_expected = [&](const PublicKey& sender, SentAction action, Bytes arguments) {
        const Transaction transaction = net.chain.make_raw(sender, action, std::move(arguments));
        net.chain.forget_plans();
        return is_blob_expected(net.chain.state, transaction);
    };
    const PublicKey validator = net.chain.validators[2];
    const Transaction named = net.chain.make(validator, kReference, good);
    net.chain.forget_plans();
    const auto reference = schema::blob_reference(named);
    ASSERT_TRUE(reference);
    EXPECT_EQ(reference->sha256, good.update.sha256);
    EXPECT_EQ(reference->kind, schema::BlobKind::kIntegers);
    EXPECT_TRUE(is_expected(validator, kReference, encode(good)));
    EXPECT_FALSE(is_expected(net.chain.trainers[0], kReference, encode(good)));
    auto long_one = good;
    long_one.update.length = 8 << 20;
    EXPECT_FALSE(is_expected(validator, kReference, encode(long_one)));
    EXPECT_EQ(net.send(validator, good), Code::kOk);
    EXPECT_FALSE(is_expected(validator, kReference, encode(good)));

    const auto approval = approval_of(make_set(5));
    const auto propose = [](const auto& payload, ProposalKind kind) {
        return encode(schema::Propose{kind, encode(payload)});
    };
    const Bytes proposal = propose(approval, ProposalKind::kApproveReferenceSet);
    const PublicKey council = net.chain.council[1];
    EXPECT_TRUE(is_expected(council, kPropose, proposal));
    EXPECT_FALSE(is_expected(net.chain.trainers[0], kPropose, proposal));
    EXPECT_FALSE(is_expected(council, kPropose,
                             propose(schema::TaskReference{1}, ProposalKind::kCloseTask)));
    auto huge = approval;
    huge.blob.length = schema::kMaxReferenceBytes + 1;
    EXPECT_FALSE(is_expected(council, kPropose, propose(huge, ProposalKind::kApproveReferenceSet)));
    const Transaction closing =
        net.chain.make(council, kPropose,
                       schema::Propose{ProposalKind::kCloseTask, encode(schema::TaskReference{1})});
    EXPECT_FALSE(schema::blob_reference(closing));
    net.chain.forget_plans();
}

TEST(ReferenceBlobTest, only_what_parses_gets_a_vote) {
    EXPECT_TRUE(check_blob(schema::BlobKind::kReferenceSet, encode(make_set())));
    EXPECT_FALSE(check_blob(schema::BlobKind::kReferenceSet, Bytes(100, 1)));
    EXPECT_TRUE(check_blob(schema::BlobKind::kIntegers, Bytes(16, 0xFF)));
    EXPECT_FALSE(check_blob(schema::BlobKind::kIntegers, Bytes(15, 0)));
}

TEST(DataWeightsTest, council_changes_them_for_the_next_round_and_not_for_this_one) {
    Network net(patient(test_task()));
    const schema::DataWeights change{1, {{net.chain.trainers[2], 5}}};
    EXPECT_EQ(net.chain.decide(ProposalKind::kSetDataWeights, encode(change)), Code::kOk);
    EXPECT_EQ(net.driver.round().terms.data_weights, (std::vector<std::uint16_t>{1, 1, 1, 1}));
    // The next attempt has other keys but the weights of the first.
    const auto label = net.driver.round().label;
    EXPECT_EQ(net.chain.decide(ProposalKind::kOpenMpcEpoch,
                               encode(schema::EpochReference{label.mpc_epoch})),
              Code::kOk);
    EXPECT_EQ(net.chain.decide(ProposalKind::kAbortRound,
                               encode(schema::RoundReference{label.round, label.attempt})),
              Code::kOk);
    net.chain.pass(1);
    net.driver.set_up_epoch();
    net.driver.prepare_batches();
    net.chain.pass(4);
    const auto again = net.driver.round();
    ASSERT_EQ(again.label.attempt, 1U);
    ASSERT_NE(again.label.mpc_epoch, label.mpc_epoch);
    EXPECT_EQ(again.terms.data_weights, (std::vector<std::uint16_t>{1, 1, 1, 1}));
    net.driver.submit(net.driver.similar_updates(1, 0), net.slots);
    net.driver.verify();
    ASSERT_EQ(net.driver.round().label.round, 2U);
    EXPECT_EQ(net.driver.round().terms.data_weights, (std::vector<std::uint16_t>{1, 1, 5, 1}));
}

TEST(DataWeightsTest, impossible_weights_and_tasks_are_refused) {
    Network net(test_task());
    const PublicKey trainer = net.chain.trainers[0];
    const auto decide = [&](const schema::DataWeights& weights) {
        return net.chain.decide(ProposalKind::kSetDataWeights, encode(weights));
    };
    EXPECT_EQ(decide({1, {{trainer, 0}}}), Code::kBadPayload);
    EXPECT_EQ(decide({1, {{trainer, 17}}}), Code::kBadPayload);
    EXPECT_EQ(decide({1, {{trainer, 2}, {trainer, 3}}}), Code::kBadPayload);
    EXPECT_EQ(decide({2, {{trainer, 2}}}), Code::kUnknownTask);
    EXPECT_EQ(decide({1, {{trainer, 16}}}), Code::kOk);
}

TEST(RuleTableTest, rules_are_found_from_their_height_on_and_unknown_ones_are_not) {
    const auto judge_nothing = [](const smpc::VerdictInput&, smpc::VerdictHistory&) {
        return Result<smpc::Verdict>(smpc::Verdict{});
    };
    const std::array table{
        verification::Rule{1, "first", Height{1}, &smpc::judge},
        verification::Rule{2, "second", Height{50}, judge_nothing},
    };
    EXPECT_EQ(verification::find_rule(table, 1, Height{1}), &table[0]);
    EXPECT_EQ(verification::find_rule(table, 2, Height{49}), nullptr);
    EXPECT_EQ(verification::find_rule(table, 2, Height{50}), &table[1]);
    EXPECT_EQ(verification::find_rule(table, 3, Height{50}), nullptr);
    std::set<std::uint16_t> numbers;
    for (const verification::Rule& rule : verification::rule_table()) {
        EXPECT_TRUE(numbers.insert(rule.number).second);
        EXPECT_NE(rule.judge, nullptr);
    }
    EXPECT_TRUE(numbers.contains(1));
}

TEST(RuleTableTest, council_changes_the_rule_for_the_next_round_and_not_for_this_one) {
    Network net(patient(test_task()));
    ASSERT_EQ(net.driver.round().terms.rule, 1U);
    EXPECT_EQ(net.chain.decide(ProposalKind::kSetRule, encode(schema::RuleChoice{1, 2})),
              Code::kOk);
    EXPECT_EQ(net.driver.round().terms.rule, 1U);
    net.driver.submit(net.driver.similar_updates(1, 0), net.slots);
    net.driver.verify();
    ASSERT_EQ(net.driver.round().label.round, 2U);
    EXPECT_EQ(net.driver.round().terms.rule, 2U);
    const auto label = net.driver.round().label;
    const Bytes key = keys::history(1, label.mpc_epoch);
    EXPECT_TRUE(net.chain.load<smpc::VerdictHistory>(key).recent.empty());
    // The history of entry 1 goes on under entry 2, which adds its own part.
    net.driver.submit(net.driver.similar_updates(2, 0), net.slots);
    net.driver.verify();
    const auto history = net.chain.load<smpc::VerdictHistory>(key);
    EXPECT_FALSE(history.recent.empty());
    EXPECT_TRUE(history.is_well_formed());
    const auto verdict = net.chain.load<schema::VerdictRecord>(keys::verdict(label.round));
    for (const schema::ClientOutcome& client : verdict.clients) {
        EXPECT_EQ(client.code, schema::ClientCode::kOk);
    }
}

TEST(RuleTableTest, choice_of_an_unknown_rule_or_task_or_of_a_task_that_is_over_is_refused) {
    Network net(test_task());
    const auto decide = [&](const schema::RuleChoice& choice) {
        return net.chain.decide(ProposalKind::kSetRule, encode(choice));
    };
    EXPECT_EQ(decide({1, 0}), Code::kTaskInvalid);
    EXPECT_EQ(decide({1, 3}), Code::kTaskInvalid);
    EXPECT_EQ(decide({2, 2}), Code::kUnknownTask);
    EXPECT_EQ(net.chain.decide(ProposalKind::kSetRule, Bytes{1}), Code::kBadPayload);
    const auto label = net.driver.round().label;
    EXPECT_EQ(net.chain.decide(ProposalKind::kCancelRound,
                               encode(schema::RoundReference{label.round, label.attempt})),
              Code::kOk);
    EXPECT_EQ(net.chain.decide(ProposalKind::kCloseTask, encode(schema::TaskReference{1})),
              Code::kOk);
    EXPECT_EQ(decide({1, 2}), Code::kTaskNotActive);
}

TEST(RuleTableTest, task_with_a_rule_that_is_not_in_the_table_is_refused) {
    Chain chain(4);
    for (const std::uint16_t rule : std::array<std::uint16_t, 3>{0, 3, 65'535}) {
        schema::TaskSpec spec = test_task();
        spec.rule = rule;
        EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(spec)), Code::kTaskInvalid);
    }
}

}  // namespace
}  // namespace consilium::contracts::testing
