// What a simulated trainer does at each tick.
#include "tests/simulation/mpc/trainer.hpp"

#include "contracts/schema/keys.hpp"
#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/field61.hpp"
#include "fl_engine/smpc/opening.hpp"
#include "fl_engine/smpc/secret_codec.hpp"
#include "fl_engine/smpc/transport.hpp"
#include "tests/simulation/mpc/records.hpp"
#include "tests/simulation/mpc/trainer_vault.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::EpochPhase;
using schema::Phase;

constexpr std::uint64_t kDripMs = 700;
constexpr std::uint64_t kDeliverAgainMs = 900;
constexpr std::uint64_t kTransactionMs = 100;             // until one has reached most nodes
constexpr std::int64_t kTooLong = std::int64_t{1} << 22;  // B itself, in every coordinate

struct Chains {
    std::uint64_t next_batch = 0;
    std::vector<smpc::ClientChainKey> ring;
};

void store_chains(SecretDisk& disk, std::uint64_t epoch, const Chains& chains) {
    smpc::SecretWriter writer(8 + smpc::SecretWriter::ring_bytes(chains.ring));
    writer.number(chains.next_batch);
    writer.ring(chains.ring);
    vault::put(disk, vault::chains_name(epoch), writer.finish());
}

[[nodiscard]] std::optional<Chains> load_chains(SecretDisk& disk, std::uint64_t epoch) {
    const auto stored = disk.get(vault::chains_name(epoch));
    if (!stored) return std::nullopt;
    smpc::SecretReader reader(stored->view());
    Chains chains;
    chains.next_batch = reader.number();
    chains.ring = reader.ring<smpc::ClientChainKey>();
    CHECK(reader.finish("chains").has_value());
    return chains;
}

void store_ring(SecretDisk& disk, const schema::RoundLabel& label,
                const std::vector<smpc::ClientMaskKey>& ring) {
    smpc::SecretWriter writer(smpc::SecretWriter::ring_bytes(ring));
    writer.ring(ring);
    vault::put(disk, vault::ring_name(label), writer.finish());
}

}  // namespace

const char* name_of(TrainerKind kind) {
    switch (kind) {
        case TrainerKind::kHonest:
            return "client_honest";
        case TrainerKind::kVanishing:
            return "client_vanishes";
        case TrainerKind::kEquivocating:
            return "client_equivocates";
        case TrainerKind::kWithholding:
            return "blob_withheld";
        case TrainerKind::kOneNode:
            return "blob_to_one_node";
        case TrainerKind::kDripping:
            return "blob_dripped";
        case TrainerKind::kBadWords:
            return "blob_of_bad_words";
        case TrainerKind::kTooLong:
            return "update_too_long";
        case TrainerKind::kUnproved:
            return "range_unproved";
        case TrainerKind::kFalseRange:
            return "range_false";
    }
    UNREACHABLE();
}

