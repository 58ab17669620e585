// The proof of the update's range: recomputed from the pledged bytes, durable before it leaves.
#include "contracts/schema/keys.hpp"
#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/field61.hpp"
#include "fl_engine/smpc/range_proof.hpp"
#include "fl_engine/smpc/secret_codec.hpp"
#include "tests/simulation/mpc/records.hpp"
#include "tests/simulation/mpc/trainer.hpp"
#include "tests/simulation/mpc/trainer_vault.hpp"

namespace consilium::simulation {
namespace {

namespace keys = schema::keys;
using Ring = std::vector<smpc::ClientMaskKey>;

[[nodiscard]] std::optional<Ring> load_ring(SecretDisk& disk, const schema::RoundLabel& label) {
    const auto stored = disk.get(vault::ring_name(label));
    if (!stored) return std::nullopt;
    smpc::SecretReader reader(stored->view());
    Ring ring = reader.ring<smpc::ClientMaskKey>();
    CHECK(reader.finish("ring").has_value());
    return ring;
}

// A proof of an update of zeros in the place of one that cannot be proved.
[[nodiscard]] std::vector<smpc::Element> forge_proof(const smpc::Kdf& kdf,
                                                     const smpc::Committee& committee,
                                                     const Ring& ring,
                                                     const smpc::RangeShape& shape) {
    const std::vector<std::int64_t> zeros(shape.projections);
    const auto message =
        smpc::range_message(shape, zeros, smpc::range_point(kdf, committee, ring)).value();
    return smpc::mask_range_message(kdf, committee, ring, message);
}

}  // namespace

std::optional<Bytes> Trainer::range_proof(const Epoch& epoch, const schema::RoundRecord& round,
                                          ByteView update) {
    const std::string name = vault::range_name(round.label);
    if (const auto stored = vault_.get(name)) return to_bytes(stored->view());
    const auto ring = load_ring(vault_, round.label);
    if (!ring) return std::nullopt;
    const smpc::RangeStatement statement{smpc::range_shape(round.terms.dimension, round.terms.nu),
                                         round.range_seed};
    const auto masked =
        smpc::decode_words(update, static_cast<std::size_t>(round.terms.dimension)).value();
    const smpc::Committee committee = committee_of(epoch.record);
    auto proof = smpc::make_range_proof(kdf_, committee, *ring, statement, masked);
    const bool is_forged = !proof || kind_ == TrainerKind::kFalseRange;
    if (!proof) {
        CHECK(parts_.kind == TrainerKind::kTooLong);
        proof = forge_proof(kdf_, committee, *ring, statement.shape);
    } else if (is_forged) {
        proof->back() = smpc::Field61::add(proof->back(), 1);
    }
    Bytes bytes = smpc::encode_words(*proof);
    parts_.witness.on_proved(sha256(bytes), is_forged);
    vault::put(vault_, name, bytes);
    return bytes;
}

void Trainer::prove_range(const Epoch& epoch, const schema::RoundRecord& round,
                          std::size_t process) {
    const schema::SlotSet own = schema::slot_bit(epoch.slot);
    if ((round.submitted & own) == 0 || (round.ranged & own) != 0) return;
    if (kind_ == TrainerKind::kUnproved) return;
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    const auto pledge =
        read_record<schema::PledgeRecord>(epoch.state, keys::pledge(batch, epoch.slot));
    const auto update = vault_.get(vault::update_name(round.label));
    const bool is_ours = update && pledge && sha256(update->view()) == pledge->update.sha256;
    if (!is_ours) return;
    auto proof = range_proof(epoch, round, update->view());
    if (!proof) return;
    if (parts_.is_unsteady) {
        proof->front() = static_cast<std::uint8_t>(proof->front() + ++steps_of_proof_);
        account_.forget();
    }
    const schema::Range arguments{round.label, epoch.slot, {sha256(*proof), proof->size()}};
    hand_in({schema::action::kRange, round.label, encode(arguments)}, *proof, process);
}

}  // namespace consilium::simulation
