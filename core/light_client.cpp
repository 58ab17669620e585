// Checks headers against certificates and follows memberships.
#include "core/light_client.hpp"

namespace consilium {

LightClient::LightClient(ChainIdentity identity, Membership membership)
    : identity_(std::move(identity)), membership_(std::move(membership)) {}

Result<void> LightClient::check(const BlockHeader& header, const Certificate& certificate) const {
    if (certificate.digest != header_digest(header) || certificate.height != header.height ||
        certificate.epoch != header.epoch) {
        return make_error(ErrorCode::kMismatch, "the certificate is of another block");
    }
    return verify_certificate(identity_, membership_, certificate);
}

Result<void> LightClient::accept(const BlockHeader& header, const Certificate& certificate,
                                 const std::optional<Membership>& next) {
    if (head_ && header.height <= head_->height) {
        return make_error(ErrorCode::kMismatch, "header is not newer than the last accepted one");
    }
    if (auto checked = check(header, certificate); !checked) return checked;
    if (header.membership_hash != membership_.hash()) {
        if (!next || next->hash() != header.membership_hash) {
            return make_error(ErrorCode::kMismatch,
                              "the header announces a membership that was not given");
        }
        if (next->epoch != membership_.epoch.next()) {
            return make_error(ErrorCode::kMismatch, "membership epochs follow one another");
        }
        membership_ = *next;
    }
    head_ = header;
    return {};
}

Result<void> LightClient::check_state(ByteView key, const std::optional<Bytes>& value,
                                      const StateProof& proof) const {
    if (!head_) return make_error(ErrorCode::kUnavailable, "no header accepted yet");
    return verify_state_proof(head_->state_root, key, value, proof);
}

}  // namespace consilium
