// What a trainer does at each tick.
#include "fl_engine/trainer/trainer.hpp"

#include "contracts/schema/codes.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/modules.hpp"
#include "core/random.hpp"
#include "core/secret.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/keys.hpp"
#include "fl_engine/smpc/transport.hpp"

namespace consilium::trainer {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::EpochPhase;
using schema::EpochRecord;
using schema::Phase;
using schema::RoundRecord;

constexpr std::uint16_t number_of(schema::Module module) {
    return static_cast<std::uint16_t>(module);
}

Digest digest_of(std::span<const std::int64_t> update) {
    Bytes bytes = smpc::encode_integers(update);
    const Digest digest = sha256(bytes);
    erase_memory(bytes.data(), bytes.size());
    return digest;
}

}  // namespace

Trainer::Trainer(TrainerParts parts)
    : parts_(std::move(parts)),
      reader_(parts_.nodes, parts_.genesis),
      sender_(parts_.nodes, parts_.genesis.identity(), {}),
      kdf_(parts_.genesis.chain_id) {}

void Trainer::tell_once(const std::string& line) {
    if (line == last_line_) return;
    last_line_ = line;
    parts_.notice(line);
}

Result<void> Trainer::execute(std::uint16_t module, std::uint16_t action_number, Bytes arguments,
                              const p2p::TransactionSender::IsPointless& is_pointless) {
    return check_outcome(sender_.execute(parts_.key, {module, action_number, std::move(arguments)},
                                         p2p::WaitFor::kCommitted, is_pointless));
}

Result<void> Trainer::check_outcome(const Result<p2p::SendOutcome>& outcome) {
    if (!outcome) return tl::unexpected(outcome.error());
    if (outcome->state != p2p::SendState::kCommitted) {
        return make_error(ErrorCode::kUnavailable,
                          "transaction not committed: " + outcome->code + " " + outcome->detail);
    }
    if (outcome->receipt_code != 0) {
        return make_error(ErrorCode::kRefused, "transaction refused: " + outcome->code);
    }
    return {};
}

bool Trainer::is_over(const schema::RoundLabel& label, bool needs_open_pledges) {
    const auto round = read<RoundRecord>(keys::round(label.round));
    if (!round || !*round) return false;
    return !((*round)->label == label) || (*round)->phase != Phase::kSubmitting ||
           (needs_open_pledges && (*round)->pledges_closed);
}

Result<void> Trainer::tick() {
    const auto mpc = read<schema::MpcRecord>(keys::mpc());
    if (!mpc) return tl::unexpected(mpc.error());
    if (*mpc && (*mpc)->current) {
        auto record = read<EpochRecord>(keys::epoch(*(*mpc)->current));
        if (!record) return tl::unexpected(record.error());
        const auto slot = *record ? (*record)->find_slot(parts_.key.public_key()) : std::nullopt;
        const auto committee =
            *record ? smpc::Committee::make(static_cast<std::uint32_t>((*record)->members.size()))
                    : Result<smpc::Committee>(make_error(ErrorCode::kNotFound, ""));
        if (slot && committee) {
            const Epoch epoch{std::move(**record), *slot, *committee};
            if (epoch.record.phase != EpochPhase::kActive) {
                if (auto posted = post_ephemeral_key(epoch); !posted) return posted;
            } else {
                auto is_ready = receive_keys(epoch);
                if (!is_ready) return tl::unexpected(is_ready.error());
                if (auto erased = erase_spent_keys(epoch); !erased) return erased;
                const auto rounds = read<schema::RoundsRecord>(keys::rounds());
                if (!rounds) return tl::unexpected(rounds.error());
                if (*is_ready && *rounds && (*rounds)->current) {
                    const auto round = read<RoundRecord>(keys::round(*(*rounds)->current));
                    if (!round) return tl::unexpected(round.error());
                    if (*round) {
                        if (auto done = take_part(epoch, **round); !done) return done;
                    }
                }
            }
        }
    }
    return report_metrics();
}

