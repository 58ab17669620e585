// Checks of every message type, cheapest first.
#include "consensus/verify.hpp"

#include <bit>

#include "consensus/view_change.hpp"

namespace consilium::consensus {
namespace {

Result<void> verify_header_fits(const BlockHeader& header, const Slot& slot) {
    if (header.height != slot.height || header.epoch != slot.epoch) {
        return make_error(ErrorCode::kMismatch, "header of another height or epoch");
    }
    return {};
}

// Checks of one type. The sender is a member and its signature is still unverified.
struct ContentCheck {
    const VerifyContext& context;
    const Membership& membership;

    Result<void> operator()(const PrePrepare& m) const {
        if (auto fits = verify_header_fits(m.header, m.slot); !fits) return fits;
        if (transaction_root(m.transactions) != m.header.tx_root) {
            return make_error(ErrorCode::kMismatch,
                              "transaction ids differ from the header's root");
        }
        return {};
    }
    Result<void> operator()(const Prepare& /*m*/) const { return {}; }
    Result<void> operator()(const Commit& /*m*/) const { return {}; }
    Result<void> operator()(const ViewChange& m) const {
        if (m.slot.view == View{0}) {
            return make_error(ErrorCode::kMismatch, "view change to view 0");
        }
        return {};
    }
    Result<void> operator()(const NewView& m) const {
        if (m.slot.view == View{0}) return make_error(ErrorCode::kMismatch, "new view 0");
        if (m.view_changes.size() != membership.quorum()) {
            return make_error(ErrorCode::kMismatch, "NEW-VIEW without exactly a quorum");
        }
        for (std::size_t i = 0; i < m.view_changes.size(); ++i) {
            const ViewChange& change = m.view_changes[i];
            if (change.slot != m.slot) {
                return make_error(ErrorCode::kMismatch, "NEW-VIEW holds a foreign VIEW-CHANGE");
            }
            if (i > 0 && change.sender <= m.view_changes[i - 1].sender) {
                return make_error(ErrorCode::kMismatch, "NEW-VIEW senders are not ascending");
            }
        }
        // P1: the choice is recomputed, never believed.
        if (m.chosen != chosen_digest(m.view_changes)) {
            return make_error(ErrorCode::kMismatch, "NEW-VIEW chose another block");
        }
        return {};
    }
    Result<void> operator()(const Checkpoint& m) const {
        if (!m.head) {
            if (m.epoch == Epoch{0}) return {};
            return make_error(ErrorCode::kMismatch, "genesis has epoch 0");
        }
        const BlockHeader& header = m.head->header;
        const Certificate& certificate = m.head->certificate;
        if (header.epoch != m.epoch || certificate.epoch != m.epoch || header.height == Height{0} ||
            certificate.height != header.height || certificate.digest != header_digest(header)) {
            return make_error(ErrorCode::kMismatch, "checkpoint certificate of another header");
        }
        return {};
    }
    Result<void> operator()(const CheckpointQuery& /*m*/) const { return {}; }
};

// Signatures inside a message, after the sender's own was found good.
struct InnerCheck {
    const VerifyContext& context;
    const Membership& membership;

    Result<void> operator()(const ViewChange& m) const {
        if (!m.prepared) return {};
        return verify_prepared(*m.prepared, m.slot, context.identity, membership);
    }
    Result<void> operator()(const NewView& m) const {
        for (const ViewChange& change : m.view_changes) {
            if (auto checked = verify(change, context); !checked) {
                return tl::unexpected(checked.error());
            }
        }
        return {};
    }
    Result<void> operator()(const Checkpoint& m) const {
        if (!m.head) return {};
        return verify_certificate(context.identity, membership, m.head->certificate);
    }
    template <typename T>
    Result<void> operator()(const T& /*m*/) const {
        return {};
    }
};

Signature signature_of(const Message& message) {
    return std::visit([](const auto& m) { return m.signature; }, message);
}

}  // namespace

const Membership* VerifyContext::find(Epoch epoch) const {
    for (const Membership& membership : memberships) {
        if (membership.epoch == epoch) return &membership;
    }
    return nullptr;
}

Result<VerifiedMessage> verify(Message message, const VerifyContext& context) {
    const Membership* membership = context.find(epoch_of(message));
    if (membership == nullptr) {
        return make_error(ErrorCode::kUnavailable, "message of an epoch that is not known here");
    }
    const ReplicaId sender = sender_of(message);
    if (!membership->contains(sender)) {
        return make_error(ErrorCode::kMismatch, "sender is not a member");
    }
    if (auto checked = std::visit(ContentCheck{context, *membership}, message); !checked) {
        return tl::unexpected(checked.error());
    }
    if (!verify_signature(membership->key_of(sender), signing_digest(context.identity, message),
                          signature_of(message))) {
        return make_error(ErrorCode::kInvalidSignature, "signature of the sender");
    }
    if (auto checked = std::visit(InnerCheck{context, *membership}, message); !checked) {
        return tl::unexpected(checked.error());
    }
    return VerifiedMessage(std::move(message));
}

Result<void> verify_prepared(const PreparedCertificate& prepared, const Slot& below,
                             const ChainIdentity& identity, const Membership& membership) {
    if (auto fits = verify_header_fits(prepared.header, below); !fits) return fits;
    if (prepared.view >= below.view) {
        return make_error(ErrorCode::kMismatch, "prepared in a view that is not below");
    }
    const auto count = static_cast<std::size_t>(std::popcount(prepared.signers));
    if (std::bit_width(prepared.signers) > membership.size() ||
        count != prepared.signatures.size() || count != membership.quorum()) {
        return make_error(ErrorCode::kMismatch, "prepared certificate without exactly a quorum");
    }
    const Slot slot{below.epoch, below.height, prepared.view};
    const Digest vote = prepare_vote_digest(identity, slot, header_digest(prepared.header));
    std::size_t next = 0;
    for (const ReplicaId id : signers_of(prepared.signers)) {
        if (!verify_signature(membership.key_of(id), vote, prepared.signatures[next++])) {
            return make_error(ErrorCode::kInvalidSignature, "signature of a PREPARE");
        }
    }
    return {};
}

}  // namespace consilium::consensus
