// Verification of commit certificates.
#include "core/certificate.hpp"

#include <bit>

namespace consilium {
namespace {

struct CommitVoteContent {
    std::string chain_id;
    Digest genesis_hash;
    CommitVote vote;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain_id, Limit{kMaxChainIdBytes});
        visit("genesis_hash", self.genesis_hash);
        visit("epoch", self.vote.epoch);
        visit("height", self.vote.height);
        visit("view", self.vote.view);
        visit("digest", self.vote.digest);
    }
};

}  // namespace

Digest commit_vote_digest(const ChainIdentity& identity, const CommitVote& vote) {
    return tagged_hash("consilium/commit/v1",
                       encode(CommitVoteContent{identity.chain_id, identity.genesis_hash, vote}));
}

Result<void> verify_certificate(const ChainIdentity& identity, const Membership& membership,
                                const Certificate& certificate) {
    if (certificate.epoch != membership.epoch) {
        return make_error(ErrorCode::kMismatch, "certificate of another epoch");
    }
    const std::size_t count = static_cast<std::size_t>(std::popcount(certificate.signers));
    if (std::bit_width(certificate.signers) > membership.size()) {
        return make_error(ErrorCode::kMismatch,
                          "certificate names a signer outside the membership");
    }
    if (count != certificate.signatures.size() || count < membership.quorum()) {
        return make_error(ErrorCode::kMismatch,
                          "certificate has " + std::to_string(certificate.signatures.size()) +
                              " signatures of " + std::to_string(count) + " signers, quorum is " +
                              std::to_string(membership.quorum()));
    }
    const Digest message = commit_vote_digest(
        identity, {certificate.epoch, certificate.height, certificate.view, certificate.digest});
    std::size_t next = 0;
    for (std::uint16_t id = 0; id < membership.size(); ++id) {
        if (((certificate.signers >> id) & 1U) == 0) continue;
        if (!verify_signature(membership.key_of(ReplicaId{id}), message,
                              certificate.signatures[next++])) {
            return make_error(ErrorCode::kInvalidSignature,
                              "commit signature of replica " + std::to_string(id));
        }
    }
    return {};
}

}  // namespace consilium
