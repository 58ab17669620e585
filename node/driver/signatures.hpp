// How the driver signs and verifies: interfaces, so that a node uses threads and a test a cache.
//
// Certificates and transactions are checked here rather than with core's direct calls, because a
// batch over a pool of threads is many times faster.
#pragma once
#include <span>
#include <vector>

#include "core/certificate.hpp"
#include "core/digest.hpp"
#include "core/membership.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/transaction.hpp"

namespace consilium::driver {

struct SignatureCheck {
    PublicKey key;
    Digest message;
    Signature signature;
};

class SignatureVerifier {
  public:
    SignatureVerifier() = default;
    SignatureVerifier(const SignatureVerifier&) = delete;
    SignatureVerifier& operator=(const SignatureVerifier&) = delete;
    SignatureVerifier(SignatureVerifier&&) = delete;
    SignatureVerifier& operator=(SignatureVerifier&&) = delete;
    virtual ~SignatureVerifier() = default;

    [[nodiscard]] virtual bool verify(const SignatureCheck& check) = 0;
    // One answer per check, in their order. The default calls verify() for each.
    [[nodiscard]] virtual std::vector<bool> verify_all(std::span<const SignatureCheck> checks);
};

// Calls libsecp256k1 on the caller's thread.
class DirectVerifier final : public SignatureVerifier {
  public:
    [[nodiscard]] bool verify(const SignatureCheck& check) override;
};

[[nodiscard]] SignatureCheck signature_check(const Transaction& transaction);

// Same rules and errors as core's verify_certificate, through the verifier.
[[nodiscard]] Result<void> check_certificate(SignatureVerifier& verifier,
                                             const ChainIdentity& identity,
                                             const Membership& membership,
                                             const Certificate& certificate);

}  // namespace consilium::driver
