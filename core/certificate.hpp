// Commit certificate: the proof, by signatures of a quorum, that a block is final.
//
// It holds COMMIT signatures of distinct members on (chain, epoch, height, view, digest). The
// bitmap names the signers; signatures follow in ascending replica id.
#pragma once
#include <cstdint>
#include <vector>

#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium {

struct Certificate {
    Epoch epoch;
    Height height;
    View view;
    Digest digest;                      // header_digest of the block
    std::uint64_t signers{};            // bit i = replica i
    std::vector<Signature> signatures;  // one per set bit, lowest bit first
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("height", self.height);
        visit("view", self.view);
        visit("digest", self.digest);
        visit("signers", self.signers);
        visit("signatures", self.signatures, Limit{kMaxMembers});
    }
    friend bool operator==(const Certificate&, const Certificate&) = default;
};

// What a COMMIT signature signs.
struct CommitVote {
    Epoch epoch;
    Height height;
    View view;
    Digest digest;
};
[[nodiscard]] Digest commit_vote_digest(const ChainIdentity& identity, const CommitVote& vote);

// Every signature that is stored is verified, and there are at least a quorum of them.
// kMismatch: another epoch, signers outside the membership, counts that differ, too few;
// kInvalidSignature: a signature does not verify.
[[nodiscard]] Result<void> verify_certificate(const ChainIdentity& identity,
                                              const Membership& membership,
                                              const Certificate& certificate);

}  // namespace consilium
