// Derivation and stepping of an epoch's keys, and the bundles of CLIENT_KEYS.
#include "node/mpc/epoch_keys.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/secret_codec.hpp"
#include "fl_engine/smpc/transport.hpp"
#include "node/mpc/epoch_setup.hpp"
#include "node/mpc/messages.hpp"

namespace consilium::mpc {
namespace {

std::string bundle_prefix(const Context& context) {
    return epoch_name(context.epoch.mpc_epoch) + "/bundle-";
}
std::string bundle_name(const Context& context, std::size_t slot) {
    return bundle_prefix(context) + std::to_string(slot);
}

// The keys at batch 0 from the openings of every subset we belong to; those are consumed.
EpochKeys derive(const Context& context, SetupSecrets setup) {
    EpochKeys keys;
    keys.chains.resize(context.epoch.clients.size() + 1);
    for (const smpc::SubsetRank rank : context.committee.subsets_of(context.self)) {
        const auto held = setup.openings.find(context.committee.bitmap(rank));
        CHECK(held != setup.openings.end());  // collect() said complete
        smpc::SubRoots roots =
            smpc::derive_sub_roots(context.kdf, std::move(held->second.opening.key));
        for (smpc::ClientIndex slot = 0; slot < keys.chains.size(); ++slot) {
            keys.chains[slot].push_back(smpc::start_client_chain(context.kdf, roots.client, slot));
        }
        keys.prep.push_back(std::move(roots.prep));
        keys.coin.push_back(std::move(roots.coin));
        keys.blur.push_back(std::move(roots.blur));
    }
    return keys;
}

// A record that was sealed by us has these sizes unless it is of another protocol version.
bool has_sizes_of(const Context& context, const EpochKeys& keys) {
    const std::size_t ring = context.committee.subsets_of(context.self).size();
    return keys.chains.size() == context.epoch.clients.size() + 1 &&
           std::all_of(keys.chains.begin(), keys.chains.end(),
                       [&](const auto& chain) { return chain.size() == ring; }) &&
           keys.prep.size() == ring && keys.coin.size() == ring && keys.blur.size() == ring;
}

Result<void> make_bundle(const Context& context, const EpochKeys& keys, std::size_t slot) {
    const auto record = context.find<schema::EphemeralKeyRecord>(
        schema::keys::ephemeral(context.epoch.mpc_epoch, context.epoch.clients[slot - 1]));
    if (!record) return {};  // this client joins at the next epoch
    smpc::Secret32 random;
    context.options.random(random.mutable_view());
    const SecretBytes plaintext = smpc::encode_client_bundle(keys.chains[slot]);
    auto sealed =
        smpc::seal({.chain_id = context.kdf.chain_id(),
                    .mpc_epoch = context.epoch.mpc_epoch,
                    .label = smpc::kClientKeysLabel,
                    .sender = context.self,
                    .subject = slot,
                    .recipient = slot},
                   record->key, smpc::TransportSecretKey(std::move(random)), plaintext.view());
    if (!sealed) {
        context.refuse("client " + std::to_string(slot) + " posted a bad ephemeral key");
        return {};
    }
    StoredMessage message;
    message.arguments = encode(schema::ClientKeys{context.epoch.mpc_epoch,
                                                  static_cast<std::uint16_t>(slot),
                                                  {sha256(*sealed), sealed->size()}});
    message.blob = std::move(*sealed);
    return context.secrets.put(bundle_name(context, slot), encode(message));
}

}  // namespace

Result<void> EpochKeys::store(const Context& context) const {
    std::size_t size = 3 * 8;
    for (const auto& ring : chains) size += smpc::SecretWriter::ring_bytes(ring);
    size += smpc::SecretWriter::ring_bytes(prep) + smpc::SecretWriter::ring_bytes(coin) +
            smpc::SecretWriter::ring_bytes(blur);
    smpc::SecretWriter writer(size);
    writer.number(next_batch);
    writer.number(round_steps);
    writer.number(chains.size());
    for (const auto& ring : chains) writer.ring(ring);
    writer.ring(prep);
    writer.ring(coin);
    writer.ring(blur);
    return context.secrets.put(epoch_keys_name(context), writer.finish());
}

Result<std::optional<EpochKeys>> EpochKeys::load(const Context& context) {
    auto found = find_secret(context.secrets, epoch_keys_name(context));
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<EpochKeys>();
    smpc::SecretReader reader((*found)->view());
    EpochKeys keys;
    keys.next_batch = reader.number();
    keys.round_steps = reader.number();
    const std::uint64_t slots = reader.number();
    for (std::uint64_t slot = 0; slot < slots && !reader.has_failed(); ++slot) {
        keys.chains.push_back(reader.ring<smpc::ClientChainKey>());
    }
    keys.prep = reader.ring<smpc::PrepChainKey>();
    keys.coin = reader.ring<smpc::CoinRoundKey>();
    keys.blur = reader.ring<smpc::BlurRoundKey>();
    if (auto done = reader.finish("the record of the epoch's keys"); !done) {
        return tl::unexpected(done.error());
    }
    if (!has_sizes_of(context, keys)) {
        return make_error(ErrorCode::kInternal, "the record of the epoch's keys is not of it");
    }
    return std::optional<EpochKeys>(std::move(keys));
}

Result<std::optional<EpochKeys>> hold_epoch_keys(const Context& context) {
    auto keys = EpochKeys::load(context);
    if (!keys || *keys) return keys;
    auto setup = EpochSetup::load(context);
    if (!setup) return tl::unexpected(setup.error());
    const auto record =
        context.find<schema::SetupRecord>(schema::keys::setup(context.epoch.mpc_epoch));
    if (!*setup || !record) return std::optional<EpochKeys>();
    auto completeness = EpochSetup::collect(context, **setup, *record);
    if (!completeness) return tl::unexpected(completeness.error());
    if (*completeness == Completeness::kHopeless) {
        if (auto erased = EpochSetup::erase(context); !erased) {
            return tl::unexpected(erased.error());
        }
    }
    if (*completeness != Completeness::kComplete) return std::optional<EpochKeys>();
    std::optional<EpochKeys> derived = derive(context, std::move(**setup));
    for (std::size_t slot = 1; slot < derived->chains.size(); ++slot) {
        if (auto made = make_bundle(context, *derived, slot); !made) {
            return tl::unexpected(made.error());
        }
    }
    // Until this record is there, a restart derives the same keys from the setup again; bundles
    // made before it are then replaced, but none of them was sent.
    if (auto stored = derived->store(context); !stored) return tl::unexpected(stored.error());
    return derived;
}

Result<void> post_client_keys(const Context& context) {
    // Only what the store holds: most steps have no bundle left to look at.
    auto held = context.secrets.list(bundle_prefix(context));
    if (!held) return tl::unexpected(held.error());
    for (const std::string& name : *held) {
        const auto slot = number_after(name, bundle_prefix(context));
        const bool is_over = !slot || *slot == 0 || *slot > context.epoch.clients.size() ||
                             context.is_mine(context.epoch.bundles[*slot - 1]);
        if (is_over) {
            if (auto erased = context.secrets.erase(name); !erased) return erased;
            continue;
        }
        auto found = context.secrets.get(name);
        if (!found) return tl::unexpected(found.error());
        auto message = decode<StoredMessage>(found->view());
        if (!message) return tl::unexpected(message.error());
        context.owed.push_back({.label = name,
                                .module = static_cast<std::uint16_t>(schema::Module::kVerification),
                                .action = schema::action::kClientKeys,
                                .arguments = std::move(message->arguments),
                                .blobs = {std::move(message->blob)}});
    }
    return {};
}

std::uint64_t round_steps_of(const Context& context) {
    if (!context.epoch.first_round) return 0;
    const auto rounds = context.find<schema::RoundsRecord>(schema::keys::rounds());
    if (!rounds) return 0;
    const std::uint64_t target = rounds->current.value_or(rounds->next_round);
    return saturating_sub(target, *context.epoch.first_round);
}

Result<void> step_round_keys(const Context& context, EpochKeys& keys) {
    const std::uint64_t steps = round_steps_of(context);
    if (steps <= keys.round_steps) return {};
    for (; keys.round_steps < steps; ++keys.round_steps) {
        for (auto& key : keys.coin) smpc::step_round_key(context.kdf, key);
        for (auto& key : keys.blur) smpc::step_round_key(context.kdf, key);
    }
    return keys.store(context);
}

Result<bool> erase_older_epochs(SecretStore& secrets, std::uint64_t current) {
    auto names = secrets.list("epoch-");
    if (!names) return tl::unexpected(names.error());
    bool has_later = false;
    for (const std::string& name : *names) {
        const auto epoch = number_after(name, "epoch-");
        if (epoch && *epoch >= current) {
            has_later = has_later || *epoch > current;
        } else if (auto erased = secrets.erase(name); !erased) {
            return tl::unexpected(erased.error());
        }
    }
    return has_later;
}

}  // namespace consilium::mpc
