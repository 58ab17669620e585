// Drawing, committing to, receiving and acknowledging subset keys.
#include "node/mpc/epoch_setup.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/secret_codec.hpp"
#include "node/mpc/key_exchange.hpp"
#include "node/mpc/messages.hpp"

namespace consilium::mpc {
namespace {

using schema::SubsetSetup;
namespace action = schema::action;

constexpr auto kModule = static_cast<std::uint16_t>(schema::Module::kVerification);

std::string setup_name(const Context& context) {
    return epoch_name(context.epoch.mpc_epoch) + "/setup";
}

smpc::Secret32 draw(const Context& context) {
    smpc::Secret32 secret;
    context.options.random(secret.mutable_view());
    return secret;
}

Result<void> store(const Context& context, const SetupSecrets& secrets) {
    constexpr std::size_t kEntryBytes = 8 + Digest::kSize + smpc::kSubsetOpeningBytes;
    smpc::SecretWriter writer(smpc::kKeyBytes + 8 + secrets.openings.size() * kEntryBytes);
    writer.bytes(secrets.transport.view());
    writer.number(secrets.openings.size());
    for (const auto& [subset, held] : secrets.openings) {
        writer.number(subset);
        writer.bytes(held.commitment.view());
        writer.bytes(held.opening.key.secret().view());
        writer.bytes(held.opening.nonce.view());
    }
    return context.secrets.put(setup_name(context), writer.finish());
}

void owe(const Context& context, Outgoing outgoing) {
    outgoing.module = kModule;
    context.owed.push_back(std::move(outgoing));
}

Result<void> post_ephemeral_key(const Context& context, SetupSecrets& secrets, bool is_new) {
    if (is_new) {
        secrets.transport = draw(context);
        if (auto stored = store(context, secrets); !stored) return stored;
    }
    const smpc::TransportSecretKey key(secrets.transport.clone());
    owe(context,
        {.label = epoch_name(context.epoch.mpc_epoch) + "/ephemeral-key",
         .action = action::kEphemeralKey,
         .arguments = encode(schema::EphemeralKey{context.epoch.mpc_epoch, key.public_key()}),
         .blobs = {}});
    return {};
}

std::optional<smpc::TransportPublicKey> ephemeral_of(const Context& context,
                                                     const PublicKey& account) {
    const auto record = context.find<schema::EphemeralKeyRecord>(
        schema::keys::ephemeral(context.epoch.mpc_epoch, account));
    if (!record) return std::nullopt;
    return record->key;
}

// Draws one opening and appends it to the blob, sealed for every other member of the subset. A
// member without an ephemeral key gets zeros, which open to nothing.
HeldOpening draw_opening(const Context& context, const SubsetSetup& entry, Bytes& blob) {
    smpc::SubsetOpening opening{smpc::SubsetKey(draw(context)), draw(context)};
    const SecretBytes plaintext = smpc::encode_subset_opening(opening);
    for (smpc::MemberIndex member = 1; member <= context.committee.n(); ++member) {
        if (member == context.self || (entry.subset & schema::member_bit(member)) == 0) continue;
        const auto recipient = ephemeral_of(context, context.epoch.members[member - 1]);
        const smpc::TransportSecretKey ephemeral(draw(context));
        auto sealed = recipient ? smpc::seal({.chain_id = context.kdf.chain_id(),
                                              .mpc_epoch = context.epoch.mpc_epoch,
                                              .label = smpc::kKeyCommitLabel,
                                              .sender = context.self,
                                              .subject = entry.subset,
                                              .recipient = member},
                                             *recipient, ephemeral, plaintext.view())
                                : Result<Bytes>(Bytes(smpc::kSealedOpeningBytes));
        if (!sealed) sealed = Bytes(smpc::kSealedOpeningBytes);  // the recipient's key is no good
        blob.insert(blob.end(), sealed->begin(), sealed->end());
    }
    const Digest commitment =
        smpc::commit_subset_key(context.kdf, context.epoch.mpc_epoch, entry.subset, opening);
    return {commitment, std::move(opening)};
}

Result<StoredMessage> make_commit(const Context& context, SetupSecrets& secrets,
                                  const std::vector<SubsetSetup>& group) {
    StoredMessage message;
    schema::KeyCommit arguments;
    arguments.mpc_epoch = context.epoch.mpc_epoch;
    for (const SubsetSetup& entry : group) {
        HeldOpening held = draw_opening(context, entry, message.blob);
        arguments.entries.push_back({entry.subset, entry.turn, held.commitment});
        secrets.openings.insert_or_assign(entry.subset, std::move(held));
    }
    arguments.ciphertexts = {sha256(message.blob), message.blob.size()};
    message.arguments = encode(arguments);
    if (auto stored = store(context, secrets); !stored) return tl::unexpected(stored.error());
    return message;
}

// Subsets whose turn began together are committed to in one message; they move on together.
Result<void> post_commits(const Context& context, SetupSecrets& secrets,
                          const schema::SetupRecord& setup) {
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::vector<SubsetSetup>> groups;
    for (const SubsetSetup& entry : setup.subsets) {
        if (entry.leader == context.self && !entry.commitment) {
            groups[{entry.since.value, entry.turn}].push_back(entry);
        }
    }
    for (const auto& [when, group] : groups) {
        const std::string name = epoch_name(context.epoch.mpc_epoch) + "/key-commit-" +
                                 std::to_string(when.first) + "-" + std::to_string(when.second);
        auto known = find_secret(context.secrets, name);
        if (!known) return tl::unexpected(known.error());
        StoredMessage message;
        if (*known) {
            auto decoded = decode<StoredMessage>((*known)->view());
            if (!decoded) return tl::unexpected(decoded.error());
            message = std::move(*decoded);
        } else {
            auto made = make_commit(context, secrets, group);
            if (!made) return tl::unexpected(made.error());
            message = std::move(*made);
            if (auto put = context.secrets.put(name, encode(message)); !put) return put;
        }
        owe(context, {.label = name,
                      .action = action::kKeyCommit,
                      .arguments = message.arguments,
                      .blobs = {message.blob}});
    }
    return {};
}

// Position of the subset in its leader's KEY_COMMIT: leaders list the subsets of one message in the
// order of ranks, which is the order of the setup record.
std::size_t position_in_message(const schema::SetupRecord& setup, const SubsetSetup& entry) {
    std::size_t position = 0;
    for (const SubsetSetup& other : setup.subsets) {
        if (other.subset == entry.subset) break;
        if (other.leader == entry.leader && other.ciphertexts == entry.ciphertexts) ++position;
    }
    return position;
}

// The opening that a leader sealed for us. kNotFound: its blob is not here yet; kMismatch: it does
// not fit the commitment.
Result<smpc::SubsetOpening> receive(const Context& context, const SetupSecrets& secrets,
                                    const schema::SetupRecord& setup, const SubsetSetup& entry) {
    const auto misfit = make_error(
        ErrorCode::kMismatch, "member " + std::to_string(entry.leader) + " sent no key that fits");
    const auto rank = context.committee.rank_of(entry.subset);
    const auto offset = rank ? smpc::sealed_opening_offset(
                                   context.committee, {.entry = position_in_message(setup, entry),
                                                       .rank = *rank,
                                                       .sender = entry.leader,
                                                       .recipient = context.self})
                             : std::nullopt;
    if (!offset || !entry.ciphertexts) return misfit;
    const auto blob = context.blobs.get(entry.ciphertexts->sha256);
    if (!blob) return make_error(ErrorCode::kNotFound, "ciphertexts are being fetched");
    if (*offset + smpc::kSealedOpeningBytes > blob->size()) return misfit;
    const auto plaintext =
        smpc::open_sealed({.chain_id = context.kdf.chain_id(),
                           .mpc_epoch = context.epoch.mpc_epoch,
                           .label = smpc::kKeyCommitLabel,
                           .sender = entry.leader,
                           .subject = entry.subset,
                           .recipient = context.self},
                          smpc::TransportSecretKey(secrets.transport.clone()),
                          ByteView(*blob).subspan(*offset, smpc::kSealedOpeningBytes));
    if (!plaintext) return misfit;
    auto opening = smpc::decode_subset_opening(plaintext->view());
    if (!opening || smpc::commit_subset_key(context.kdf, context.epoch.mpc_epoch, entry.subset,
                                            *opening) != *entry.commitment) {
        return misfit;
    }
    return opening;
}

bool is_held(const SetupSecrets& secrets, const SubsetSetup& entry) {
    const auto held = secrets.openings.find(entry.subset);
    return held != secrets.openings.end() && held->second.commitment == entry.commitment;
}

// What leaders sealed for us, and where that fits nothing, what other members know.
Result<void> obtain_keys(const Context& context, SetupSecrets& secrets,
                         const schema::SetupRecord& setup, KeyExchange& exchange,
                         const std::vector<Letter>& received) {
    if (auto collected = EpochSetup::collect(context, secrets, setup); !collected) {
        return tl::unexpected(collected.error());
    }
    if (exchange.accept(context, secrets, setup, received)) {
        if (auto stored = store(context, secrets); !stored) return stored;
    }
    exchange.answer(context, secrets, setup, received);
    exchange.ask(context, secrets, setup);
    return {};
}

void post_acknowledgements(const Context& context, const SetupSecrets& secrets,
                           const schema::SetupRecord& setup) {
    schema::KeyAck arguments;
    arguments.mpc_epoch = context.epoch.mpc_epoch;
    for (const SubsetSetup& entry : setup.subsets) {
        const bool is_owed = context.is_mine(entry.subset) && entry.commitment &&
                             !context.is_mine(entry.acknowledged) && is_held(secrets, entry);
        if (is_owed) arguments.entries.push_back({entry.subset, *entry.commitment});
    }
    if (arguments.entries.empty()) return;
    const Bytes encoded = encode(arguments);
    owe(context, {.label = epoch_name(context.epoch.mpc_epoch) + "/key-ack-" +
                           sha256(encoded).hex().substr(0, 16),
                  .action = action::kKeyAck,
                  .arguments = encoded,
                  .blobs = {}});
}

}  // namespace

Result<bool> EpochSetup::is_stored(const Context& context) {
    const auto found = find_secret(context.secrets, setup_name(context));
    if (!found) return tl::unexpected(found.error());
    return found->has_value();
}

Result<std::optional<SetupSecrets>> EpochSetup::load(const Context& context) {
    auto found = find_secret(context.secrets, setup_name(context));
    if (!found) return tl::unexpected(found.error());
    if (!*found) return std::optional<SetupSecrets>();
    smpc::SecretReader reader((*found)->view());
    SetupSecrets secrets;
    secrets.transport = reader.key();
    const std::uint64_t count = reader.number();
    for (std::uint64_t i = 0; i < count && !reader.has_failed(); ++i) {
        const auto subset = static_cast<std::uint16_t>(reader.number());
        HeldOpening held;
        const ByteView commitment = reader.take(Digest::kSize);
        std::copy(commitment.begin(), commitment.end(), held.commitment.bytes.begin());
        held.opening.key = smpc::SubsetKey(reader.key());
        held.opening.nonce = reader.key();
        secrets.openings.insert_or_assign(subset, std::move(held));
    }
    if (auto done = reader.finish("the setup record"); !done) return tl::unexpected(done.error());
    return std::optional<SetupSecrets>(std::move(secrets));
}

Result<Completeness> EpochSetup::collect(const Context& context, SetupSecrets& secrets,
                                         const schema::SetupRecord& setup) {
    Completeness completeness = Completeness::kComplete;
    bool has_news = false;
    secrets.misfits.clear();
    for (const SubsetSetup& entry : setup.subsets) {
        if (!context.is_mine(entry.subset) || is_held(secrets, entry)) continue;
        auto opening = entry.commitment ? receive(context, secrets, setup, entry)
                                        : Result<smpc::SubsetOpening>(make_error(
                                              ErrorCode::kNotFound, "its leader is not yet done"));
        if (opening) {
            secrets.openings.insert_or_assign(entry.subset,
                                              HeldOpening{*entry.commitment, std::move(*opening)});
            has_news = true;
        } else if (opening.error().code == ErrorCode::kNotFound) {
            if (completeness == Completeness::kComplete) completeness = Completeness::kWaiting;
        } else {
            context.refuse(opening.error().context);
            secrets.misfits.insert(entry.subset);
            completeness = Completeness::kHopeless;
        }
    }
    if (has_news) {
        if (auto stored = store(context, secrets); !stored) return tl::unexpected(stored.error());
    }
    return completeness;
}

Result<void> EpochSetup::step(const Context& context, KeyExchange& exchange,
                              const std::vector<Letter>& received) {
    auto keys = find_secret(context.secrets, epoch_keys_name(context));
    if (!keys) return tl::unexpected(keys.error());
    if (*keys) {
        context.refuse("this state is behind: the keys of its epoch are derived already");
        return {};
    }
    auto loaded = load(context);
    if (!loaded) return tl::unexpected(loaded.error());
    const bool is_new = !loaded->has_value();
    if (!context.is_mine(context.epoch.members_with_key)) {
        SetupSecrets fresh;
        return post_ephemeral_key(context, is_new ? fresh : **loaded, is_new);
    }
    if (is_new) {
        context.refuse("the secrets of this epoch's setup are lost; waiting until it is active");
        return {};
    }
    if (context.epoch.phase != schema::EpochPhase::kCommitments) return {};
    const auto setup =
        context.find<schema::SetupRecord>(schema::keys::setup(context.epoch.mpc_epoch));
    if (!setup) return {};
    if (auto posted = post_commits(context, **loaded, *setup); !posted) return posted;
    if (auto obtained = obtain_keys(context, **loaded, *setup, exchange, received); !obtained) {
        return obtained;
    }
    post_acknowledgements(context, **loaded, *setup);
    return {};
}

Result<void> EpochSetup::erase(const Context& context) {
    const std::string prefix = epoch_name(context.epoch.mpc_epoch) + "/key-commit-";
    auto messages = context.secrets.list(prefix);
    if (!messages) return tl::unexpected(messages.error());
    for (const std::string& name : *messages) {
        if (auto erased = context.secrets.erase(name); !erased) return erased;
    }
    return context.secrets.erase(setup_name(context));
}

}  // namespace consilium::mpc
