// Proposals: opening, votes, expiry, and what a passed one does.
#include <gtest/gtest.h>

#include "contracts/models.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "tests/contracts/chain.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::Code;
using schema::ProposalKind;
using schema::ProposalRecord;
using schema::ProposalStatus;
namespace keys = schema::keys;

ProposalRecord proposal(const Chain& chain, std::uint64_t id) {
    return chain.load<ProposalRecord>(keys::proposal(id));
}

Code propose(Chain& chain, ProposalKind kind, Bytes payload) {
    return chain.send(chain.council[0], kPropose, schema::Propose{kind, std::move(payload)});
}

TEST(GovernanceTest, a_proposal_passes_with_two_thirds_and_executes_in_that_block) {
    Chain chain(4);
    schema::Parameters parameters = test_parameters();
    parameters.epoch_rounds_max = 7;
    EXPECT_EQ(propose(chain, ProposalKind::kSetParameters, encode(parameters)), Code::kOk);
    EXPECT_EQ(chain.send(chain.council[1], kVote, schema::Vote{1, true}), Code::kOk);
    EXPECT_EQ(chain.load<schema::Parameters>(keys::parameters()).epoch_rounds_max, 100U);
    EXPECT_EQ(chain.send(chain.council[1], kVote, schema::Vote{1, false}), Code::kAlreadyVoted);
    EXPECT_EQ(chain.send(chain.council[2], kVote, schema::Vote{1, true}), Code::kOk);
    EXPECT_EQ(chain.load<schema::Parameters>(keys::parameters()), parameters);
    EXPECT_EQ(proposal(chain, 1).status, ProposalStatus::kExecuted);
    EXPECT_TRUE(chain.load<schema::GovernanceRecord>(keys::governance()).open.empty());
    EXPECT_EQ(chain.send(chain.council[3], kVote, schema::Vote{1, true}), Code::kProposalClosed);
}

TEST(GovernanceTest, votes_against_reject_once_the_threshold_is_out_of_reach) {
    Chain chain(4);
    propose(chain, ProposalKind::kSetParameters, encode(test_parameters()));
    EXPECT_EQ(chain.send(chain.council[1], kVote, schema::Vote{1, false}), Code::kOk);
    EXPECT_EQ(proposal(chain, 1).status, ProposalStatus::kOpen);
    EXPECT_EQ(chain.send(chain.council[2], kVote, schema::Vote{1, false}), Code::kOk);
    EXPECT_EQ(proposal(chain, 1).status, ProposalStatus::kRejected);
}

TEST(GovernanceTest, an_open_proposal_expires_at_its_height) {
    Chain chain(4);
    propose(chain, ProposalKind::kSetParameters, encode(test_parameters()));
    chain.pass(19);
    EXPECT_EQ(proposal(chain, 1).status, ProposalStatus::kOpen);
    const Transaction vote = chain.make(chain.council[1], kVote, schema::Vote{1, true});
    chain.run({vote});  // deadlines fire before the transactions of the block
    EXPECT_EQ(chain.code_of(0), Code::kProposalClosed);
    EXPECT_EQ(proposal(chain, 1).status, ProposalStatus::kExpired);
}

TEST(GovernanceTest, only_the_proposer_withdraws) {
    Chain chain(4);
    propose(chain, ProposalKind::kSetParameters, encode(test_parameters()));
    EXPECT_EQ(chain.send(chain.council[1], kWithdraw, schema::Withdraw{1}), Code::kNotProposer);
    EXPECT_EQ(chain.send(chain.council[0], kWithdraw, schema::Withdraw{2}), Code::kUnknownProposal);
    EXPECT_EQ(chain.send(chain.council[0], kWithdraw, schema::Withdraw{1}), Code::kOk);
    EXPECT_EQ(chain.send(chain.council[0], kWithdraw, schema::Withdraw{1}), Code::kProposalClosed);
}

TEST(GovernanceTest, malformed_and_invalid_payloads_are_refused_when_proposed) {
    Chain chain(4);
    for (std::uint16_t kind = 1; kind <= 12; ++kind) {
        EXPECT_EQ(propose(chain, static_cast<ProposalKind>(kind), Bytes{1}), Code::kBadPayload);
    }
    schema::Parameters parameters = test_parameters();
    parameters.quota_window_blocks = 0;
    EXPECT_EQ(propose(chain, ProposalKind::kSetParameters, encode(parameters)),
              Code::kParameterOutOfBounds);
    schema::TaskSpec spec = test_task();
    spec.model.layers = {3, 4, 1};  // 21 parameters: too small for pairwise mode
    EXPECT_EQ(propose(chain, ProposalKind::kCreateTask, encode(spec)), Code::kTaskInvalid);
    EXPECT_EQ(chain.send(chain.council[0], kVote, schema::Vote{1, true}), Code::kUnknownProposal);
}

