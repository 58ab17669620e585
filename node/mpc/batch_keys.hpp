// Mask batches (smpc-protocol.md, section 4): their keys, P1 and P2.
//
// The keys of a batch are one record of the SecretStore from the step that first sees the batch
// until the state says CONSUMED or VOID. Masks themselves are expanded from the keys when needed.
#pragma once
#include <vector>

#include "fl_engine/smpc/batch.hpp"
#include "node/mpc/epoch_keys.hpp"

namespace consilium::mpc {

struct BatchKeys {
    std::vector<std::vector<smpc::ClientMaskKey>> masks;  // per slot 0..M, in ring order
    std::vector<smpc::PrepMaskKey> prep;
    std::vector<smpc::Element> products;  // Gamma of P1, in item order

    // nullopt: not held (erased, or this member was away when the epoch began).
    [[nodiscard]] static Result<std::optional<BatchKeys>> load(const Context& context,
                                                               std::uint64_t batch);
    // a_slot^(k): this member's share of the mask, `dimension` elements.
    [[nodiscard]] smpc::SecretElements mask_share(const Context& context, std::size_t slot,
                                                  std::uint64_t dimension) const;
};

// Takes keys for new batches, posts PREP_SHARE for those that are posting, erases finished ones.
[[nodiscard]] Result<void> step_batches(const Context& context, EpochKeys& keys);

}  // namespace consilium::mpc