Result<void> Trainer::post_ephemeral_key(const Epoch& epoch) {
    if ((epoch.record.clients_with_key & schema::slot_bit(epoch.slot)) != 0) return {};
    auto stored = parts_.vault.transport_key(epoch.record.mpc_epoch);
    if (!stored) return tl::unexpected(stored.error());
    smpc::Secret32 secret;
    if (*stored) {
        secret = std::move(**stored);
    } else {
        fill_random(secret.mutable_view());
        if (auto written = parts_.vault.store_transport_key(epoch.record.mpc_epoch, secret);
            !written) {
            return written;
        }
    }
    tell_once("epoch " + std::to_string(epoch.record.mpc_epoch) + ": posting the transport key");
    const smpc::TransportSecretKey key(std::move(secret));
    return execute(number_of(schema::Module::kVerification), action::kEphemeralKey,
                   encode(schema::EphemeralKey{epoch.record.mpc_epoch, key.public_key()}));
}

Result<bool> Trainer::receive_keys(const Epoch& epoch) {
    const std::uint64_t mpc_epoch = epoch.record.mpc_epoch;
    auto chains = parts_.vault.chains(mpc_epoch);
    if (!chains) return tl::unexpected(chains.error());
    if (*chains) return true;
    auto transport = parts_.vault.transport_key(mpc_epoch);
    if (!transport) return tl::unexpected(transport.error());
    if (!*transport) return false;  // joined too late: the next epoch has a place for us
    const smpc::TransportSecretKey key(std::move(**transport));
    std::vector<smpc::ClientBundle> bundles;
    for (std::uint16_t member = 1; member <= epoch.record.members.size(); ++member) {
        const auto record =
            read<schema::BundleRecord>(keys::bundle({mpc_epoch, member, epoch.slot}));
        if (!record) return tl::unexpected(record.error());
        if (!*record) continue;
        const auto blob =
            parts_.nodes.get_blob((*record)->ciphertexts.sha256, (*record)->ciphertexts.length);
        if (!blob) continue;  // withheld or late; others may be enough
        auto plaintext = smpc::open_sealed({.chain_id = kdf_.chain_id(),
                                            .mpc_epoch = mpc_epoch,
                                            .label = smpc::kClientKeysLabel,
                                            .sender = member,
                                            .subject = epoch.slot,
                                            .recipient = epoch.slot},
                                           key, *blob);
        if (plaintext) bundles.push_back({member, std::move(*plaintext)});
    }
    auto ring = smpc::combine_client_bundles(epoch.committee, bundles);
    if (!ring) {
        tell_once("epoch " + std::to_string(mpc_epoch) +
                  ": waiting for mask keys, have bundles of " + std::to_string(bundles.size()) +
                  " of " + std::to_string(epoch.record.members.size()) + " validators");
        return false;
    }
    if (auto stored = parts_.vault.store_chains(mpc_epoch, {0, std::move(*ring)}); !stored) {
        return tl::unexpected(stored.error());
    }
    if (auto erased = parts_.vault.erase_transport_key(mpc_epoch); !erased) {
        return tl::unexpected(erased.error());
    }
    tell_once("epoch " + std::to_string(mpc_epoch) + ": mask keys received");
    return true;
}

Result<ChainSpending> Trainer::read_spending(std::uint32_t task) {
    const auto account = read<schema::AccountRecord>(keys::account(parts_.key.public_key()));
    if (!account) return tl::unexpected(account.error());
    if (!*account) return ChainSpending{};
    const std::uint32_t organisation = (*account)->organisation;
    auto of_task = read<schema::PrivacyRecord>(keys::privacy(task, organisation));
    if (!of_task) return tl::unexpected(of_task.error());
    auto overall = read<schema::PrivacyRecord>(keys::privacy(0, organisation));
    if (!overall) return tl::unexpected(overall.error());
    return ChainSpending{*of_task, *overall};
}

Result<void> Trainer::admit(const schema::TaskSpec& task, const RoundRecord& round) {
    ChainSpending spending;
    if (round.terms.privacy) {
        auto known = read_spending(round.terms.task);
        if (!known) return tl::unexpected(known.error());
        spending = *known;
    }
    return parts_.guard.admit({task, round, spending});
}

