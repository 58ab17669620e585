// The proof of the update's range, once the validators drew the projections (RANGE, step R4).
#include <algorithm>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/modules.hpp"
#include "fl_engine/trainer/trainer.hpp"

namespace consilium::trainer {

namespace keys = schema::keys;

// `range_seed` comes from a record that was read with a certificate and a proof from genesis on:
// a seed that is not the chain's never gets this far. A second proof under the same mask would
// reveal digits of the update, so the first one is durable before it is sent and stays the only
// one.
Result<std::optional<Bytes>> Trainer::range_proof(const Epoch& epoch,
                                                  const schema::RoundRecord& round,
                                                  ByteView update) {
    const std::uint64_t mpc_epoch = epoch.record.mpc_epoch;
    auto stored = parts_.vault.range_proof(mpc_epoch, round.label.batch);
    if (!stored || *stored) return stored;
    auto ring = parts_.vault.mask_ring(mpc_epoch, round.label.batch);
    if (!ring) return tl::unexpected(ring.error());
    if (!*ring) return make_error(ErrorCode::kRefused, "the keys of this batch are gone");
    const auto masked = smpc::decode_words(update, round.terms.dimension);
    if (!masked) return tl::unexpected(masked.error());
    const smpc::RangeStatement statement{smpc::range_shape(round.terms.dimension, round.terms.nu),
                                         round.range_seed};
    const auto proof = parts_.sealer.prove({kdf_, epoch.committee, **ring}, statement, *masked);
    if (!proof) return tl::unexpected(proof.error());
    Bytes bytes = smpc::encode_words(*proof);
    if (auto written = parts_.vault.store_range_proof(mpc_epoch, round.label.batch, bytes);
        !written) {
        return tl::unexpected(written.error());
    }
    return std::optional<Bytes>(std::move(bytes));
}

Result<void> Trainer::prove_range(const Epoch& epoch, const schema::RoundRecord& round) {
    const schema::SlotSet own = schema::slot_bit(epoch.slot);
    if ((round.submitted & own) == 0 || (round.ranged & own) != 0) return {};
    const std::string name = "round " + std::to_string(round.label.round);
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    const auto update = parts_.vault.masked_update(batch.mpc_epoch, batch.batch);
    if (!update) return tl::unexpected(update.error());
    const auto pledge = read<schema::PledgeRecord>(keys::pledge(batch, epoch.slot));
    if (!pledge) return tl::unexpected(pledge.error());
    const bool is_ours = *update && *pledge && sha256(**update) == (*pledge)->update.sha256;
    if (!is_ours) {
        skipped_round_ = round.label.round;
        parts_.notice(name + ": another trainer submitted under our key; it has to prove the norm");
        return {};
    }
    const auto proof = range_proof(epoch, round, **update);
    if (!proof) {
        if (proof.error().code != ErrorCode::kUnavailable) {
            skipped_round_ = round.label.round;
            parts_.notice(name + ": no proof of the norm, " + proof.error().context);
        }
        return tl::unexpected(proof.error());
    }
    const schema::Range range{round.label, epoch.slot, {sha256(**proof), (*proof)->size()}};
    const auto is_too_late = [&] {
        const auto current = read<schema::RoundRecord>(keys::round(round.label.round));
        return current && *current &&
               ((*current)->label != round.label || (*current)->phase != schema::Phase::kRanging);
    };
    auto sent = execute_with_blob({static_cast<std::uint16_t>(schema::Module::kSubmission),
                                   schema::action::kRange, encode(range)},
                                  **proof, is_too_late);
    if (sent) parts_.notice(name + ": norm proved");
    return sent;
}

// No pledge names this blob before its transaction: nodes take it once that waits with them.
Result<void> Trainer::execute_with_blob(const p2p::Instruction& instruction, const Bytes& blob,
                                        const p2p::TransactionSender::IsPointless& is_pointless) {
    const auto transaction = sender_.prepare(parts_.key, instruction);
    if (!transaction) return tl::unexpected(transaction.error());
    const auto accepted = sender_.send(*transaction, p2p::WaitFor::kAccepted);
    if (!accepted) return tl::unexpected(accepted.error());
    if (accepted->state == p2p::SendState::kRefused) {
        return make_error(ErrorCode::kUnavailable, "transaction refused: " + accepted->code);
    }
    const auto uploaded = parts_.nodes.put_blob(parts_.key, {blob, parts_.wall_time()});
    if (!uploaded) return tl::unexpected(uploaded.error());
    return check_outcome(sender_.send(*transaction, p2p::WaitFor::kCommitted, is_pointless));
}

// The keys of a batch are of no use once the state says that it is over.
Result<void> Trainer::erase_spent_keys(const Epoch& epoch) {
    const auto held = parts_.vault.mask_rings(epoch.record.mpc_epoch);
    if (!held) return tl::unexpected(held.error());
    const std::vector<std::uint64_t>& live = epoch.record.live_batches;
    for (const std::uint64_t batch : *held) {
        // A batch that this state does not know yet is of a later one: the node is catching up.
        const bool is_kept =
            batch >= epoch.record.next_batch || std::binary_search(live.begin(), live.end(), batch);
        if (is_kept) continue;
        if (auto erased = parts_.vault.erase_mask_ring(epoch.record.mpc_epoch, batch); !erased) {
            return erased;
        }
    }
    return {};
}

}  // namespace consilium::trainer
