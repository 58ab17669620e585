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
    std::uint64_t dimension{};      // of the masks; the record's, when the batch was taken
    smpc::SecretElements products;  // Gamma of P1, in item order

    // nullopt: not held (erased, or this member was away when the epoch began).
    [[nodiscard]] static Result<std::optional<BatchKeys>> load(const Context& context,
                                                               std::uint64_t batch);
    // s_slot^(k): the client's blob plus this member's share of the mask. kMalformed: not such a
    // blob.
    [[nodiscard]] Result<smpc::SecretElements> update_share(const Context& context,
                                                            std::size_t slot, ByteView blob) const;
};

// rho and zeta of one batch, erased when it goes.
class HeldPrep {
  public:
    HeldPrep(const Context& context, const BatchKeys& keys, const smpc::BatchItems& items)
        : shares_(smpc::make_prep_shares(context.kdf, context.committee, context.self, keys.prep,
                                         items)) {}
    HeldPrep(const HeldPrep&) = delete;
    HeldPrep& operator=(const HeldPrep&) = delete;
    HeldPrep(HeldPrep&&) = delete;
    HeldPrep& operator=(HeldPrep&&) = delete;
    ~HeldPrep() {
        for (auto* values : {&shares_.rho, &shares_.zeta}) {
            erase_memory(values->data(), values->size() * sizeof(smpc::Element));
        }
    }
    [[nodiscard]] const smpc::PrepShares& shares() const { return shares_; }

  private:
    smpc::PrepShares shares_;
};

// Takes keys for new batches, posts PREP_SHARE for those that are posting, erases finished ones.
[[nodiscard]] Result<void> step_batches(const Context& context, EpochKeys& keys);

}  // namespace consilium::mpc
