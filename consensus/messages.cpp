// Wire form of the messages and the digests their senders sign.
#include "consensus/messages.hpp"

#include <string>

namespace consilium::consensus {
namespace {

// Tags of the signatures; COMMIT's stands in core/certificate.cpp.
constexpr std::string_view kPrePrepareTag = "consilium/pre-prepare/v1";
constexpr std::string_view kPrepareTag = "consilium/prepare/v1";
constexpr std::string_view kViewChangeTag = "consilium/view-change/v1";
constexpr std::string_view kNewViewTag = "consilium/new-view/v1";
constexpr std::string_view kCheckpointTag = "consilium/checkpoint/v1";
constexpr std::string_view kCheckpointQueryTag = "consilium/checkpoint-query/v1";

struct IdentityContent {
    const ChainIdentity* identity;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.identity->chain_id, Limit{kMaxChainIdBytes});
        visit("genesis_hash", self.identity->genesis_hash);
    }
};

struct VoteContent {
    Slot slot;
    Digest digest;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("slot", self.slot);
        visit("digest", self.digest);
    }
};

Digest bound_digest(std::string_view tag, const ChainIdentity& identity, const Bytes& content) {
    return tagged_hash(tag, {encode(IdentityContent{&identity}), content});
}

// The message with its own signature blanked: all that the signature covers.
template <typename T>
Bytes unsigned_encoding(T message) {
    message.signature = Signature{};
    return encode(message);
}

template <typename T>
Message read_message(codec::Reader& reader) {
    T message{};
    reader.read(message);
    return message;
}

Message read_as(MessageType type, codec::Reader& reader) {
    switch (type) {
        case MessageType::kPrePrepare:
            return read_message<PrePrepare>(reader);
        case MessageType::kPrepare:
            return read_message<Prepare>(reader);
        case MessageType::kCommit:
            return read_message<Commit>(reader);
        case MessageType::kViewChange:
            return read_message<ViewChange>(reader);
        case MessageType::kNewView:
            return read_message<NewView>(reader);
        case MessageType::kCheckpoint:
            return read_message<Checkpoint>(reader);
        case MessageType::kCheckpointQuery:
            return read_message<CheckpointQuery>(reader);
    }
    UNREACHABLE();
}

bool has_bounded_view(const Message& message) {
    return std::visit(
        [](const auto& m) {
            if constexpr (requires { m.slot; }) {
                return m.slot.view.value <= kMaxView;
            } else {
                return true;
            }
        },
        message);
}

struct SigningDigest {
    const ChainIdentity& identity;

    Digest operator()(const PrePrepare& m) const {
        // The header's tx_root binds the list of ids.
        return bound_digest(kPrePrepareTag, identity,
                            encode(VoteContent{m.slot, header_digest(m.header)}));
    }
    Digest operator()(const Prepare& m) const {
        return prepare_vote_digest(identity, m.slot, m.digest);
    }
    Digest operator()(const Commit& m) const {
        return commit_vote_digest(identity, {m.slot.epoch, m.slot.height, m.slot.view, m.digest});
    }
    Digest operator()(const ViewChange& m) const {
        return bound_digest(kViewChangeTag, identity, unsigned_encoding(m));
    }
    Digest operator()(const NewView& m) const {
        return bound_digest(kNewViewTag, identity, unsigned_encoding(m));
    }
    Digest operator()(const Checkpoint& m) const {
        return bound_digest(kCheckpointTag, identity, unsigned_encoding(m));
    }
    Digest operator()(const CheckpointQuery& m) const {
        return bound_digest(kCheckpointQueryTag, identity, unsigned_encoding(m));
    }
};

}  // namespace

MessageType type_of(const Message& message) {
    return static_cast<MessageType>(message.index() + 1);
}

ReplicaId sender_of(const Message& message) {
    return std::visit([](const auto& m) { return m.sender; }, message);
}

Epoch epoch_of(const Message& message) {
    return std::visit(
        [](const auto& m) {
            if constexpr (requires { m.slot; }) {
                return m.slot.epoch;
            } else {
                return m.epoch;
            }
        },
        message);
}

Bytes encode_message(const Message& message) {
    codec::Writer writer;
    writer.write(type_of(message));
    std::visit([&writer](const auto& m) { writer.write(m); }, message);
    Bytes bytes = std::move(writer).take();
    CHECK(bytes.size() <= kMaxMessageBytes);
    return bytes;
}

Result<Message> decode_message(ByteView data) {
    if (data.size() > kMaxMessageBytes) {
        return make_error(ErrorCode::kLimitExceeded, "consensus message over the size limit");
    }
    codec::Reader reader(data);
    MessageType type{};
    reader("type", type);
    if (reader.has_failed()) return tl::unexpected(*reader.finish());
    Message message = read_as(type, reader);
    if (auto error = reader.finish()) return tl::unexpected(std::move(*error));
    if (!has_bounded_view(message)) {
        return make_error(ErrorCode::kLimitExceeded, "view over the limit");
    }
    return message;
}

Digest prepare_vote_digest(const ChainIdentity& identity, const Slot& slot, const Digest& digest) {
    return bound_digest(kPrepareTag, identity, encode(VoteContent{slot, digest}));
}

Digest signing_digest(const ChainIdentity& identity, const Message& message) {
    return std::visit(SigningDigest{identity}, message);
}

}  // namespace consilium::consensus
