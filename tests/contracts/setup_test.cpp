// Key setup of an MPC epoch, and mask batches.
#include <gtest/gtest.h>

#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::BatchState;
using schema::Code;
using schema::EpochPhase;
using schema::Module;
namespace event = schema::event;
namespace keys = schema::keys;

struct Scene {
    explicit Scene(std::size_t organisations, const schema::Parameters& p = test_parameters())
        : chain(organisations, p), driver(chain) {
        for (std::size_t i = 0; i < organisations; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(test_task())), Code::kOk);
    }
    [[nodiscard]] schema::SetupRecord subsets() const {
        return chain.load<schema::SetupRecord>(keys::setup(driver.epoch().mpc_epoch));
    }
    [[nodiscard]] schema::BatchRecord batch(std::uint64_t number) const {
        return chain.load<schema::BatchRecord>(keys::batch({driver.epoch().mpc_epoch, number}));
    }
    Chain chain;
    ConsortiumDriver driver;
};

// Windows that no test outlasts.
schema::Parameters patient_parameters() {
    schema::Parameters parameters = test_parameters();
    parameters.setup_window = {.blocks = 1000, .ms = 1000};
    return parameters;
}

TEST(EpochTest, an_epoch_opens_with_the_task_and_fixes_members_and_slots) {
    const Scene scene(4);
    const auto epoch = scene.driver.epoch();
    EXPECT_EQ(epoch.mpc_epoch, 1U);
    EXPECT_EQ(epoch.phase, EpochPhase::kEphemeralKeys);
    EXPECT_EQ(epoch.members, scene.chain.validators);
    EXPECT_EQ(epoch.clients, scene.chain.trainers);
    EXPECT_EQ(epoch.find_slot(scene.chain.trainers[2]), 3U);
    EXPECT_TRUE(has_open_window(scene.chain.state, {scene.chain.height, scene.chain.time}));
}

TEST(EpochTest, all_answers_make_it_active_without_waiting) {
    Scene scene(4);
    scene.driver.post_ephemeral_keys();
    EXPECT_EQ(scene.driver.epoch().phase, EpochPhase::kCommitments);
    EXPECT_EQ(scene.subsets().subsets.size(), 4U);
    scene.driver.post_commitments();
    scene.driver.post_acknowledgements();
    EXPECT_EQ(scene.driver.epoch().phase, EpochPhase::kActive);
    EXPECT_EQ(scene.driver.epoch().live_batches, (std::vector<std::uint64_t>{0, 1}));
}

TEST(EpochTest, ephemeral_keys_are_write_once_and_close_with_the_epoch_active) {
    Scene scene(4);
    const PublicKey& validator = scene.chain.validators[0];
    schema::EphemeralKey arguments{.mpc_epoch = 1, .key = {1}};
    schema::EphemeralKey wrong_epoch{.mpc_epoch = 2, .key = {1}};
    EXPECT_EQ(scene.chain.send(validator, kEphemeralKey, wrong_epoch), Code::kWrongLabel);
    EXPECT_EQ(scene.chain.send(validator, kEphemeralKey, arguments), Code::kOk);
    EXPECT_EQ(scene.chain.send(validator, kEphemeralKey, arguments), Code::kDuplicate);
    arguments.key = {2};
    EXPECT_EQ(scene.chain.send(validator, kEphemeralKey, arguments), Code::kEquivocation);
    EXPECT_EQ(scene.chain.send(scene.chain.council[0], kEphemeralKey, arguments),
              Code::kRoleNotAllowed);
}

