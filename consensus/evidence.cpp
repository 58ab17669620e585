// When two messages conflict, and how evidence is checked.
#include "consensus/evidence.hpp"

namespace consilium::consensus {
namespace {

template <typename T>
Digest content_digest(T message) {
    message.signature = Signature{};
    return tagged_hash("consilium/claim/v1", encode(message));
}

struct ClaimOf {
    Digest operator()(const PrePrepare& m) const { return header_digest(m.header); }
    Digest operator()(const Prepare& m) const { return m.digest; }
    Digest operator()(const Commit& m) const { return m.digest; }
    template <typename T>
    Digest operator()(const T& m) const {
        return content_digest(m);
    }
};

}  // namespace

std::optional<Slot> slot_of(const Message& message) {
    return std::visit(
        [](const auto& m) -> std::optional<Slot> {
            if constexpr (requires { m.slot; }) {
                return m.slot;
            } else {
                return std::nullopt;
            }
        },
        message);
}

Digest claim_of(const Message& message) {
    return std::visit(ClaimOf{}, message);
}

Result<void> verify_evidence(const Evidence& evidence, const VerifyContext& context) {
    std::vector<Message> messages;
    for (const Bytes* bytes : {&evidence.first, &evidence.second}) {
        auto decoded = decode_message(*bytes);
        if (!decoded) return tl::unexpected(decoded.error());
        if (type_of(*decoded) != evidence.kind || slot_of(*decoded) != evidence.slot ||
            sender_of(*decoded) != evidence.offender) {
            return make_error(ErrorCode::kMismatch, "evidence about another message");
        }
        auto verified = verify(*std::move(decoded), context);
        if (!verified) return tl::unexpected(verified.error());
        messages.push_back(verified->message());
    }
    if (claim_of(messages[0]) == claim_of(messages[1])) {
        return make_error(ErrorCode::kRefused, "the two messages claim the same");
    }
    return {};
}

}  // namespace consilium::consensus
