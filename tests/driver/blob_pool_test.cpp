// Rule D: who holds what, verified pulls, and what lying or silent peers achieve.
#include "node/driver/blob_pool.hpp"

#include <gtest/gtest.h>

#include "tests/driver/fixture.hpp"

namespace consilium::driver {
namespace {

using testing::key_of;
using testing::make_genesis;
using testing::RecordingEnv;
using testing::simulation_key;
using testing::simulation_sign;

class BlobPoolTest : public ::testing::Test {
  protected:
    BlobPoolTest() : pool(make_genesis().identity(), key_of(0), env) {
        pool.set_membership(make_genesis().membership());
    }
    static Bytes make_content(std::size_t size) {
        Bytes content(size);
        for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<std::uint8_t>(i * 7 / 3);
        return content;
    }
    static WantedBlob wanted(const Bytes& content,
                             schema::BlobKind kind = schema::BlobKind::kCiphertext) {
        return {{sha256(content), content.size()}, kind, false};
    }
    static Have have(std::uint16_t holder, const Bytes& content) {
        Have made{Epoch{0}, ReplicaId{holder}, sha256(content), content.size(), {}};
        made.signature =
            simulation_sign(simulation_key(holder), have_digest(make_genesis().identity(), made));
        return made;
    }
    void hear(std::uint16_t holder, const Bytes& content) {
        EXPECT_TRUE(pool.on_haves({{have(holder, content)}}).has_value());
    }

    RecordingEnv env{0};
    BlobPool pool;
};

TEST_F(BlobPoolTest, a_blob_is_eligible_when_it_is_held_and_a_quorum_says_so) {
    const Bytes content = make_content(100);
    hear(1, content);
    hear(2, content);
    hear(3, content);
    EXPECT_FALSE(pool.is_eligible(wanted(content).key));  // a quorum, but not here
    ASSERT_TRUE(pool.store(wanted(content), content).has_value());
    EXPECT_TRUE(pool.is_eligible(wanted(content).key));
    EXPECT_EQ(env.take<HaveMessage>().size(), 3U);  // told to all others
    EXPECT_FALSE(pool.is_eligible({sha256(content), 101}));
    EXPECT_TRUE(pool.take_changes().contains(sha256(content)));
}

TEST_F(BlobPoolTest, the_same_member_counts_once) {
    const Bytes content = make_content(100);
    ASSERT_TRUE(pool.store(wanted(content), content).has_value());
    for (int i = 0; i < 5; ++i) hear(1, content);
    EXPECT_FALSE(pool.is_eligible(wanted(content).key));
    hear(2, content);
    EXPECT_TRUE(pool.is_eligible(wanted(content).key));
}

TEST_F(BlobPoolTest, a_have_in_another_name_is_refused) {
    const Bytes content = make_content(10);
    Have forged = have(1, content);
    forged.holder = ReplicaId{2};
    EXPECT_EQ(pool.on_haves({{forged}}).error().code, ErrorCode::kInvalidSignature);
    forged.holder = ReplicaId{9};
    EXPECT_EQ(pool.on_haves({{forged}}).error().code, ErrorCode::kRefused);
}

TEST_F(BlobPoolTest, a_wanted_blob_is_pulled_from_who_has_it) {
    const Bytes content = make_content(1'000);
    pool.want(wanted(content), 0);
    static_cast<void>(pool.tick(0));
    EXPECT_TRUE(env.take<ChunkRequest>().empty());  // nobody has it yet
    hear(2, content);
    static_cast<void>(pool.tick(1));
    const auto requests = env.take<ChunkRequest>();
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].first, key_of(2));
    pool.on_chunk(key_of(2), {sha256(content), 0, content}, 2);
    EXPECT_EQ(env.disk.content().blobs.at(sha256(content)), content);
    EXPECT_EQ(env.take<HaveMessage>().size(), 3U);
    EXPECT_EQ(pool.wanted(), 0U);
    EXPECT_EQ(pool.pulled_bytes(), 0U);
}

TEST_F(BlobPoolTest, a_large_blob_comes_in_chunks_checked_against_the_manifest) {
    const Bytes content = make_content(2 * limits::kBlobChunkBytes + 5);
    RecordingEnv other_env{1};
    BlobPool other(make_genesis().identity(), key_of(1), other_env);
    other.set_membership(make_genesis().membership());
    ASSERT_TRUE(other.store(wanted(content), content).has_value());
    pool.want(wanted(content), 0);
    hear(1, content);
    static_cast<void>(pool.tick(0));
    const auto first = env.take<ManifestRequest>();
    ASSERT_EQ(first.size(), 1U);
    other_env.sent.clear();
    other.on_request(key_of(0), first[0].second);
    pool.on_manifest(key_of(1), other_env.take<Manifest>().at(0).second, 1);
    for (std::uint32_t i = 0; i < 3; ++i) {
        const auto asked = env.take<ChunkRequest>();
        ASSERT_EQ(asked.size(), 1U);
        EXPECT_EQ(asked[0].second.index, i);
        other.on_request(key_of(0), asked[0].second);
        pool.on_chunk(key_of(1), other_env.take<Chunk>().at(0).second, 2);
    }
    EXPECT_TRUE(env.disk.has_blob(sha256(content)));
}

TEST_F(BlobPoolTest, what_is_kept_open_for_peers_is_bounded_and_all_of_it_is_served) {
    for (int lap = 0; lap < 2; ++lap) {
        for (std::size_t i = 0; i < 2 * limits::kServedBlobs; ++i) {
            const Bytes content = make_content(1'000 + i);
            ASSERT_TRUE(pool.store(wanted(content), content).has_value());
            env.sent.clear();
            pool.on_request(key_of(1), ManifestRequest{sha256(content)});
            EXPECT_EQ(env.take<Manifest>().at(0).second,
                      (Manifest{sha256(content), content.size(), {sha256(content)}}));
            env.sent.clear();
            pool.on_request(key_of(1), ChunkRequest{sha256(content), 0});
            EXPECT_EQ(env.take<Chunk>().at(0).second.content, content);
            EXPECT_LE(pool.served(), limits::kServedBlobs);
        }
    }
    EXPECT_EQ(pool.served(), limits::kServedBlobs);
}

TEST_F(BlobPoolTest, a_lying_peer_is_reported_and_left) {
    const Bytes content = make_content(64);
    pool.want(wanted(content), 0);
    hear(1, content);
    hear(2, content);
    static_cast<void>(pool.tick(0));
    Bytes lie = content;
    lie[3] ^= 1;
    pool.on_chunk(key_of(1), {sha256(content), 0, lie}, 1);
    EXPECT_EQ(env.invalid, std::vector<PublicKey>{key_of(1)});
    EXPECT_FALSE(env.disk.has_blob(sha256(content)));
    env.sent.clear();
    static_cast<void>(pool.tick(2));
    const auto again = env.take<ChunkRequest>();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].first, key_of(2));
}