Result<Bytes> Trainer::train_and_mask(const Epoch& epoch, const schema::TaskSpec& task,
                                      const RoundRecord& round) {
    const auto model = parts_.nodes.get_blob(round.terms.model.sha256, round.terms.model.length);
    if (!model) return tl::unexpected(model.error());
    const auto update = parts_.learner.make_update(task, round, *model);
    if (!update) return tl::unexpected(update.error());
    const auto is_new = parts_.vault.claim_update(round.label.round, digest_of(*update));
    if (!is_new) return tl::unexpected(is_new.error());
    if (!*is_new) {
        return make_error(ErrorCode::kRefused,
                          "the same update was made for an earlier round: the difference of the "
                          "two sums would show the others' updates");
    }

    auto chains = parts_.vault.chains(epoch.record.mpc_epoch);
    if (!chains) return tl::unexpected(chains.error());
    if (!*chains || (*chains)->next_batch > round.label.batch) {
        return make_error(ErrorCode::kRefused, "the keys of this batch are gone");
    }
    std::vector<smpc::ClientMaskKey> ring;
    for (; (*chains)->next_batch <= round.label.batch; ++(*chains)->next_batch) {
        ring.clear();
        for (auto& chain : (*chains)->ring) ring.push_back(smpc::step_client_chain(kdf_, chain));
    }
    const auto masked = parts_.sealer.mask({kdf_, epoch.committee, ring}, *update, round.terms.nu);
    if (!masked) return tl::unexpected(masked.error());
    Bytes bytes = smpc::encode_words(*masked);
    // Keys and update first: if the chains were stepped first, a crash would lose the batch's keys.
    if (auto stored = parts_.vault.store_mask_ring(epoch.record.mpc_epoch, round.label.batch, ring);
        !stored) {
        return tl::unexpected(stored.error());
    }
    if (auto stored =
            parts_.vault.store_masked_update(epoch.record.mpc_epoch, round.label.batch, bytes);
        !stored) {
        return tl::unexpected(stored.error());
    }
    if (auto stored = parts_.vault.store_chains(epoch.record.mpc_epoch, **chains); !stored) {
        return tl::unexpected(stored.error());
    }
    if (auto erased = parts_.vault.erase_older(epoch.record.mpc_epoch, round.label.batch);
        !erased) {
        return tl::unexpected(erased.error());
    }
    return bytes;
}

Result<std::optional<Bytes>> Trainer::masked_update(const Epoch& epoch, const RoundRecord& round) {
    auto stored = parts_.vault.masked_update(epoch.record.mpc_epoch, round.label.batch);
    if (!stored || *stored) return stored;
    if (round.pledges_closed) return std::optional<Bytes>();
    const auto task = read<schema::TaskRecord>(keys::task(round.terms.task));
    if (!task) return tl::unexpected(task.error());
    if (!*task) return make_error(ErrorCode::kNotFound, "the round's task is not on the chain");
    if (auto admitted = admit((*task)->spec, round); !admitted) {
        return tl::unexpected(admitted.error());
    }
    parts_.notice("round " + std::to_string(round.label.round) + ": training on " +
                  std::to_string(parts_.learner.training_rows()) + " rows" +
                  (round.terms.privacy ? ", with noise of differential privacy" : ""));
    auto made = train_and_mask(epoch, (*task)->spec, round);
    if (!made) return tl::unexpected(made.error());
    return std::optional<Bytes>(std::move(*made));
}

Result<void> Trainer::take_part(const Epoch& epoch, const RoundRecord& round) {
    const bool is_skipped = skipped_round_ == round.label.round;
    if (is_skipped || round.label.mpc_epoch != epoch.record.mpc_epoch) return {};
    if (round.phase == Phase::kSubmitting) return submit_update(epoch, round);
    if (round.phase == Phase::kRanging) return prove_range(epoch, round);
    return {};
}

