// Masked updates and range proofs in a node's store: erased when their attempt is over for long
// enough, not before, and never what somebody else's record names.
#include <gtest/gtest.h>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/state_tree.hpp"
#include "node/driver/blob_pool.hpp"
#include "tests/driver/fixture.hpp"

namespace consilium::driver {
namespace {

using schema::BatchLabel;
using schema::BlobKind;
using schema::Phase;
using testing::key_of;
using testing::make_genesis;
using testing::RecordingEnv;
using testing::simulation_key;
using testing::simulation_sign;
namespace keys = schema::keys;

constexpr std::uint64_t kKeep = 5;
constexpr BatchLabel kBatch{1, 0};

// A state with one round on kBatch, and what its clients pledged.
class Rounds {
  public:
    Rounds() { state = state.apply({{keys::rounds(), encode(schema::RoundsRecord{})}}); }
    void run(const std::vector<Digest>& pledged) {
        round_.label = {1, 1, 0, kBatch.batch};
        round_.phase = Phase::kStat1;
        schema::RoundsRecord rounds;
        rounds.current = 1;
        schema::BatchRecord batch;
        batch.label = kBatch;
        batch.round = 1;
        StateWrites writes{{keys::rounds(), encode(rounds)}, {keys::batch(kBatch), encode(batch)}};
        for (std::size_t i = 0; i < pledged.size(); ++i) {
            const auto slot = static_cast<std::uint16_t>(i + 1);
            round_.pledged |= schema::slot_bit(slot);
            writes[keys::pledge(kBatch, slot)] =
                encode(schema::PledgeRecord{{pledged[i], 8}, 1, 0, Height{1}});
        }
        writes[keys::round(1)] = encode(round_);
        state = state.apply(writes);
    }
    void end(Height at) {
        round_.phase = Phase::kResult;
        round_.phase_height = at;
        state = state.apply({{keys::round(1), encode(round_)},
                             {keys::rounds(), encode(schema::RoundsRecord{2, std::nullopt})}});
    }
    StateTree state;

  private:
    schema::RoundRecord round_;
};

class ClientBlobsTest : public ::testing::Test {
  protected:
    ClientBlobsTest() { open(); }
    // As a start of the node does.
    void open() {
        pool = std::make_unique<BlobPool>(make_genesis().identity(), key_of(0), env);
        pool->set_membership(make_genesis().membership());
        pool->restore(env.disk.client_blobs().value());
    }
    static Bytes words(std::uint8_t value) { return Bytes(16, value); }
    static WantedBlob wanted(const Bytes& content, const BatchLabel& batch = kBatch) {
        return {{sha256(content), content.size()}, BlobKind::kVector, false, batch};
    }
    void store(const Bytes& content, const BatchLabel& batch = kBatch) {
        ASSERT_TRUE(pool->store(wanted(content, batch), content).has_value());
    }
    [[nodiscard]] bool is_held(const Bytes& content) const {
        return env.disk.has_blob(sha256(content));
    }
    void erase(std::uint64_t head) { pool->erase_spent(rounds.state, Height{head}, kKeep); }