TEST_F(BlobPoolTest, a_silent_peer_is_left_after_the_timeout) {
    const Bytes content = make_content(64);
    pool.want(wanted(content), 0);
    hear(1, content);
    hear(3, content);
    EXPECT_EQ(pool.tick(0), limits::kChunkTimeoutMs);
    env.sent.clear();
    static_cast<void>(pool.tick(limits::kChunkTimeoutMs));
    const auto again = env.take<ChunkRequest>();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].first, key_of(3));
    EXPECT_TRUE(env.invalid.empty());
}

TEST_F(BlobPoolTest, an_urgent_blob_is_asked_of_everybody) {
    const Bytes content = make_content(64);
    WantedBlob urgent = wanted(content);
    urgent.is_urgent = true;
    pool.want(urgent, 0);
    for (const std::size_t peer : {1U, 2U, 3U}) {
        static_cast<void>(pool.tick(0));
        const auto asked = env.take<ChunkRequest>();
        ASSERT_EQ(asked.size(), 1U);
        EXPECT_EQ(asked[0].first, key_of(peer));
        pool.on_chunk(key_of(peer), {sha256(content), 0, {}}, 0);  // "not here"
    }
    EXPECT_TRUE(env.invalid.empty());
}

TEST_F(BlobPoolTest, a_vector_with_a_word_out_of_range_is_never_vouched_for) {
    const Bytes content(16, 0xFF);
    const WantedBlob vector = wanted(content, schema::BlobKind::kVector);
    EXPECT_EQ(pool.store(vector, content).error().code, ErrorCode::kMalformed);
    EXPECT_FALSE(env.disk.has_blob(sha256(content)));
    EXPECT_TRUE(env.take<HaveMessage>().empty());
}

TEST_F(BlobPoolTest, an_input_of_execution_is_pulled_by_hash_alone) {
    const Bytes content = make_content(300);
    pool.want({{sha256(content), 0}, schema::BlobKind::kNone, true}, 0);
    static_cast<void>(pool.tick(0));
    ASSERT_EQ(env.take<ManifestRequest>().size(), 1U);
    pool.on_manifest(key_of(1), {sha256(content), 300, {sha256(content)}}, 1);
    ASSERT_EQ(env.take<ChunkRequest>().size(), 1U);
    pool.on_chunk(key_of(1), {sha256(content), 0, content}, 2);
    EXPECT_TRUE(env.disk.has_blob(sha256(content)));
    EXPECT_TRUE(env.take<HaveMessage>().empty());
}

TEST_F(BlobPoolTest, a_failed_write_is_kept_as_a_storage_error) {
    const Bytes content = make_content(10);
    env.disk.plan_error(1);
    EXPECT_FALSE(pool.store(wanted(content), content).has_value());
    EXPECT_TRUE(pool.storage_error().has_value());
    EXPECT_TRUE(env.take<HaveMessage>().empty());
}

}  // namespace
}  // namespace consilium::driver
