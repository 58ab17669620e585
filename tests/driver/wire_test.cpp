// Messages between nodes: round trip, kinds, and damaged frames.
#include "node/driver/wire.hpp"

#include <gtest/gtest.h>

namespace consilium::driver {
namespace {

std::vector<PeerMessage> samples() {
    Digest digest;
    digest.bytes[3] = 7;
    Transaction transaction;
    transaction.chain_id = "test";
    transaction.arguments = {1, 2, 3};
    CertifiedBlock block;
    block.block.transactions = {transaction};
    return {VoteMessage{{1, 2}},
            ProposalMessage{{3}},
            ProposalIdsRequest{digest},
            ProposalIds{digest, {digest}},
            TransactionRequest{{digest}},
            TransactionResponse{{transaction}},
            TransactionRelay{{transaction}},
            StatusMessage{Height{5}, true},
            BlockRequest{Height{4}, 9},
            BlockResponse{Height{4}, {block}},
            HaveMessage{{Have{Epoch{1}, ReplicaId{2}, digest, 8, {}}}},
            ManifestRequest{digest},
            Manifest{digest, 8, {digest}},
            ChunkRequest{digest, 1},
            Chunk{digest, 1, {4, 5}},
            WorkerLetter{{6}}};
}

TEST(Wire, every_message_survives_the_round_trip) {
    ASSERT_EQ(samples().size(), std::variant_size_v<PeerMessage>);
    for (const PeerMessage& message : samples()) {
        const Frame frame = encode_frame(message);
        const auto decoded = decode_frame(frame.kind, *frame.payload);
        ASSERT_TRUE(decoded.has_value()) << decoded.error().context;
        EXPECT_EQ(*decoded, message);
    }
}

TEST(Wire, a_message_in_a_frame_of_another_kind_is_refused) {
    for (const PeerMessage& message : samples()) {
        const Frame frame = encode_frame(message);
        for (const FrameKind kind : {FrameKind::kVote, FrameKind::kProposal,
                                     FrameKind::kTransaction, FrameKind::kSync, FrameKind::kBlob}) {
            EXPECT_EQ(decode_frame(kind, *frame.payload).has_value(), kind == frame.kind);
        }
    }
}

TEST(Wire, every_truncation_and_every_trailing_byte_is_refused) {
    for (const PeerMessage& message : samples()) {
        const Frame frame = encode_frame(message);
        for (std::size_t size = 0; size < frame.payload->size(); ++size) {
            EXPECT_FALSE(decode_frame(frame.kind, ByteView(*frame.payload).first(size)));
        }
        Bytes longer = *frame.payload;
        longer.push_back(0);
        EXPECT_FALSE(decode_frame(frame.kind, longer));
    }
}

TEST(Wire, whatever_decodes_encodes_to_the_same_bytes) {
    for (const PeerMessage& message : samples()) {
        const Frame frame = encode_frame(message);
        for (std::size_t bit = 0; bit < frame.payload->size() * 8; ++bit) {
            Bytes flipped = *frame.payload;
            flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
            const auto decoded = decode_frame(frame.kind, flipped);
            if (!decoded) continue;
            EXPECT_EQ(*encode_frame(*decoded).payload, flipped);
        }
    }
}

}  // namespace
}  // namespace consilium::driver
