// Follows a chain by certificates only: trusts the genesis, verifies everything else.
//
// Give it headers with their certificates in any ascending order of height; where the membership
// changes it needs the header at which it changed and the new membership. It remembers every
// membership it has followed and where its epoch ended: a certificate of former members counts for
// heights of their epoch only, whatever became of their keys. Pure: no I/O, no clock.
#pragma once
#include <optional>
#include <vector>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/state_tree.hpp"

namespace consilium {

class LightClient {
  public:
    LightClient(ChainIdentity identity, Membership membership);

    // Accepts a final header above the last one. kMismatch when it is not newer, does not belong to
    // the certificate or is not of the present epoch; kInvalidSignature as verify_certificate. When
    // the header announces another membership, `next` must be that membership.
    [[nodiscard]] Result<void> accept(const BlockHeader& header, const Certificate& certificate,
                                      const std::optional<Membership>& next = std::nullopt);

    // Checks a header of any epoch that was followed, without moving forward. kMismatch also for a
    // height outside its epoch, kUnavailable for an epoch that is not known.
    [[nodiscard]] Result<void> check(const BlockHeader& header,
                                     const Certificate& certificate) const;

    // The value of `key` in the state of the last accepted header, proven.
    [[nodiscard]] Result<void> check_state(ByteView key, const std::optional<Bytes>& value,
                                           const StateProof& proof) const;

    [[nodiscard]] const std::optional<BlockHeader>& head() const { return head_; }
    // Certifies the next header.
    [[nodiscard]] const Membership& membership() const { return eras_.back().membership; }
    [[nodiscard]] const ChainIdentity& identity() const { return identity_; }

  private:
    // Heights in (after, last] are certified by the membership.
    struct Era {
        Membership membership;
        std::optional<Height> after;  // absent: of the membership that was trusted at the start
        std::optional<Height> last;   // absent: goes on
    };
    [[nodiscard]] const Era* find(Epoch epoch) const;

    ChainIdentity identity_;
    std::vector<Era> eras_;  // consecutive epochs
    std::optional<BlockHeader> head_;
};

}  // namespace consilium