TEST(EpochTest, a_client_that_is_away_is_left_out_when_the_window_passes) {
    Scene scene(4);
    std::vector<Transaction> transactions;
    for (const auto* list : {&scene.chain.validators, &scene.chain.trainers}) {
        for (const PublicKey& key : *list) {
            if (key == scene.chain.trainers[3]) continue;
            transactions.push_back(scene.chain.make(
                key, kEphemeralKey, schema::EphemeralKey{.mpc_epoch = 1, .key = key.bytes}));
        }
    }
    scene.chain.run(transactions);
    EXPECT_EQ(scene.driver.epoch().phase, EpochPhase::kEphemeralKeys);
    scene.chain.pass(2);
    EXPECT_EQ(scene.driver.epoch().phase, EpochPhase::kCommitments);
    scene.driver.post_commitments();
    scene.driver.post_acknowledgements();
    scene.driver.post_bundles();
    const schema::ClientKeys bundle{1, 4, {sha256(as_bytes("b")), 10}};
    EXPECT_EQ(scene.chain.send(scene.chain.validators[0], kClientKeys, bundle),
              Code::kNoEphemeralKey);
    EXPECT_EQ(scene.chain.send(scene.chain.trainers[3], kEphemeralKey,
                               schema::EphemeralKey{.mpc_epoch = 1, .key = {}}),
              Code::kWrongPhase);
    scene.driver.prepare_batches();
    EXPECT_EQ(scene.driver.round().phase, schema::Phase::kSubmitting);
}

TEST(EpochTest, a_silent_leader_is_recorded_absent_and_the_next_member_leads) {
    Scene scene(4);
    scene.driver.post_ephemeral_keys();
    const Conduct away{.silent = {2}, .liars = {}};
    scene.driver.post_commitments(away);
    scene.driver.post_acknowledgements(away);
    std::size_t led = 0;
    std::vector<schema::Absent> absences;
    for (const auto& entry : scene.subsets().subsets) led += entry.leader == 2 ? 1U : 0U;
    ASSERT_GT(led, 0U);
    for (int i = 0; i < 3 && absences.empty(); ++i) {
        scene.chain.pass(1);
        absences = scene.chain.events<schema::Absent>(Module::kVerification, event::kAbsent);
    }
    ASSERT_EQ(absences.size(), led);
    EXPECT_EQ(absences[0].member, 2U);
    for (const auto& entry : scene.subsets().subsets) {
        if (entry.subset == absences[0].subset) {
            EXPECT_EQ(entry.turn, 1U);
            EXPECT_NE(entry.leader, 2U);
            EXPECT_FALSE(entry.commitment.has_value());
        }
    }
    scene.driver.post_commitments(away);
    scene.driver.post_acknowledgements(away);
    EXPECT_EQ(scene.driver.epoch().phase, EpochPhase::kCommitments);
    EXPECT_TRUE(scene.driver.epoch().ready.has_value());
    scene.chain.pass(10);  // the missing acknowledgements are waited for so long
    EXPECT_EQ(scene.driver.epoch().phase, EpochPhase::kActive);
}

TEST(EpochTest, commitments_are_taken_from_the_leader_of_the_turn_once) {
    Scene scene(4, patient_parameters());
    scene.driver.post_ephemeral_keys();
    const schema::SubsetSetup entry = scene.subsets().subsets[0];
    const PublicKey leader = scene.chain.validators[entry.leader - 1U];
    const PublicKey other = scene.chain.validators[entry.leader % 4U];
    const Digest commitment = sha256(as_bytes("c"));
    schema::KeyCommit commit{1, {{entry.subset, entry.turn, commitment}}, {{}, 64}};
    EXPECT_EQ(scene.chain.send(other, kKeyCommit, commit), Code::kWrongLeader);
    schema::KeyCommit wrong = commit;
    wrong.entries[0].turn = 1;
    EXPECT_EQ(scene.chain.send(leader, kKeyCommit, wrong), Code::kWrongLabel);
    wrong = commit;
    wrong.entries[0].subset = 0xF;
    EXPECT_EQ(scene.chain.send(leader, kKeyCommit, wrong), Code::kUnknownSubset);
    wrong = commit;
    wrong.entries.clear();
    EXPECT_EQ(scene.chain.send(leader, kKeyCommit, wrong), Code::kBadArguments);
    wrong = commit;
    wrong.ciphertexts.length = schema::kMaxKeyBlobBytes + 1;
    EXPECT_EQ(scene.chain.send(leader, kKeyCommit, wrong), Code::kBlobTooLong);
    const Transaction good = scene.chain.make(leader, kKeyCommit, commit);
    EXPECT_TRUE(is_blob_expected(scene.chain.state, good));
    scene.chain.run({good});
    EXPECT_EQ(scene.chain.code_of(0), Code::kOk);
    EXPECT_FALSE(is_blob_expected(scene.chain.state, good));
    EXPECT_EQ(scene.chain.send(leader, kKeyCommit, commit), Code::kDuplicate);
    commit.entries[0].commitment = sha256(as_bytes("d"));
    EXPECT_EQ(scene.chain.send(leader, kKeyCommit, commit), Code::kEquivocation);
}

