// Challenge and linear forms of the range proof.
#include "fl_engine/smpc/range_check.hpp"

#include "fl_engine/smpc/range_polynomial.hpp"

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
                             const Digest& seed_t)
    : shape_(shape) {
    const RangeChallenge challenge = make_range_challenge(shape, seed_t);
    update_weights_ = RangeProjections(shape, seed_r).weigh(challenge.tau);
    digit_weights_.reserve(shape.bits());
    Element sum = 0;
    for (const Element tau : challenge.tau) {
        sum = Field61::add(sum, tau);
        Element weight = Field61::negate(tau);
        for (std::uint32_t l = 0; l < shape.digits; ++l) {
            digit_weights_.push_back(weight);
            weight = Field61::add(weight, weight);
        }
    }
    offset_ = Field61::mul(sum, static_cast<Element>(shape.bound()));
    polynomial_ = consecutive_lagrange(shape.bits(), challenge.point);
    square_ = consecutive_lagrange(2 * shape.bits(), challenge.point);
    // F2 is zero at 1..Nb by definition; what a client says about these nodes does not exist.
    square_.erase(square_.begin() + 1,
                  square_.begin() + 1 + static_cast<std::ptrdiff_t>(shape.bits()));
}

RangeShares RangeVerifier::evaluate(std::span<const Element> update,
                                    std::span<const Element> message) const {
    CHECK(message.size() == shape_.message_length());
    const std::size_t bits = shape_.bits();
    const auto digits = message.first(bits);
    const Element f0 = message[bits];
    RangeShares shares;
    shares.lambda = Field61::add(Field61::add(inner_product(update_weights_, update), offset_),
                                 inner_product(digit_weights_, digits));
    shares.phi =
        Field61::add(Field61::mul(polynomial_[0], f0),
                     inner_product(std::span<const Element>(polynomial_).subspan(1), digits));
    shares.psi = inner_product(square_, message.subspan(bits + 1));
    return shares;
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
