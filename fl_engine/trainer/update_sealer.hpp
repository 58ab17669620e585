// How an update becomes what leaves the hospital: the masked update and the proof of its range.
//
// The shipped trainer has the honest way only. The test-only adversary brings its own, so that
// what the validators do with an update that no honest trainer sends can be shown.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fl_engine/smpc/range_proof.hpp"

namespace consilium::trainer {

// What both steps work with: the keys k_A^{i,b} of the round's batch.
struct SealingKeys {
    const smpc::Kdf& kdf;
    const smpc::Committee& committee;
    std::span<const smpc::ClientMaskKey> ring;
};

class UpdateSealer {
  public:
    UpdateSealer() = default;
    UpdateSealer(const UpdateSealer&) = delete;
    UpdateSealer& operator=(const UpdateSealer&) = delete;
    UpdateSealer(UpdateSealer&&) = delete;
    UpdateSealer& operator=(UpdateSealer&&) = delete;
    virtual ~UpdateSealer() = default;

    // e_i, d elements; kRefused when the integer norm passes B = 2^norm_bits.
    [[nodiscard]] virtual Result<std::vector<smpc::Element>> mask(
        const SealingKeys& keys, std::span<const std::int64_t> update,
        std::uint32_t norm_bits) const;
    // The RANGE blob of a masked update; the same bytes at every call.
    [[nodiscard]] virtual Result<std::vector<smpc::Element>> prove(
        const SealingKeys& keys, const smpc::RangeStatement& statement,
        std::span<const smpc::Element> masked) const;
};

}  // namespace consilium::trainer