Result<void> Trainer::submit_update(const Epoch& epoch, const RoundRecord& round) {
    if (settled_round_ == round.label.round && settled_attempt_ == round.label.attempt) return {};
    const std::string name = "round " + std::to_string(round.label.round);
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    auto update = masked_update(epoch, round);
    if (!update) {
        if (update.error().code != ErrorCode::kUnavailable) {
            skipped_round_ = round.label.round;
            parts_.notice(name + ": skipped, " + update.error().context);
        }
        if (update.error().code == ErrorCode::kRefused) return {};  // told, and final
        return tl::unexpected(update.error());
    }
    if (!*update) return {};
    const schema::Pledge pledge{round.label, epoch.slot, {sha256(**update), (*update)->size()}};
    auto stored = read<schema::PledgeRecord>(keys::pledge(batch, epoch.slot));
    if (!stored) return tl::unexpected(stored.error());
    if (!*stored) {
        if (round.pledges_closed) return {};
        if (auto sent = execute(number_of(schema::Module::kSubmission), action::kPledge,
                                encode(pledge), [&] { return is_over(round.label, true); });
            !sent) {
            return sent;
        }
        parts_.notice(name + ": pledged");
        stored = read<schema::PledgeRecord>(keys::pledge(batch, epoch.slot));
        if (!stored) return tl::unexpected(stored.error());
        if (!*stored) return {};  // the node lags behind the block; the next tick sees it
    }
    // Proven and final: only now may the bytes leave, and only if they are the pledged ones.
    if (!((*stored)->update == pledge.update)) {
        skipped_round_ = round.label.round;
        parts_.notice(name +
                      ": another update is pledged under our key (an old disk, or a second "
                      "trainer); this round is skipped");
        return {};
    }
    if ((round.submitted & schema::slot_bit(epoch.slot)) != 0) {
        settled_round_ = round.label.round;
        settled_attempt_ = round.label.attempt;
        return {};
    }
    const auto uploaded = parts_.nodes.put_blob(parts_.key, {**update, parts_.wall_time()});
    if (!uploaded) return tl::unexpected(uploaded.error());
    auto sent = execute(number_of(schema::Module::kSubmission), action::kSubmit, encode(pledge),
                        [&] { return is_over(round.label, false); });
    if (sent) {
        settled_round_ = round.label.round;
        settled_attempt_ = round.label.attempt;
        parts_.notice(name + ": masked update submitted");
    }
    return sent;
}

Result<void> Trainer::report_metrics() {
    const auto tasks = read<schema::TasksRecord>(keys::tasks());
    if (!tasks) return tl::unexpected(tasks.error());
    if (!*tasks) return {};
    for (std::uint32_t id = 1; id < (*tasks)->next_task; ++id) {
        const auto task = read<schema::TaskRecord>(keys::task(id));
        if (!task) return tl::unexpected(task.error());
        if (!*task) continue;
        if (auto reported = report_version(**task); !reported) return reported;
    }
    return {};
}

Result<void> Trainer::report_version(const schema::TaskRecord& task) {
    const auto settled = settled_versions_.find(task.id);
    // After a start only the newest version is of interest; from then on every one, in order.
    const std::uint32_t version =
        settled == settled_versions_.end() ? task.latest_version : settled->second + 1;
    if (version == 0 || version > task.latest_version) return {};
    const auto known = read<schema::MetricsRecord>(keys::metrics(task.id, version));
    if (!known) return tl::unexpected(known.error());
    bool is_reported = false;
    if (*known) {
        for (const schema::MetricsEntry& entry : (*known)->entries) {
            is_reported = is_reported || entry.trainer == parts_.key.public_key();
        }
    }
    if (!is_reported && !parts_.guard.reports_metrics(task.spec)) {
        tell_once("task " + std::to_string(task.id) +
                  ": metrics stay here, they are exact figures about patients (site policy)");
    } else if (!is_reported) {
        const auto model = read<schema::ModelRecord>(keys::model(task.id, version));
        if (!model) return tl::unexpected(model.error());
        if (!*model) return {};
        const auto blob =
            parts_.nodes.get_blob((*model)->parameters.sha256, (*model)->parameters.length);
        if (!blob) return tl::unexpected(blob.error());
        const auto metrics = parts_.learner.evaluate(task, version, *blob);
        if (metrics) {
            if (auto sent = execute(number_of(schema::Module::kModels), action::kReportMetrics,
                                    encode(*metrics));
                !sent && sent.error().code != ErrorCode::kRefused) {
                return sent;
            }
        } else {
            tell_once("model version " + std::to_string(version) + ": " + metrics.error().context);
        }
    }
    settled_versions_[task.id] = version;
    return {};
}

}  // namespace consilium::trainer
