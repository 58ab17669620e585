// Checks headers against certificates and follows memberships.
#include "core/light_client.hpp"

namespace consilium {

LightClient::LightClient(ChainIdentity identity, Membership membership)
    : identity_(std::move(identity)) {
    eras_.push_back({std::move(membership), std::nullopt, std::nullopt});
}

const LightClient::Era* LightClient::find(Epoch epoch) const {
    for (const Era& era : eras_) {
        if (era.membership.epoch == epoch) return &era;
    }
    return nullptr;
}

Result<void> LightClient::check(const BlockHeader& header, const Certificate& certificate) const {
    if (certificate.digest != header_digest(header) || certificate.height != header.height ||
        certificate.epoch != header.epoch) {
        return make_error(ErrorCode::kMismatch, "the certificate is of another block");
    }
    const Era* era = find(header.epoch);
    if (era == nullptr) {
        return make_error(ErrorCode::kUnavailable, "the membership of this epoch is not known");
    }
    if ((era->after && header.height <= *era->after) || (era->last && header.height > *era->last)) {
        return make_error(ErrorCode::kMismatch, "the height lies outside the header's epoch");
    }
    return verify_certificate(identity_, era->membership, certificate);
}

Result<void> LightClient::accept(const BlockHeader& header, const Certificate& certificate,
                                 const std::optional<Membership>& next) {
    if (head_ && header.height <= head_->height) {
        return make_error(ErrorCode::kMismatch, "header is not newer than the last accepted one");
    }
    if (header.epoch != membership().epoch) {
        return make_error(ErrorCode::kMismatch, "the header is not of the present epoch");
    }
    if (auto checked = check(header, certificate); !checked) return checked;
    if (header.membership_hash != membership().hash()) {
        if (!next || next->hash() != header.membership_hash) {
            return make_error(ErrorCode::kMismatch,
                              "the header announces a membership that was not given");
        }
        if (next->epoch != membership().epoch.next()) {
            return make_error(ErrorCode::kMismatch, "membership epochs follow one another");
        }
        eras_.back().last = header.height;
        eras_.push_back({*next, header.height, std::nullopt});
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