TEST(GovernanceTest, open_proposals_are_capped) {
    schema::Parameters parameters = test_parameters();
    parameters.open_proposals_max = 1;
    Chain chain(4, parameters);
    EXPECT_EQ(propose(chain, ProposalKind::kSetParameters, encode(parameters)), Code::kOk);
    EXPECT_EQ(propose(chain, ProposalKind::kSetParameters, encode(parameters)),
              Code::kProposalsFull);
}

TEST(GovernanceTest, a_passed_proposal_that_cannot_be_done_fails_with_its_code) {
    Chain chain(4);
    EXPECT_EQ(chain.decide(ProposalKind::kCancelRound, encode(schema::RoundReference{1, 0})),
              Code::kUnknownRound);
    EXPECT_EQ(proposal(chain, 1).status, ProposalStatus::kFailed);
    EXPECT_EQ(chain.decide(ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
              Code::kWrongLabel);
    EXPECT_EQ(chain.decide(ProposalKind::kCloseTask, encode(schema::TaskReference{1})),
              Code::kUnknownTask);
    EXPECT_EQ(chain.decide(ProposalKind::kPromoteModel, encode(schema::ModelReference{1, 0})),
              Code::kUnknownTask);
}

TEST(GovernanceTest, a_created_task_has_its_initial_model_as_a_derived_blob) {
    Chain chain(4);
    EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(test_task())), Code::kOk);
    const auto task = chain.load<schema::TaskRecord>(keys::task(1));
    EXPECT_EQ(task.dimension, 41U);
    EXPECT_EQ(task.clip_norm, test_task().clip_initial);
    const auto model = chain.load<schema::ModelRecord>(keys::model(1, 0));
    EXPECT_EQ(model.parameters.length, 8U * 41);
    const auto content = chain.blobs.get(model.parameters.sha256);
    ASSERT_TRUE(content.has_value());
    const auto values = smpc::decode_integers(*content, 41).value();
    EXPECT_EQ(values, models::initial_model(test_task().model, test_task().seed));
    // Fan-in 3, fan-out 8: limit sqrt(6/11); the bias of the first layer starts at 24.
    const auto limit = static_cast<std::int64_t>(0.7386 * 4294967296.0);
    for (std::size_t x = 0; x < 24; ++x) EXPECT_LE(std::abs(values[x]), limit);
    for (std::size_t x = 24; x < 32; ++x) EXPECT_EQ(values[x], 0);
    EXPECT_EQ(values[40], 0);
    EXPECT_GT(*std::max_element(values.begin(), values.end()), limit / 2);
    EXPECT_EQ(model.parameters.sha256.hex(),
              "2cdf1004355c5e8c134f34db71b59a8a7671ccac13c460ad41248d8460964d67");
    // Without enough trainers nothing else happens.
    EXPECT_FALSE(chain.load<schema::MpcRecord>(keys::mpc()).current.has_value());
}

TEST(GovernanceTest, models_are_promoted_and_rolled_back_by_vote) {
    Chain chain(4);
    chain.decide(ProposalKind::kCreateTask, encode(test_task()));
    EXPECT_EQ(chain.decide(ProposalKind::kPromoteModel, encode(schema::ModelReference{1, 0})),
              Code::kOk);
    EXPECT_EQ(chain.load<schema::TaskRecord>(keys::task(1)).promoted_version, 0U);
    EXPECT_EQ(chain.decide(ProposalKind::kRollBackModel, encode(schema::ModelReference{1, 1})),
              Code::kUnknownModel);
    EXPECT_EQ(chain.decide(ProposalKind::kRollBackModel, encode(schema::ModelReference{1, 0})),
              Code::kOk);
    EXPECT_EQ(chain.decide(ProposalKind::kCloseTask, encode(schema::TaskReference{1})), Code::kOk);
    EXPECT_EQ(chain.load<schema::TaskRecord>(keys::task(1)).status, schema::TaskStatus::kClosed);
    EXPECT_EQ(chain.decide(ProposalKind::kCloseTask, encode(schema::TaskReference{1})),
              Code::kTaskNotActive);
}

TEST(GovernanceTest, active_tasks_are_capped) {
    Chain chain(4);
    for (std::size_t i = 0; i < schema::kMaxActiveTasks; ++i) {
        EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(test_task())), Code::kOk);
    }
    EXPECT_EQ(chain.decide(ProposalKind::kCreateTask, encode(test_task())), Code::kTasksFull);
}

}  // namespace
}  // namespace consilium::contracts::testing
