// Decoders of all messages: frozen vectors, round trips, truncations, bit flips, tampering (P3).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "consensus/journal.hpp"
#include "consensus/view_change.hpp"
#include "tests/consensus/testkit.hpp"

namespace consilium::consensus {
namespace {

constexpr std::size_t kFour = 4;

struct Sample {
    std::string name;
    Message message;
};

std::vector<Sample> samples() {
    const Membership membership = test_membership(kFour);
    const std::vector<Digest> ids{sha256(as_bytes("a")), sha256(as_bytes("b"))};
    const BlockHeader header = make_block(test_genesis(membership), membership,
                                          {.proposer = 0, .time = 7, .transactions = ids});
    const Digest digest = header_digest(header);
    const Slot zero{Epoch{0}, Height{1}, View{0}};
    const Slot one{Epoch{0}, Height{1}, View{1}};
    const auto prepared = make_prepared(header, View{0}, kFour);
    NewView new_view{one, ReplicaId{1}, {}, std::nullopt, {}};
    for (std::uint16_t i = 0; i < 3; ++i) {
        ViewChange change{one, ReplicaId{i}, std::nullopt, {}};
        if (i == 2) change.prepared = prepared;
        new_view.view_changes.push_back(signed_by(i, change));
    }
    new_view.chosen = chosen_digest(new_view.view_changes);
    const CertifiedHeader head{header, make_certificate(header, View{0}, kFour)};
    return {
        {"pre_prepare", signed_by(0, PrePrepare{zero, ReplicaId{0}, header, ids, {}})},
        {"prepare", signed_by(2, Prepare{zero, ReplicaId{2}, digest, {}})},
        {"commit", signed_by(2, Commit{zero, ReplicaId{2}, digest, {}})},
        {"view_change_empty", signed_by(2, ViewChange{one, ReplicaId{2}, std::nullopt, {}})},
        {"view_change_prepared", signed_by(2, ViewChange{one, ReplicaId{2}, prepared, {}})},
        {"new_view", signed_by(1, new_view)},
        {"checkpoint", signed_by(3, Checkpoint{Epoch{0}, ReplicaId{3}, 9, head, {}})},
        {"checkpoint_genesis",
         signed_by(3, Checkpoint{Epoch{0}, ReplicaId{3}, 0, std::nullopt, {}})},
        {"checkpoint_query", signed_by(3, CheckpointQuery{Epoch{0}, ReplicaId{3}, 9, {}})},
    };
}

TEST(Messages, frozen_vectors_hold) {
    std::string text = "# name, then the encoding in hexadecimal\n";
    for (const auto& sample : samples()) {
        text += sample.name + " " + to_hex(encode_message(sample.message)) + "\n";
    }
    const std::string path = std::string(CONSENSUS_TRANSCRIPTS) + "/../vectors/messages.txt";
    if (std::getenv("CONSILIUM_UPDATE_TRANSCRIPTS") != nullptr) std::ofstream(path) << text;
    std::ifstream file(path);
    std::stringstream frozen;
    frozen << file.rdbuf();
    EXPECT_EQ(text, frozen.str());
}

TEST(Messages, decode_inverts_encode_and_all_samples_verify) {
    for (const auto& sample : samples()) {
        const Bytes bytes = encode_message(sample.message);
        const auto decoded = decode_message(bytes);
        ASSERT_TRUE(decoded) << sample.name;
        EXPECT_EQ(encode_message(*decoded), bytes) << sample.name;
        EXPECT_TRUE(*decoded == sample.message) << sample.name;
        EXPECT_TRUE(verify(*decoded, test_context(kFour))) << sample.name;
    }
}

TEST(Messages, truncated_and_extended_encodings_are_refused) {
    for (const auto& sample : samples()) {
        Bytes bytes = encode_message(sample.message);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_FALSE(decode_message(ByteView(bytes).first(size))) << sample.name << size;
        }
        bytes.push_back(0);
        EXPECT_FALSE(decode_message(bytes)) << sample.name;
    }
}

// P3: whatever bit is changed, decoding or verification refuses the message: every hash is
// recomputed and every byte is under a signature.
TEST(Messages, every_single_bit_flip_is_refused) {
    const VerifyContext context = test_context(kFour);
    for (const auto& sample : samples()) {
        const Bytes bytes = encode_message(sample.message);
        // All bits of small messages; of large ones a bit of every byte, which one varies.
        const bool is_small = bytes.size() < 400;
        for (std::size_t bit = 0; bit < bytes.size() * 8; bit += is_small ? 1 : 9) {
            Bytes flipped = bytes;
            flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
            const auto decoded = decode_message(flipped);
            if (!decoded) continue;
            EXPECT_EQ(encode_message(*decoded), flipped) << "not canonical: " << sample.name;
            EXPECT_FALSE(verify(*decoded, context)) << sample.name << " bit " << bit;
        }
    }
}

TEST(Messages, signature_of_one_chain_is_void_on_another) {
    VerifyContext other = test_context(kFour);
    other.identity.chain_id = "other-chain";
    VerifyContext reborn = test_context(kFour);
    reborn.identity.genesis_hash = Digest{};
    for (const auto& sample : samples()) {
        EXPECT_FALSE(verify(sample.message, other)) << sample.name;
        EXPECT_FALSE(verify(sample.message, reborn)) << sample.name;
    }
}

TEST(Messages, oversized_message_is_refused_before_it_is_read) {
    const auto decoded = decode_message(Bytes(kMaxMessageBytes + 1, 1));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kLimitExceeded);
}

TEST(Messages, sender_outside_the_membership_is_refused) {
    const auto message =
        signed_by(7, Prepare{{Epoch{0}, Height{1}, View{0}}, ReplicaId{7}, Digest{}, {}});
    EXPECT_EQ(verify(message, test_context(kFour)).error().code, ErrorCode::kMismatch);
}

TEST(Messages, evidence_and_journal_records_round_trip) {
    const auto all = samples();
    const Bytes first = encode_message(all[1].message);
    const Evidence evidence{MessageType::kPrepare, *slot_of(all[1].message), ReplicaId{2}, first,
                            first};
    EXPECT_EQ(decode<Evidence>(encode(evidence)), evidence);
    const JournalRecord record{4, *slot_of(all[1].message), first, std::nullopt};
    const Bytes bytes = encode(record);
    EXPECT_EQ(decode<JournalRecord>(bytes), record);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode<JournalRecord>(ByteView(bytes).first(size)));
    }
}

}  // namespace
}  // namespace consilium::consensus