TEST(EpochTest, acknowledgements_must_name_the_commitment_and_an_own_subset) {
    Scene scene(4, patient_parameters());
    scene.driver.post_ephemeral_keys();
    scene.driver.post_commitments();
    const schema::SubsetSetup entry = scene.subsets().subsets[0];  // {1, 2, 3}
    ASSERT_EQ(entry.subset, 0b0111);
    const PublicKey& member = scene.chain.validators[0];
    schema::KeyAck ack{1, {{entry.subset, *entry.commitment}}};
    EXPECT_EQ(scene.chain.send(scene.chain.validators[3], kKeyAck, ack), Code::kNotAMember);
    EXPECT_EQ(scene.chain.send(member, kKeyAck, schema::KeyAck{1, {{entry.subset, {}}}}),
              Code::kWrongCommitment);
    EXPECT_EQ(scene.chain.send(member, kKeyAck, ack), Code::kOk);
    EXPECT_EQ(scene.chain.send(member, kKeyAck, ack), Code::kDuplicate);
    EXPECT_EQ(scene.chain.send(member, kKeyAck, schema::KeyAck{1, {{0, *entry.commitment}}}),
              Code::kUnknownSubset);
}

TEST(EpochTest, bundles_are_write_once_per_member_and_slot) {
    Scene scene(4, patient_parameters());
    const PublicKey& member = scene.chain.validators[0];
    schema::ClientKeys bundle{1, 1, {sha256(as_bytes("b")), 10}};
    EXPECT_EQ(scene.chain.send(member, kClientKeys, bundle), Code::kWrongPhase);
    scene.driver.post_ephemeral_keys();
    scene.driver.post_commitments();
    scene.driver.post_acknowledgements();
    EXPECT_EQ(scene.chain.send(member, kClientKeys, bundle), Code::kOk);
    EXPECT_EQ(scene.chain.send(member, kClientKeys, bundle), Code::kDuplicate);
    bundle.ciphertexts.length = 11;
    EXPECT_EQ(scene.chain.send(member, kClientKeys, bundle), Code::kEquivocation);
    bundle.slot = 5;
    EXPECT_EQ(scene.chain.send(member, kClientKeys, bundle), Code::kNotAClient);
    EXPECT_EQ(scene.driver.epoch().bundles[0], schema::member_bit(1));
}

TEST(EpochTest, a_change_of_the_clients_ends_the_epoch_between_rounds_only) {
    Scene scene(4);
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches();
    ASSERT_EQ(scene.driver.round().phase, schema::Phase::kSubmitting);
    scene.chain.ballot(schema::action::kSuspend, scene.chain.trainers[3]);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 1U);
    const schema::RoundReference reference{1, 0};
    scene.chain.decide(schema::ProposalKind::kCancelRound, encode(reference));
    const auto epoch = scene.driver.epoch();
    EXPECT_EQ(epoch.mpc_epoch, 2U);
    EXPECT_EQ(epoch.clients.size(), 3U);
    const auto old = scene.chain.load<schema::EpochRecord>(keys::epoch(1));
    EXPECT_EQ(old.phase, EpochPhase::kEnded);
    EXPECT_TRUE(old.live_batches.empty());
    const auto batch = scene.chain.load<schema::BatchRecord>(keys::batch({1, 1}));
    EXPECT_EQ(batch.state, BatchState::kVoid);
    EXPECT_FALSE(scene.chain.state.get(keys::setup(1)).has_value());
    EXPECT_FALSE(scene.chain.state.get(keys::ephemeral(1, scene.chain.validators[0])).has_value());
    EXPECT_FALSE(scene.chain.state.get(keys::bundle({1, 1, 1})).has_value());
}