Update similar_update(std::uint64_t seed, std::uint64_t round, std::uint64_t own,
                      std::size_t dimension) {
    Random common(seed * 1'000'003 + round);
    Random noise(seed * 7'919 + round * 104'729 + own);
    Update update(dimension);
    for (std::int64_t& value : update) {
        value = static_cast<std::int64_t>(common.below(800'001)) - 400'000 +
                static_cast<std::int64_t>(noise.below(120'001)) - 60'000;
    }
    return update;
}

Trainer::Trainer(const Parts& parts)
    : parts_(parts),
      kind_(parts.kind),
      account_(parts.stage, parts.genesis, parts.key),
      random_(parts.seed * 31 + parts.key),
      kdf_(parts.genesis.chain_id) {}

void Trainer::crash(std::uint64_t down_ms) {
    down_until_ms_ = parts_.stage.now_ms() + down_ms;
    ++lives_;
    account_.forget();
    vault_.on_crash();
    sent_.reset();
    misbehaved_round_.reset();
    dripped_.clear();
}

bool Trainer::restore_backup() {
    if (!backup_) return false;
    vault_.restore(*backup_);
    return true;
}

void Trainer::tick() {
    if (parts_.stage.now_ms() < down_until_ms_) return;
    account_.tick();
    const auto process = parts_.stage.random_process();
    if (!process) return;
    try {
        step(*process);
    } catch (const ProcessCrash&) {
        parts_.stage.count("trainer_crash_at_write");
        crash(random_.between(50, 2'000));
    }
}

void Trainer::step(std::size_t process) {
    // A copy: what is handed to the node below moves its head.
    const StateTree state = parts_.stage.driver_of(process)->state();
    if (!state.get(keys::account(public_key()))) {
        account_.send(schema::Module::kRegistration, action::kRegister,
                      encode(schema::Register{schema::Role::kTrainer,
                                              "Clinic " + std::to_string(parts_.key)}));
        return;
    }
    auto record = current_epoch(state);
    const auto slot = record ? record->find_slot(public_key()) : std::nullopt;
    if (!slot) return;
    const Epoch epoch{state, std::move(*record), *slot};
    if (epoch.record.phase != EpochPhase::kActive) {
        return post_transport_key(epoch);
    }
    if (has_mask_keys(epoch, process)) take_part(epoch, process);
}

void Trainer::post_transport_key(const Epoch& epoch) {
    if ((epoch.record.clients_with_key & schema::slot_bit(epoch.slot)) != 0) return;
    // A node that is behind: the key was posted, has served and is erased.
    if (vault_.content().contains(vault::chains_name(epoch.record.mpc_epoch))) return;
    const std::string name = vault::transport_name(epoch.record.mpc_epoch);
    if (!vault_.get(name)) {
        std::array<std::uint8_t, 32> fresh{};
        for (std::uint8_t& byte : fresh) byte = static_cast<std::uint8_t>(random_.next());
        vault::put(vault_, name, fresh);
    }
    const auto stored = vault_.get(name);
    smpc::Secret32 secret;
    std::copy(stored->view().begin(), stored->view().end(), secret.mutable_view().begin());
    const smpc::TransportSecretKey key(std::move(secret));
    if (account_.is_busy()) return;
    account_.send(schema::Module::kVerification, action::kEphemeralKey,
                  encode(schema::EphemeralKey{epoch.record.mpc_epoch, key.public_key()}));
}

bool Trainer::has_mask_keys(const Epoch& epoch, std::size_t process) {
    const std::uint64_t mpc_epoch = epoch.record.mpc_epoch;
    if (vault_.content().contains(vault::chains_name(mpc_epoch))) return true;
    const auto stored = vault_.get(vault::transport_name(mpc_epoch));
    if (!stored) return false;  // came too late: the next epoch has a place
    smpc::Secret32 secret;
    std::copy(stored->view().begin(), stored->view().end(), secret.mutable_view().begin());
    const smpc::TransportSecretKey key(std::move(secret));
    std::vector<smpc::ClientBundle> bundles;
    for (std::uint16_t member = 1; member <= epoch.record.members.size(); ++member) {
        const auto bundle = read_record<schema::BundleRecord>(
            epoch.state, keys::bundle({mpc_epoch, member, epoch.slot}));
        if (!bundle) continue;
        const auto blob = parts_.stage.disk_of(process).get_blob(bundle->ciphertexts.sha256);
        if (!blob) continue;
        auto plaintext = smpc::open_sealed({.chain_id = kdf_.chain_id(),
                                            .mpc_epoch = mpc_epoch,
                                            .label = smpc::kClientKeysLabel,
                                            .sender = member,
                                            .subject = epoch.slot,
                                            .recipient = epoch.slot},
                                           key, *blob);
        if (plaintext) bundles.push_back({member, std::move(*plaintext)});
    }
    auto ring = smpc::combine_client_bundles(committee_of(epoch.record), bundles);
    if (!ring) return false;
    store_chains(vault_, mpc_epoch, {0, std::move(*ring)});
    CHECK(vault_.erase(vault::transport_name(mpc_epoch)).has_value());
    return true;
}

Bytes Trainer::mask(const Epoch& epoch, const schema::RoundRecord& round,
                    const std::vector<smpc::ClientMaskKey>& ring) {
    const auto dimension = static_cast<std::size_t>(round.terms.dimension);
    Update update =
        similar_update(parts_.seed, round.label.round, parts_.key * 100 + lives_, dimension);
    const bool is_too_long = kind_ == TrainerKind::kTooLong;
    const Update masked_part = is_too_long ? Update(dimension) : update;
    auto words =
        smpc::mask_update(kdf_, committee_of(epoch.record), ring, masked_part, round.terms.nu)
            .value();
    if (is_too_long) {
        update.assign(dimension, kTooLong);
        for (auto& word : words) {
            word = smpc::Field61::add(word, smpc::Field61::from_signed(kTooLong));
        }
    }
    if (kind_ == TrainerKind::kBadWords) words.back() = smpc::Field61::kModulus;
    Bytes bytes = smpc::encode_words(words);
    parts_.witness.on_masked(sha256(bytes), update);
    return bytes;
}

std::optional<Bytes> Trainer::masked_update(const Epoch& epoch, const schema::RoundRecord& round) {
    const std::string name = vault::update_name(round.label);
    if (const auto stored = vault_.get(name)) return to_bytes(stored->view());
    if (round.pledges_closed) return std::nullopt;
    auto chains = load_chains(vault_, epoch.record.mpc_epoch);
    if (!chains || chains->next_batch > round.label.batch) return std::nullopt;
    std::vector<smpc::ClientMaskKey> ring;
    for (; chains->next_batch <= round.label.batch; ++chains->next_batch) {
        ring.clear();
        for (auto& chain : chains->ring) ring.push_back(smpc::step_client_chain(kdf_, chain));
    }
    Bytes bytes = mask(epoch, round, ring);
    if (parts_.is_forgetful) return bytes;
    // The chains last: if they were stepped first, a crash would lose the batch's keys.
    store_ring(vault_, round.label, ring);
    vault::put(vault_, name, bytes);
    store_chains(vault_, epoch.record.mpc_epoch, *chains);
    return bytes;
}

void Trainer::take_part(const Epoch& epoch, std::size_t process) {
    const auto round = current_round(epoch.state);
    if (!round || round->label.mpc_epoch != epoch.record.mpc_epoch) return;
    give_up_late(*round);
    if (round->phase == Phase::kRanging) return prove_range(epoch, *round, process);
    if (round->phase != Phase::kSubmitting) return;
    const auto masked = masked_update(epoch, *round);
    if (!masked) return;
    const schema::Pledge arguments{round->label, epoch.slot, {sha256(*masked), masked->size()}};
    const auto stored = read_record<schema::PledgeRecord>(
        epoch.state, keys::pledge({round->label.mpc_epoch, round->label.batch}, epoch.slot));
    if (!stored) {
        if (parts_.is_forgetful && pledged_batch_ == round->label.batch) return;
        if (!round->pledges_closed) pledge(arguments);
        return;
    }
    if (parts_.is_forgetful) ++lives_;
    if (kind_ == TrainerKind::kVanishing) return;
    if (kind_ == TrainerKind::kEquivocating && misbehaved_round_ != round->label.round) {
        misbehaved_round_ = round->label.round;
        return misbehave_after_pledge(arguments);
    }
    // Final and ours: only now may the bytes leave.
    if (!parts_.is_forgetful && !(stored->update == arguments.update)) return;
    if ((round->submitted & schema::slot_bit(epoch.slot)) != 0) return;
    hand_in({action::kSubmit, arguments.label, encode(arguments)}, *masked, process);
}

void Trainer::give_up_late(const schema::RoundRecord& round) {
    if (!sent_ || !account_.is_busy()) return;
    const std::pair attempt{round.label.round, round.label.attempt};
    const bool is_over = attempt > sent_attempt_ ||
                         (attempt == sent_attempt_ &&
                          schema::phase_order(round.phase) > schema::phase_order(sent_phase_));
    if (!is_over) return;  // or the node is behind
    account_.forget();
    sent_.reset();
}

void Trainer::pledge(const schema::Pledge& arguments) {
    if (account_.is_busy()) return;
    account_.send(schema::Module::kSubmission, action::kPledge, encode(arguments));
    pledged_batch_ = arguments.label.batch;
}

void Trainer::misbehave_after_pledge(const schema::Pledge& arguments) {
    if (account_.is_busy()) return;
    schema::Pledge other = arguments;
    other.update.sha256.bytes[0] ^= 1;
    const std::uint16_t number = random_.one_in(2) ? action::kPledge : action::kSubmit;
    account_.send(schema::Module::kSubmission, number, encode(other));
}

void Trainer::hand_in(const Message& message, const Bytes& blob, std::size_t process) {
    const Digest hash = sha256(blob);
    if (sent_ != hash) {
        if (account_.is_busy()) return;
        account_.send(schema::Module::kSubmission, message.action, message.arguments);
        if (!account_.is_busy()) return;  // nobody to hand it to
        sent_ = hash;
        dripped_.clear();
        // Nodes know the update by its pledge, a proof only by its transaction.
        const bool is_proof = message.action == action::kRange;
        sent_attempt_ = {message.label.round, message.label.attempt};
        sent_phase_ = is_proof ? Phase::kRanging : Phase::kSubmitting;
        next_delivery_ms_ = parts_.stage.now_ms() + (is_proof ? kTransactionMs : 0);
        if (kind_ != TrainerKind::kBadWords) {
            parts_.witness.on_released(
                {public_key(), {message.label.mpc_epoch, message.label.batch}, message.action},
                blob);
        }
    } else if (!account_.is_busy()) {
        // Settled, although this node may be behind and not show it: a second one would only stand
        // in the way of what comes next.
        if (account_.was_committed()) return;
        sent_.reset();  // it expired on the way
    }
    deliver(blob, process);
}

void Trainer::deliver(const Bytes& blob, std::size_t process) {
    Stage& stage = parts_.stage;
    if (kind_ == TrainerKind::kWithholding || stage.now_ms() < next_delivery_ms_) return;
    const auto give = [&](std::size_t target) {
        stage.feed(target, driver::SubmitBlob{0, public_key(), blob});
        dripped_.insert(target);
    };
    next_delivery_ms_ = stage.now_ms() + kDeliverAgainMs;
    if (kind_ == TrainerKind::kOneNode) {
        if (dripped_.empty()) give(process);
        return;
    }
    if (kind_ == TrainerKind::kDripping) {
        next_delivery_ms_ = stage.now_ms() + kDripMs;
        if (!dripped_.contains(process)) give(process);
        return;
    }
    // To f + 1 nodes, so that one of them is correct, whatever happens to the first.
    give(process);
    for (std::size_t i = 0; i < 4 && dripped_.size() < 2; ++i) {
        if (const auto other = stage.random_process()) give(*other);
    }
    dripped_.clear();
}

}  // namespace consilium::simulation
