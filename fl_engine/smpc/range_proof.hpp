// The client's side of the range proof, step R4: from the pledged bytes to the RANGE blob.
//
// The message is z = (bit_1 .. bit_Nb, F(0), F2(0), F2(Nb+1) .. F2(2 Nb)): the digits of y + T, and
// F2 = F^2 - F of the polynomial F through F_0 and the bits. F2 is zero at 1..Nb exactly when every
// digit is a bit. The blob is z minus the mask streams, so it tells nothing without every key.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/range_projection.hpp"

namespace consilium::smpc {

struct RangeStatement {
    RangeShape shape;
    std::optional<Digest> seed;  // seed_R of the final SEED; absent in small mode
};

// F_0: uniform to any t members, and the same at every call (domain 8).
[[nodiscard]] Element range_point(const Kdf& kdf, const Committee& committee,
                                  std::span<const ClientMaskKey> ring);

// z for J projections. kRefused when one of them is outside [-T, T).
[[nodiscard]] Result<SecretElements> range_message(const RangeShape& shape,
                                                   std::span<const std::int64_t> projections,
                                                   Element f0);
// z for given digits (Nb elements, bits or not): what range_message() does once it has them.
[[nodiscard]] SecretElements digits_message(std::span<const Element> digits, Element f0);

// z - sum of PRG(k_A, 2).
[[nodiscard]] std::vector<Element> mask_range_message(const Kdf& kdf, const Committee& committee,
                                                      std::span<const ClientMaskKey> ring,
                                                      std::span<const Element> message);

// The RANGE blob of a pledged update e_i: u_i and everything else is computed again from e_i and
// the batch's keys, so a retry gives identical bytes. kMismatch: keys or length do not fit.
// kRefused: the update is not one that an honest client pledges.
[[nodiscard]] Result<std::vector<Element>> make_range_proof(const Kdf& kdf,
                                                            const Committee& committee,
                                                            std::span<const ClientMaskKey> ring,
                                                            const RangeStatement& statement,
                                                            std::span<const Element> masked);

}  // namespace consilium::smpc
