// The validators' side of the range proof, steps R5 and R6: challenge, shares, acceptance.
//
// lambda compares the projections with their digits under random weights, psi = phi^2 - phi says
// at a random point that every digit is a bit. All three are affine in shares, hence of degree t.
// Soundness: smpc-protocol.md, section 8. Nothing but "passes" is learned of an honest client.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "fl_engine/smpc/range_formulas.hpp"
#include "fl_engine/smpc/range_projection.hpp"

namespace consilium::smpc {

// What seed_T fixes: tau_1 .. tau_J, then the first word above 2 Nb.
struct RangeChallenge {
    std::vector<Element> tau;
    Element point{};  // r*
};
[[nodiscard]] RangeChallenge make_range_challenge(const RangeShape& shape, const Digest& seed_t);

// The weights of one round, the same for every client: Y and the Lagrange coefficients at r*.
class RangeVerifier {
  public:
    // `seed_r`: absent in small mode.
    RangeVerifier(const RangeShape& shape, const std::optional<Digest>& seed_r,
                  const Digest& seed_t);
    // `update`: s_i^(k), d elements. `message`: z_i^(k), Z elements. One inner product of length d
    // and three of length Nb.
    [[nodiscard]] RangeShares evaluate(std::span<const Element> update,
                                       std::span<const Element> message) const;

  private:
    std::vector<Element> update_weights_;  // Y
    RangeForms forms_;
};

// z_i^(k): the blob plus this member's share of its mask. `ring`: k_A^{i,b} in the member's order.
[[nodiscard]] SecretElements range_message_share(const Kdf& kdf, const Committee& committee,
                                                 MemberIndex self,
                                                 std::span<const ClientMaskKey> ring,
                                                 std::span<const Element> blob);

// lambda = 0 and psi = phi^2 - phi.
[[nodiscard]] bool range_passes(const RangeShares& opened);

}  // namespace consilium::smpc
