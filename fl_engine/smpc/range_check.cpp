// Challenge and linear forms of the range proof.
#include "fl_engine/smpc/range_check.hpp"

namespace consilium::smpc {

RangeChallenge make_range_challenge(const RangeShape& shape, const Digest& seed_t) {
    Prg stream = Prg::expand(seed_t);
    RangeChallenge challenge;
    challenge.tau.resize(shape.projections);
    stream.fill_elements(challenge.tau);
    do {
        stream.fill_elements({&challenge.point, 1});
    } while (challenge.point <= 2 * shape.bits());
    return challenge;
}

RangeVerifier::RangeVerifier(const RangeShape& shape, const std::optional<Digest>& seed_r,
                             const Digest& seed_t) {
    const RangeChallenge challenge = make_range_challenge(shape, seed_t);
    update_weights_ = RangeProjections(shape, seed_r).weigh(challenge.tau);
    forms_ = make_range_forms<Field61>(shape, challenge.tau, challenge.point);
}

RangeShares RangeVerifier::evaluate(std::span<const Element> update,
                                    std::span<const Element> message) const {
    return evaluate_range<Field61>(forms_, inner_product(update_weights_, update), message);
}

SecretElements range_message_share(const Kdf& kdf, const Committee& committee, MemberIndex self,
                                   std::span<const ClientMaskKey> ring,
                                   std::span<const Element> blob) {
    ShareStream masks(committee, self, open_streams(kdf, ring, PrgDomain::kRangeMask));
    SecretElements share(blob.size());
    masks.next(share);
    add_vectors(share, blob, share);
    return share;
}

bool range_passes(const RangeShares& opened) {
    const Element defect = Field61::sub(Field61::mul(opened.phi, opened.phi), opened.phi);
    return opened.lambda == 0 && opened.psi == defect;
}

}  // namespace consilium::smpc
