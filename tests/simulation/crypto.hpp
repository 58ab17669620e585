// Signatures of the simulation: real BIP340 in a sample of runs, a fast stand-in in the bulk.
//
// The stand-in lives here only. The linker redirects every call of consilium::verify_signature in
// the simulator's programs to this file (CMakeLists.txt, --wrap); production code has no hook. A
// stand-in signature is a hash of key and message: nobody in the simulation forges one.
#pragma once
#include <cstddef>

#include "core/signature.hpp"

namespace consilium::simulation {

enum class SignatureMode { kStandIn, kReal };

// For the whole process; the simulation is single-threaded.
void set_signature_mode(SignatureMode mode);

// Key number `index` of the simulation: the same in every run, made once.
[[nodiscard]] const KeyPair& simulation_key(std::size_t index);
[[nodiscard]] Signature simulation_sign(const KeyPair& key, const Digest& message);

}  // namespace consilium::simulation
