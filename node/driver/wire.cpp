// Encoding of the messages between nodes, and which kind of frame each travels in.
#include "node/driver/wire.hpp"

#include <string>
#include <utility>

namespace consilium::driver {
namespace {

template <std::size_t I>
[[nodiscard]] Result<PeerMessage> decode_alternative(ByteView body) {
    auto message = decode<std::variant_alternative_t<I, PeerMessage>>(body);
    if (!message) return tl::unexpected(std::move(message.error()));
    return PeerMessage(std::in_place_index<I>, std::move(*message));
}

template <std::size_t... I>
[[nodiscard]] Result<PeerMessage> decode_type(std::size_t type, ByteView body,
                                              std::index_sequence<I...> /*all*/) {
    using Decoder = Result<PeerMessage> (*)(ByteView);
    static constexpr Decoder kDecoders[] = {&decode_alternative<I>...};
    return kDecoders[type](body);
}

// Indexed like the alternatives of PeerMessage.
constexpr FrameKind kKinds[] = {
    FrameKind::kVote,         // VoteMessage
    FrameKind::kProposal,     // ProposalMessage
    FrameKind::kProposal,     // ProposalIdsRequest
    FrameKind::kProposal,     // ProposalIds
    FrameKind::kProposal,     // TransactionRequest
    FrameKind::kProposal,     // TransactionResponse
    FrameKind::kTransaction,  // TransactionRelay
    FrameKind::kVote,         // StatusMessage: small, and what tells a late node that it is late
    FrameKind::kSync,         // BlockRequest
    FrameKind::kSync,         // BlockResponse
    FrameKind::kTransaction,  // HaveMessage
    FrameKind::kBlob,         // ManifestRequest
    FrameKind::kBlob,         // Manifest
    FrameKind::kBlob,         // ChunkRequest
    FrameKind::kBlob,         // Chunk
    FrameKind::kTransaction,  // WorkerLetter
};
constexpr std::size_t kTypes = std::variant_size_v<PeerMessage>;
static_assert(std::size(kKinds) == kTypes);

struct HaveContent {
    std::string chain_id;
    Digest genesis_hash;
    Epoch epoch;
    ReplicaId holder;
    Digest hash;
    std::uint64_t length{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain_id, Limit{kMaxChainIdBytes});
        visit("genesis_hash", self.genesis_hash);
        visit("epoch", self.epoch);
        visit("holder", self.holder);
        visit("hash", self.hash);
        visit("length", self.length);
    }
};

}  // namespace

Digest have_digest(const ChainIdentity& identity, const Have& have) {
    return tagged_hash("consilium/have/v1",
                       encode(HaveContent{identity.chain_id, identity.genesis_hash, have.epoch,
                                          have.holder, have.hash, have.length}));
}

std::string_view to_string(FrameKind kind) {
    switch (kind) {
        case FrameKind::kVote:
            return "vote";
        case FrameKind::kProposal:
            return "proposal";
        case FrameKind::kTransaction:
            return "transaction";
        case FrameKind::kSync:
            return "sync";
        case FrameKind::kBlob:
            return "blob";
    }
    UNREACHABLE();
}

FrameKind frame_kind(const PeerMessage& message) {
    return kKinds[message.index()];
}

Frame encode_frame(const PeerMessage& message) {
    codec::Writer writer;
    writer.write(static_cast<std::uint8_t>(message.index()));
    std::visit([&writer](const auto& content) { writer.write(content); }, message);
    return {frame_kind(message), std::make_shared<const Bytes>(std::move(writer).take())};
}

Result<PeerMessage> decode_frame(FrameKind kind, ByteView payload) {
    if (payload.empty()) return make_error(ErrorCode::kMalformed, "empty frame");
    const std::size_t type = payload[0];
    if (type >= kTypes) {
        return make_error(ErrorCode::kMalformed, "message type " + std::to_string(type));
    }
    if (kKinds[type] != kind) {
        return make_error(ErrorCode::kMalformed, "message type " + std::to_string(type) +
                                                     " in a frame of kind " +
                                                     std::string(to_string(kind)));
    }
    return decode_type(type, payload.subspan(1), std::make_index_sequence<kTypes>{});
}

}  // namespace consilium::driver
