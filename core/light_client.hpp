// Follows a chain by certificates only: trusts the genesis, verifies everything else.
//
// Give it headers with their certificates in any ascending order of height; where the membership
// changes it needs the header at which it changed and the new membership. Pure: no I/O, no clock.
#pragma once
#include <optional>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/state_tree.hpp"

namespace consilium {

class LightClient {
  public:
    LightClient(ChainIdentity identity, Membership membership);

    // Accepts a final header above the last one. kMismatch when it is not newer, does not belong to
    // the certificate or is of another epoch; kInvalidSignature as verify_certificate. When the
    // header announces another membership, `next` must be that membership.
    [[nodiscard]] Result<void> accept(const BlockHeader& header, const Certificate& certificate,
                                      const std::optional<Membership>& next = std::nullopt);

    // Checks a header that is not newer than the last one, without moving forward (same epoch
    // only).
    [[nodiscard]] Result<void> check(const BlockHeader& header,
                                     const Certificate& certificate) const;

    // The value of `key` in the state of the last accepted header, proven.
    [[nodiscard]] Result<void> check_state(ByteView key, const std::optional<Bytes>& value,
                                           const StateProof& proof) const;

    [[nodiscard]] const std::optional<BlockHeader>& head() const { return head_; }
    [[nodiscard]] const Membership& membership() const { return membership_; }
    [[nodiscard]] const ChainIdentity& identity() const { return identity_; }

  private:
    ChainIdentity identity_;
    Membership membership_;  // certifies the next header
    std::optional<BlockHeader> head_;
};

}  // namespace consilium
