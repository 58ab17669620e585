// Which blobs a replica that was away has to fetch, phase by phase.
#include <gtest/gtest.h>

#include <set>

#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::BlobKind;
using schema::Code;
namespace keys = schema::keys;

struct Scene {
    Scene() {
        for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(test_task())), Code::kOk);
    }
    [[nodiscard]] std::set<Digest> in_use(BlobKind kind) const {
        std::set<Digest> hashes;
        for (const schema::BlobReference& name : blobs_in_use(chain.state)) {
            if (name.kind != kind) continue;
            EXPECT_TRUE(hashes.insert(name.sha256).second) << "named twice";
            EXPECT_GT(name.length, 0U);
        }
        return hashes;
    }
    Chain chain{4};
    ConsortiumDriver driver{chain};
};

TEST(BlobsInUse, before_a_setup_there_are_none) {
    const Scene scene;
    EXPECT_TRUE(blobs_in_use(scene.chain.state).empty());
}

TEST(BlobsInUse, ciphertexts_and_bundles_of_the_epoch_are) {
    Scene scene;
    scene.driver.post_ephemeral_keys();
    scene.driver.post_commitments();
    const auto setup =
        scene.chain.load<schema::SetupRecord>(keys::setup(scene.driver.epoch().mpc_epoch));
    std::set<Digest> ciphertexts;
    for (const schema::SubsetSetup& entry : setup.subsets) {
        ciphertexts.insert(entry.ciphertexts.value().sha256);
    }
    EXPECT_EQ(scene.in_use(BlobKind::kCiphertext), ciphertexts);
    scene.driver.post_acknowledgements();
    scene.driver.post_bundles();
    for (std::uint16_t member = 1; member <= 4; ++member) {
        for (std::uint16_t slot = 1; slot <= 4; ++slot) {
            const auto bundle = scene.chain.load<schema::BundleRecord>(
                keys::bundle({scene.driver.epoch().mpc_epoch, member, slot}));
            ciphertexts.insert(bundle.ciphertexts.sha256);
        }
    }
    EXPECT_EQ(scene.in_use(BlobKind::kCiphertext), ciphertexts);
}

TEST(BlobsInUse, submitted_updates_are_until_the_round_ends) {
    Scene scene;
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches();
    EXPECT_TRUE(scene.in_use(BlobKind::kVector).empty());
    const std::set<std::uint16_t> all = {1, 2, 3, 4};
    scene.driver.submit(scene.driver.similar_updates(1, 0), all);
    const auto round = scene.driver.round();
    std::set<Digest> updates;
    for (const std::uint16_t slot : all) {
        const auto pledge = scene.chain.load<schema::PledgeRecord>(
            keys::pledge({round.label.mpc_epoch, round.label.batch}, slot));
        updates.insert(pledge.update.sha256);
    }
    EXPECT_EQ(scene.in_use(BlobKind::kVector), updates);
    scene.driver.reach_stat1();
    for (const std::uint16_t slot : all) {  // the proofs join them
        const auto range = scene.chain.load<schema::RangeRecord>(
            keys::range({round.label.mpc_epoch, round.label.batch}, slot));
        updates.insert(range.proof.sha256);
    }
    EXPECT_EQ(updates.size(), 8U);
    EXPECT_EQ(scene.in_use(BlobKind::kVector), updates);
    scene.driver.post_stat1();
    EXPECT_EQ(scene.in_use(BlobKind::kVector), updates);
    scene.driver.post_stat2();
    scene.driver.post_aggregate();
    const auto ended = scene.chain.load<schema::RoundRecord>(keys::round(round.label.round));
    ASSERT_EQ(ended.phase, schema::Phase::kResult);
    EXPECT_TRUE(scene.in_use(BlobKind::kVector).empty());
}

TEST(ClientBlobs, an_attempt_ends_when_its_round_does_and_aborted_ones_before) {
    Scene scene;
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches();
    const std::set<std::uint16_t> all = {1, 2, 3, 4};
    const auto end_of = [&](std::uint64_t batch) {
        return attempt_end(scene.chain.state, {1, batch});
    };
    EXPECT_EQ(end_of(0), std::nullopt);                            // runs
    EXPECT_EQ(end_of(1), Height{0});                               // certified, serves nothing yet
    EXPECT_EQ(end_of(99), Height{0});                              // nobody knows it
    scene.driver.submit(scene.driver.similar_updates(1, 0), {1});  // too few
    for (int i = 0; i < 30 && !end_of(0); ++i) scene.chain.pass(1);
    const auto aborted = end_of(0);
    ASSERT_TRUE(aborted.has_value());
    EXPECT_GT(*aborted, Height{0});
    EXPECT_LE(*aborted, scene.chain.height);
    const auto round = scene.driver.round();  // its next attempt, on the batch in stock
    ASSERT_EQ(round.label.attempt, 1U);
    EXPECT_EQ(end_of(round.label.batch), std::nullopt);
    scene.driver.submit(scene.driver.similar_updates(1, 0), all);
    EXPECT_EQ(client_blobs_in_use(scene.chain.state).size(), 4U);
    scene.driver.verify();
    EXPECT_EQ(end_of(round.label.batch), scene.chain.height);
    for (int i = 0; i < 3; ++i) scene.chain.pass(1);
    EXPECT_EQ(end_of(round.label.batch)->value + 3, scene.chain.height.value);
    EXPECT_LE(end_of(0)->value, end_of(round.label.batch)->value);
}

// What was pledged counts before anything was submitted: a member may have to read it next.
TEST(ClientBlobs, pledges_of_the_running_attempt_are_in_use) {
    Scene scene;
    scene.driver.set_up_epoch();
    scene.driver.prepare_batches();
    EXPECT_TRUE(client_blobs_in_use(scene.chain.state).empty());
    const auto round = scene.driver.round();
    const schema::BlobName older{sha256(as_bytes("somebody's older bytes")),
                                 8 * round.terms.dimension};
    EXPECT_EQ(
        scene.chain.send(scene.chain.trainers[0], kPledge, schema::Pledge{round.label, 1, older}),
        Code::kOk);
    EXPECT_EQ(client_blobs_in_use(scene.chain.state), std::set<Digest>{older.sha256});
}

}  // namespace
}  // namespace consilium::contracts::testing