    RecordingEnv env{0};
    std::unique_ptr<BlobPool> pool;
    Rounds rounds;
};

TEST_F(ClientBlobsTest, are_erased_the_stated_blocks_after_the_end_and_not_before) {
    store(words(1));
    store(words(2));
    rounds.run({sha256(words(1))});
    for (std::uint64_t head = 1; head <= 1'000; head += 111) erase(head);
    rounds.end(Height{1'000});
    erase(1'000);
    erase(1'000 + kKeep - 1);
    EXPECT_TRUE(is_held(words(1)) && is_held(words(2)));
    EXPECT_EQ(pool->held_of_clients(), 2U);
    erase(1'000 + kKeep);
    EXPECT_FALSE(is_held(words(1)) || is_held(words(2)));
    EXPECT_EQ(pool->held_of_clients(), 0U);
    EXPECT_EQ(pool->erased_of_clients(), 2U);
    EXPECT_TRUE(env.disk.client_blobs()->empty());
}

TEST_F(ClientBlobsTest, a_restart_forgets_neither_them_nor_their_end) {
    store(words(1));
    rounds.run({});
    open();
    EXPECT_EQ(pool->held_of_clients(), 1U);
    rounds.end(Height{10});
    open();
    erase(10 + kKeep - 1);
    EXPECT_TRUE(is_held(words(1)));
    open();
    erase(10'000);  // was down when they became due
    EXPECT_FALSE(is_held(words(1)));
}

TEST_F(ClientBlobsTest, a_crash_before_or_after_the_erasure_leaves_all_or_nothing_to_be_erased) {
    for (const auto point :
         {simulation::CrashPoint::kBeforeSync, simulation::CrashPoint::kAfterSync}) {
        store(words(1));
        store(words(2));
        rounds.run({});
        rounds.end(Height{10});
        env.disk.plan_crash(1, point);
        EXPECT_THROW(erase(100), simulation::ProcessCrash);
        env.disk.clear_plans();
        EXPECT_EQ(is_held(words(1)), point == simulation::CrashPoint::kBeforeSync);
        EXPECT_EQ(is_held(words(1)), is_held(words(2)));
        open();
        erase(101);
        EXPECT_FALSE(is_held(words(1)) || is_held(words(2)));
        EXPECT_EQ(pool->held_of_clients(), 0U);
    }
}

TEST_F(ClientBlobsTest, a_disk_that_fails_degrades_the_node) {
    store(words(1));
    rounds.run({});
    rounds.end(Height{10});
    env.disk.plan_error(1);
    erase(100);
    EXPECT_TRUE(pool->storage_error().has_value());
}

// A client pledges the bytes of somebody's finished round: its own attempt reads them.
TEST_F(ClientBlobsTest, what_the_running_attempt_names_stays) {
    const BatchLabel older{1, 7};  // serves nothing in this state: over since height 0
    store(words(1), older);
    store(words(2), older);
    rounds.run({sha256(words(1))});
    erase(100);
    EXPECT_TRUE(is_held(words(1)));
    EXPECT_FALSE(is_held(words(2)));
    rounds.end(Height{200});
    erase(300);
    EXPECT_FALSE(is_held(words(1)));
}

// A member's post with a client's bytes is an input of execution: whoever replays reads it.
TEST_F(ClientBlobsTest, what_a_member_has_posted_stays_for_ever) {
    store(words(1));
    rounds.run({});
    pool->keep(sha256(words(1)));
    pool->keep(sha256(words(9)));  // unknown
    rounds.end(Height{10});
    erase(100);
    EXPECT_TRUE(is_held(words(1)));
    open();
    erase(100'000);
    EXPECT_TRUE(is_held(words(1)));
}

// A node that was away commits the member's block without the bytes and asks for them in both
// names.
TEST_F(ClientBlobsTest, what_a_member_names_while_it_is_on_its_way_stays_for_ever) {
    for (const bool is_member_first : {false, true}) {
        const Bytes content = words(is_member_first ? 2 : 1);
        WantedBlob of_member = wanted(content);
        of_member.is_urgent = true;
        WantedBlob of_client = of_member;
        of_member.batch.reset();
        pool->want(is_member_first ? of_member : of_client, 0);
        pool->want(is_member_first ? of_client : of_member, 0);
        static_cast<void>(pool->tick(0));
        const auto asked = env.take<ChunkRequest>();
        ASSERT_EQ(asked.size(), 1U);
        pool->on_chunk(asked[0].first, {sha256(content), 0, content}, 1);
        ASSERT_TRUE(is_held(content));
        EXPECT_EQ(pool->held_of_clients(), 0U);
        erase(1'000'000);
        EXPECT_TRUE(is_held(content));
    }
}

TEST_F(ClientBlobsTest, an_upload_for_no_attempt_is_erased_as_well) {
    store(words(1), {9, 9});
    erase(kKeep);
    EXPECT_FALSE(is_held(words(1)));
}

TEST_F(ClientBlobsTest, others_blobs_are_never_touched) {
    const Bytes content = words(1);
    ASSERT_TRUE(pool->store({{sha256(content), content.size()}, BlobKind::kVector, false}, content)
                    .has_value());
    store(content);  // a client with the same bytes, later
    rounds.run({sha256(content)});
    rounds.end(Height{10});
    erase(1'000);
    EXPECT_TRUE(is_held(content));
}

// A HAVE is a promise, and the next manifest comes from the disk, not from memory.
TEST_F(ClientBlobsTest, a_peer_that_asks_hears_that_it_is_not_here_and_our_word_is_taken_back) {
    const Bytes content = words(1);
    store(content);
    for (const std::uint16_t holder : {std::uint16_t{1}, std::uint16_t{2}}) {
        Have made{Epoch{0}, ReplicaId{holder}, sha256(content), content.size(), {}};
        made.signature =
            simulation_sign(simulation_key(holder), have_digest(make_genesis().identity(), made));
        ASSERT_TRUE(pool->on_haves({{made}}).has_value());
    }
    EXPECT_TRUE(pool->is_eligible(wanted(content).key));
    pool->on_request(key_of(1), ManifestRequest{sha256(content)});
    ASSERT_EQ(env.take<Manifest>().at(0).second.length, content.size());
    rounds.run({});
    rounds.end(Height{10});
    erase(100);
    EXPECT_FALSE(pool->is_eligible(wanted(content).key));
    EXPECT_EQ(pool->examine(wanted(content)), BlobPresence::kAbsent);
    pool->on_request(key_of(1), ManifestRequest{sha256(content)});
    pool->on_request(key_of(1), ChunkRequest{sha256(content), 0});
    const auto sent = std::exchange(env.sent, {});
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(std::get<Manifest>(sent[0].second).length, 0U);
    EXPECT_TRUE(std::get<Chunk>(sent[1].second).content.empty());
    // It may come again, and counts again.
    store(content);
    EXPECT_TRUE(pool->is_eligible(wanted(content).key));
}

}  // namespace
}  // namespace consilium::driver
