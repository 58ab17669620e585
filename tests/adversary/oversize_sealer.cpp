// Integer updates times a factor, as field elements.
#include "tests/adversary/oversize_sealer.hpp"

#include <cmath>

#include "tests/smpc/consortium.hpp"

namespace consilium::adversary {
namespace {

using smpc::Element;
using smpc::Field61;
using trainer::SealingKeys;

class OversizeSealer final : public trainer::UpdateSealer {
  public:
    explicit OversizeSealer(Element factor) : factor_(factor) {}

    [[nodiscard]] Result<std::vector<Element>> mask(const SealingKeys& keys,
                                                    std::span<const std::int64_t> update,
                                                    std::uint32_t /*norm_bits*/) const override {
        std::vector<Element> scaled;
        for (const std::int64_t value : update) {
            scaled.push_back(Field61::mul(Field61::from_signed(value), factor_));
        }
        return smpc::testing::mask_elements(keys.kdf, keys.committee, keys.ring, std::move(scaled));
    }
    [[nodiscard]] Result<std::vector<Element>> prove(
        const SealingKeys& keys, const smpc::RangeStatement& statement,
        std::span<const Element> masked) const override {
        const std::vector<Element> minus_mask = smpc::testing::mask_elements(
            keys.kdf, keys.committee, keys.ring, std::vector<Element>(masked.size(), 0));
        std::vector<Element> update;
        for (std::size_t x = 0; x < masked.size(); ++x) {
            update.push_back(Field61::sub(masked[x], minus_mask[x]));
        }
        return smpc::testing::prove_elements(keys.kdf, keys.committee, keys.ring, update,
                                             statement);
    }

  private:
    Element factor_;
};

}  // namespace

std::unique_ptr<trainer::UpdateSealer> make_sealer(const fl::AttackSpec& attack) {
    if (attack.kind != fl::AttackKind::kOversize) return nullptr;
    return std::make_unique<OversizeSealer>(static_cast<Element>(std::ceil(attack.factor)));
}

}  // namespace consilium::adversary