TEST(EpochTest, the_council_renews_the_epoch) {
    Scene scene(4);
    scene.driver.set_up_epoch();
    EXPECT_EQ(
        scene.chain.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1})),
        Code::kOk);
    EXPECT_EQ(scene.driver.epoch().mpc_epoch, 2U);
    EXPECT_FALSE(scene.chain.load<schema::MpcRecord>(keys::mpc()).is_renewal_due);
}

TEST(BatchTest, honest_shares_certify_and_the_stock_is_kept) {
    Scene scene(4);
    scene.driver.set_up_epoch();
    EXPECT_EQ(scene.batch(0).state, BatchState::kPosting);
    scene.driver.prepare_batches();
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
    EXPECT_EQ(scene.batch(1).state, BatchState::kCertified);
    EXPECT_EQ(scene.batch(2).state, BatchState::kPosting);  // replaces the assigned one
    EXPECT_EQ(scene.batch(0).delta.size(), 14U);
}

TEST(BatchTest, too_few_members_leave_the_batch_posting_whatever_time_passes) {
    Scene scene(4);
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches({.silent = {1, 3}, .liars = {}});
    scene.chain.pass(30);
    EXPECT_EQ(scene.batch(0).state, BatchState::kPosting);
    scene.driver.prepare_batches();
    EXPECT_EQ(scene.batch(0).state, BatchState::kAssigned);
}

TEST(BatchTest, bad_shares_are_refused_with_their_code) {
    Scene scene(4);
    const PublicKey& member = scene.chain.validators[0];
    schema::PrepShare share{{1, 0}, std::vector<std::uint64_t>(14, 1)};
    EXPECT_EQ(scene.chain.send(member, kPrepShare, share), Code::kWrongPhase);
    scene.driver.set_up_epoch();
    schema::PrepShare wrong = share;
    wrong.values.pop_back();
    EXPECT_EQ(scene.chain.send(member, kPrepShare, wrong), Code::kWrongLength);
    wrong = share;
    wrong.values[3] = ~std::uint64_t{0};
    EXPECT_EQ(scene.chain.send(member, kPrepShare, wrong), Code::kWordOutOfRange);
    wrong = share;
    wrong.label.batch = 9;
    EXPECT_EQ(scene.chain.send(member, kPrepShare, wrong), Code::kWrongLabel);
    wrong.label = {2, 0};
    EXPECT_EQ(scene.chain.send(member, kPrepShare, wrong), Code::kWrongLabel);
    share.values = scene.driver.prep_share(0, 1);
    EXPECT_EQ(scene.chain.send(member, kPrepShare, share), Code::kOk);
    EXPECT_EQ(scene.chain.send(member, kPrepShare, share), Code::kDuplicate);
    ++share.values[0];
    EXPECT_EQ(scene.chain.send(member, kPrepShare, share), Code::kEquivocation);
}

TEST(BatchTest, with_five_members_a_late_share_is_checked_and_changes_nothing) {
    Scene scene(5);
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches({.silent = {1}, .liars = {}});
    const auto certified = scene.batch(1);
    EXPECT_EQ(certified.state, BatchState::kCertified);
    EXPECT_EQ(certified.delta_posters, 0b11110);
    schema::PrepShare late{{1, 1}, scene.driver.prep_share(1, 1)};
    late.values[2] = smpc::Field61::add(late.values[2], 9);
    EXPECT_EQ(scene.chain.send(scene.chain.validators[0], kPrepShare, late), Code::kOk);
    const auto faults =
        scene.chain.events<schema::FaultProved>(Module::kVerification, event::kFault);
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].member, 1U);
    EXPECT_EQ(faults[0].coordinate, 2U);
    EXPECT_EQ(scene.batch(1).delta, certified.delta);
    EXPECT_EQ(scene.batch(1).state, BatchState::kCertified);
}

}  // namespace
}  // namespace consilium::contracts::testing
