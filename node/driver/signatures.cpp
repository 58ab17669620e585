// Certificates and transactions, checked through a verifier.
#include "node/driver/signatures.hpp"

#include <algorithm>
#include <bit>
#include <string>

namespace consilium::driver {

std::vector<bool> SignatureVerifier::verify_all(std::span<const SignatureCheck> checks) {
    std::vector<bool> valid;
    valid.reserve(checks.size());
    for (const SignatureCheck& check : checks) valid.push_back(verify(check));
    return valid;
}

bool DirectVerifier::verify(const SignatureCheck& check) {
    return verify_signature(check.key, check.message, check.signature);
}

SignatureCheck signature_check(const Transaction& transaction) {
    return {transaction.sender, signing_digest(transaction), transaction.signature};
}

Result<void> check_certificate(SignatureVerifier& verifier, const ChainIdentity& identity,
                               const Membership& membership, const Certificate& certificate) {
    if (certificate.epoch != membership.epoch) {
        return make_error(ErrorCode::kMismatch, "certificate of another epoch");
    }
    const std::uint64_t signers = certificate.signers;
    const auto count = static_cast<std::size_t>(std::popcount(signers));
    if (static_cast<std::size_t>(std::bit_width(signers)) > membership.size()) {
        return make_error(ErrorCode::kMismatch, "a signer is outside the membership");
    }
    if (count != certificate.signatures.size() || count < membership.quorum()) {
        return make_error(ErrorCode::kMismatch, "the certificate is short of a quorum");
    }
    const Digest message = commit_vote_digest(
        identity, {certificate.epoch, certificate.height, certificate.view, certificate.digest});
    std::vector<SignatureCheck> checks;
    for (std::uint16_t id = 0; id < membership.size(); ++id) {
        if (((signers >> id) & 1U) == 0) continue;
        checks.push_back(
            {membership.key_of(ReplicaId{id}), message, certificate.signatures[checks.size()]});
    }
    const std::vector<bool> valid = verifier.verify_all(checks);
    if (!std::all_of(valid.begin(), valid.end(), [](bool is_valid) { return is_valid; })) {
        return make_error(ErrorCode::kInvalidSignature, "a commit signature does not verify");
    }
    return {};
}

}  // namespace consilium::driver
