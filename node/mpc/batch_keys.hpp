// Keys of mask batches (smpc-protocol.md, section 4): one record of the SecretStore a batch.
//
// The record lives from the step that first sees the batch until the state says CONSUMED, VOID or
// BURNED. Masks themselves are expanded from the keys when needed. The record also remembers for
// which of its two possible ends the batch was used: shares of a round, or a reveal. Never both
// (Invariant I), whatever a state may say.
#pragma once
#include <map>
#include <vector>

#include "fl_engine/smpc/batch.hpp"
#include "node/mpc/epoch_keys.hpp"

namespace consilium::mpc {

enum class BatchUse : std::uint8_t {
    kNone = 0,
    kServes = 1,    // a final state showed it CERTIFIED or ASSIGNED: its keys are never revealed
    kRevealed = 2,  // its keys were revealed, or were about to be: it never serves a round
};

struct BatchKeys {
    std::vector<std::vector<smpc::ClientMaskKey>> masks;  // per slot 0..M, in ring order
    std::vector<smpc::PrepMaskKey> prep;
    std::uint64_t dimension{};      // of the masks; the record's, when the batch was taken
    smpc::SecretElements products;  // Gamma of P1, in item order; empty until it is computed
    BatchUse use = BatchUse::kNone;
    std::map<std::uint64_t, Digest> released;  // PREP_W, PREP_CHK: hash of the arguments, by action

    // nullopt: not held (erased, or this member was away when the epoch began).
    [[nodiscard]] static Result<std::optional<BatchKeys>> load(const Context& context,
                                                               std::uint64_t batch);
    [[nodiscard]] Result<void> store(const Context& context, std::uint64_t batch) const;
    // s_slot^(k): the client's blob plus this member's share of the mask. kMalformed: not such a
    // blob.
    [[nodiscard]] Result<smpc::SecretElements> update_share(const Context& context,
                                                            std::size_t slot, ByteView blob) const;
    // The streams of all slots, for a pass over all masks.
    [[nodiscard]] std::vector<std::vector<smpc::Prg>> mask_streams(const Context& context) const;
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

// CONSUMED, VOID or BURNED.
[[nodiscard]] bool is_over(const schema::BatchRecord& record);
// The name of the batch's record, and the beginning of the labels of its messages.
[[nodiscard]] std::string batch_name(const Context& context, std::uint64_t batch);

// Takes the keys of batches that are new in this state; their products are computed later.
[[nodiscard]] Result<void> take_new_batches(const Context& context, EpochKeys& keys);
// Erases the records of batches that are over.
[[nodiscard]] Result<void> erase_finished_batches(const Context& context);

// Makes it durable that the batch serves a round. False: its keys were revealed, it must not.
[[nodiscard]] Result<bool> claim_for_round(const Context& context, std::uint64_t batch,
                                           BatchKeys& keys);
// True: send it; the record of it is durable. False: something else went out under this action.
[[nodiscard]] Result<bool> may_release_once(const Context& context, std::uint64_t batch,
                                            BatchKeys& keys, const Outgoing& outgoing);

}  // namespace consilium::mpc
