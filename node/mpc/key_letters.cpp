// Encoding of letters; the grammar is in the header.
#include "node/mpc/key_letters.hpp"

namespace consilium::mpc {
namespace {

template <typename Content>
Result<KeyLetter> decode_as(ByteView body) {
    auto content = decode<Content>(body);
    if (!content) return tl::unexpected(std::move(content.error()));
    return KeyLetter(std::move(*content));
}

}  // namespace

Digest recovery_digest(const ChainIdentity& identity, const PublicKey& recipient,
                       const RecoveryRequest& request) {
    codec::Writer writer;
    writer("chain_id", identity.chain_id, Limit{kMaxChainIdBytes});
    writer.write(identity.genesis_hash);
    writer.write(recipient);
    writer.write(request.mpc_epoch);
    writer.write(request.key);
    writer.write(request.challenge);
    writer("questions", request.questions, Limit{kMaxRecoveryQuestions});
    return tagged_hash("consilium/mpc-recovery", std::move(writer).take());
}

Bytes encode_letter(const KeyLetter& letter) {
    codec::Writer writer;
    writer.write(static_cast<std::uint8_t>(letter.index()));
    std::visit([&writer](const auto& content) { writer.write(content); }, letter);
    return std::move(writer).take();
}

Result<KeyLetter> decode_letter(ByteView bytes) {
    if (bytes.empty()) return make_error(ErrorCode::kMalformed, "empty letter");
    const ByteView body = bytes.subspan(1);
    switch (bytes[0]) {
        case 0:
            return decode_as<KeyRequest>(body);
        case 1:
            return decode_as<KeyReply>(body);
        case 2:
            return decode_as<RecoveryRequest>(body);
        case 3:
            return decode_as<RecoveryReply>(body);
        default:
            return make_error(ErrorCode::kMalformed, "letter of an unknown type");
    }
}

}  // namespace consilium::mpc
