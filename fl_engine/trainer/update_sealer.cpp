// The honest way.
#include "fl_engine/trainer/update_sealer.hpp"

#include "fl_engine/smpc/encoding.hpp"

namespace consilium::trainer {

Result<std::vector<smpc::Element>> UpdateSealer::mask(const SealingKeys& keys,
                                                      std::span<const std::int64_t> update,
                                                      std::uint32_t norm_bits) const {
    return smpc::mask_update(keys.kdf, keys.committee, keys.ring, update, norm_bits);
}

Result<std::vector<smpc::Element>> UpdateSealer::prove(
    const SealingKeys& keys, const smpc::RangeStatement& statement,
    std::span<const smpc::Element> masked) const {
    return smpc::make_range_proof(keys.kdf, keys.committee, keys.ring, statement, masked);
}

}  // namespace consilium::trainer
