// How the replica signs, without holding a key.
//
// step() calls sign() at most once for each distinct vote and hands the bytes out to be persisted
// before they are sent; a restart resends those bytes. So an implementation may use fresh auxiliary
// randomness (KeyPair::sign); tests use a pure function of key and digest to get equal transcripts.
#pragma once
#include "core/digest.hpp"
#include "core/signature.hpp"

namespace consilium::consensus {

class Signer {
  public:
    virtual ~Signer() = default;
    [[nodiscard]] virtual PublicKey public_key() const = 0;
    // Must not block on anything but the computation, must not fail.
    [[nodiscard]] virtual Signature sign(const Digest& digest) const = 0;
};

}  // namespace consilium::consensus
