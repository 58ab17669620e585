// Blocks, parties and checks of the consortium in memory.
#include "tests/mpc/world.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "contracts/schema/codes.hpp"
#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "fl_engine/smpc/opening.hpp"
#include "fl_engine/smpc/prg.hpp"
#include "node/reference_trainer.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::Code;
using schema::EpochPhase;
using schema::Phase;

KeyPair key_of(const std::string& name) {
    const Digest secret = sha256(as_bytes(name));
    return KeyPair::from_secret(std::span(secret.bytes)).value();
}

// Seeded, and never the same bytes twice: a worker that draws again gets something else.
std::function<void(std::span<std::uint8_t>)> random_source(const std::string& seed) {
    auto stream = std::make_shared<smpc::Prg>(smpc::Prg::expand(sha256(as_bytes(seed))));
    return [stream](std::span<std::uint8_t> out) {
        for (std::uint8_t& byte : out) {
            std::uint64_t word = 0;
            stream->fill_words({&word, 1});
            byte = static_cast<std::uint8_t>(word);
        }
    };
}

schema::Parameters parameters_of(const WorldOptions& options) {
    schema::Parameters parameters;
    parameters.setup_window = {.blocks = 8, .ms = 800};
    parameters.preparation_window = {.blocks = 4, .ms = 400};
    parameters.epoch_rounds_max = options.epoch_rounds_max;
    return parameters;
}

std::size_t input_count(const WorldOptions& options) {
    return options.mode == schema::Mode::kSum ? 15 : 3;
}

schema::ReferenceSet reference_of(const WorldOptions& options) {
    return options.reference ? *options.reference : reference_set(input_count(options));
}

schema::TaskSpec task_of(const WorldOptions& options) {
    schema::TaskSpec spec;
    spec.name = "Study";
    spec.data_schema = "study";
    const bool is_sum = options.mode == schema::Mode::kSum;
    const std::uint32_t inputs = options.is_wide ? 14 : 3;
    spec.model = is_sum ? schema::ModelSpec{schema::ModelKind::kLogistic, {options.features, 1}}
                        : schema::ModelSpec{schema::ModelKind::kMlp, {inputs, 8, 1}};
    spec.seed.fill(7);
    spec.rounds = options.rounds;
    spec.mode = options.mode;
    if (options.has_reference) {
        spec.reference_set = sha256(encode(reference_of(options)));
        spec.is_reference_required = true;
    }
    spec.windows.pledge = {.blocks = 6, .ms = 600};
    spec.windows.submit = {.blocks = 4, .ms = 400};
    spec.windows.range = {.blocks = 4, .ms = 400};
    spec.windows.aggregate = {.blocks = 4, .ms = 400};
    return spec;
}

Digest hash_of(const Outgoing& outgoing) {
    Bytes all = outgoing.arguments;
    for (const Bytes& blob : outgoing.blobs) all.insert(all.end(), blob.begin(), blob.end());
    return sha256(all);
}

}  // namespace

schema::ReferenceSet reference_set(std::size_t columns) {
    schema::ReferenceSet set;
    set.data_schema = "study";
    for (std::size_t i = 0; i < columns; ++i) set.columns.push_back({"c" + std::to_string(i)});
    auto stream = smpc::Prg::expand(sha256(as_bytes("reference")));
    for (std::size_t record = 0; record < 70; ++record) {
        for (std::size_t i = 0; i < columns; ++i) {
            std::uint64_t word = 0;
            stream.fill_words({&word, 1});
            set.features.push_back(static_cast<std::int64_t>(word >> 30U) -
                                   (std::int64_t{1} << 33U));
        }
        set.labels.push_back(set.features[record * columns] > 0 ? 1 : 0);
    }
    return set;
}

Update similar_update(std::uint64_t seed, std::size_t client, const schema::RoundRecord& round) {
    const std::string name = std::to_string(seed) + "/" + std::to_string(round.label.round);
    auto common = smpc::Prg::expand(sha256(as_bytes(name)));
    auto own = smpc::Prg::expand(sha256(as_bytes(name + "/" + std::to_string(client))));
    Update update(static_cast<std::size_t>(round.terms.dimension));
    for (std::int64_t& value : update) {
        std::uint64_t words[2]{};
        common.fill_words({&words[0], 1});
        own.fill_words({&words[1], 1});
        value = static_cast<std::int64_t>(words[0] % 800'001) - 400'000 +
                static_cast<std::int64_t>(words[1] % 120'001) - 60'000;
    }
    return update;
}

bool holds(ByteView text, ByteView part) {
    return std::search(text.begin(), text.end(), part.begin(), part.end()) != text.end();
}

World::World(const WorldOptions& world_options) : options(world_options), kdf_("world-chain") {
    genesis.chain_id = "world-chain";
    genesis.time = time;
    const std::string seed = std::to_string(options.seed);
    for (std::uint32_t i = 0; i < options.validators; ++i) {
        const std::string name = "Hospital " + std::to_string(i + 1);
        validators.push_back(std::make_unique<Validator>(key_of(name + " validator"), blobs));
        validators.back()->random = random_source(seed + name);
        validators.back()->references = std::make_unique<node::ReferenceTrainer>();
        council.push_back(key_of(name + " council"));
        genesis.organisations.push_back(
            {name, validators.back()->key.public_key(), council.back().public_key()});
    }
    genesis.parameters = encode(parameters_of(options));
    state = state.apply(contracts::genesis_state(genesis).value());
    block_digests.push_back(genesis.hash());
    for (std::size_t i = 0; i < validators.size(); ++i) restart(i);
    make_update = [this](std::size_t client, const schema::RoundRecord& round) {
        return similar_update(options.seed, client, round);
    };
    for (std::uint32_t i = 0; i < options.clients; ++i) {
        register_client("Clinic " + std::to_string(i + 1));
    }
    if (options.has_reference) {
        const Bytes set = encode(reference_of(options));
        blobs.put(set);
        decide(
            schema::ProposalKind::kApproveReferenceSet,
            encode(schema::ReferenceSetApproval{{sha256(set), set.size()}, std::nullopt, false}));
    }
    schema::TaskSpec task = task_of(options);
    if (options.adjust_task) options.adjust_task(task);
    decide(schema::ProposalKind::kCreateTask, encode(task));
}

void World::restart(std::size_t validator) {
    Validator& target = *validators.at(validator);
    target.worker.reset();
    target.worker = std::make_unique<Worker>(
        WorkerOptions{
            .identity = genesis.identity(),
            .own_key = target.key.public_key(),
            .random = target.random,
            .slice_work = options.slice_work,
            .sign = [&key = target.key](const Digest& message) { return key.sign(message); },
            .block_at = [this](Height at) -> std::optional<Digest> {
                if (at.value >= block_digests.size()) return std::nullopt;
                return block_digests[at.value];
            }},
        target.store, target.blobs, target.references.get());
}

ChainCopy World::copy_chain() const {
    return {state, nonces_, block_digests, height, time};
}

void World::set_back(const ChainCopy& copy) {
    state = copy.state;
    nonces_ = copy.nonces;
    block_digests = copy.block_digests;
    height = copy.height;
    // No clock goes back: times of the new blocks differ from those that are forgotten.
    time = TimeMs{time.value + 100'000};
    pool_.clear();
    arriving_.clear();
    std::erase_if(client_labels_,
                  [](const auto& entry) { return entry.second.starts_with("key/"); });
    for (const auto& client : clients) client->epoch = 0;
    for (std::size_t i = 0; i < validators.size(); ++i) {
        validators[i]->waiting.clear();
        restart(i);
    }
}

void World::send(const KeyPair& key, schema::Module module, std::uint16_t action_number,
                 Bytes arguments) {
    Transaction transaction;
    transaction.chain_id = genesis.chain_id;
    transaction.genesis_hash = genesis.hash();
    transaction.nonce = nonces_[key.public_key()]++;
    transaction.valid_until = Height{height.value + 100};
    transaction.module = static_cast<std::uint16_t>(module);
    transaction.action = action_number;
    transaction.arguments = std::move(arguments);
    sign_transaction(transaction, key);
    (options.is_pool_slow ? arriving_ : pool_).push_back(std::move(transaction));
}

void World::register_client(const std::string& name) {
    clients.push_back(std::make_unique<Client>(key_of(name + " trainer")));
    const KeyPair& key = clients.back()->key;
    send(key, schema::Module::kRegistration, action::kRegister,
         encode(schema::Register{schema::Role::kTrainer, name}));
    run_block();
    if (options.is_pool_slow) run_block();
    for (const KeyPair& voter : council) {
        send(voter, schema::Module::kRegistration, action::kApprove,
             encode(schema::AccountBallot{key.public_key()}));
    }
    run_block();
    if (options.is_pool_slow) run_block();
}

std::size_t World::add_validator(const std::string& organisation) {
    const std::string seed = std::to_string(options.seed) + organisation;
    validators.push_back(std::make_unique<Validator>(key_of(organisation + " validator"), blobs));
    validators.back()->random = random_source(seed);
    validators.back()->references = std::make_unique<node::ReferenceTrainer>();
    restart(validators.size() - 1);
    send(validators.back()->key, schema::Module::kRegistration, action::kRegister,
         encode(schema::Register{schema::Role::kValidator, organisation}));
    run_block();
    if (options.is_pool_slow) run_block();
    return validators.size() - 1;
}

void World::decide(schema::ProposalKind kind, Bytes payload) {
    const auto governance = find<schema::GovernanceRecord>(keys::governance());
    const std::uint64_t id = governance ? governance->next_proposal : 1;
    send(council[0], schema::Module::kGovernance, action::kPropose,
         encode(schema::Propose{kind, std::move(payload)}));
    for (std::size_t i = 1; i < council.size(); ++i) {
        send(council[i], schema::Module::kGovernance, action::kVote,
             encode(schema::Vote{id, true}));
    }
    run_block();
    if (options.is_pool_slow) run_block();
}

void World::note(Validator& validator, const Outgoing& outgoing) {
    const Digest hash = hash_of(outgoing);
    const auto [known, is_new] = validator.returned.try_emplace(outgoing.label, hash);
    if (!is_new && known->second != hash) validator.changed_labels.insert(outgoing.label);
}

// What is owed must follow from the store: a crash right after the step changes nothing.
void World::replay(Validator& validator, const std::vector<Outgoing>& owed) {
    MemoryStore copy;
    copy.contents = validator.store.contents;
    Worker again({.identity = genesis.identity(),
                  .own_key = validator.key.public_key(),
                  .random = validator.random,
                  .slice_work = options.slice_work},
                 copy, validator.blobs, validator.references.get());
    const auto repeated = again.step(state);
    ASSERT_TRUE(repeated.has_value());
    ASSERT_EQ(repeated->size(), owed.size());
    for (std::size_t i = 0; i < owed.size(); ++i) {
        EXPECT_EQ((*repeated)[i].label, owed[i].label);
        EXPECT_EQ(hash_of((*repeated)[i]), hash_of(owed[i])) << owed[i].label;
    }
    EXPECT_EQ(copy.contents, validator.store.contents);
}

void World::act(Validator& validator) {
    if (validator.is_silent) return;
    const auto position = static_cast<std::size_t>(
        std::find_if(validators.begin(), validators.end(),
                     [&](const auto& other) { return other.get() == &validator; }) -
        validators.begin());
    if (options.restarts_every_step) restart(position);
    for (Letter& letter : std::exchange(validator.waiting, {})) {
        validator.worker->receive(std::move(letter));
    }
    auto owed = options.tells_position ? validator.worker->step(state, this->position())
                                       : validator.worker->step(state);
    if (!owed) {
        ++validator.errors;
        return;
    }
    deliver_letters(validator);
    if (options.replays_every_step) replay(validator, *owed);
    for (Outgoing& outgoing : *owed) {
        note(validator, outgoing);
        if (validator.lie) validator.lie(outgoing);
        for (const Bytes& blob : outgoing.blobs) blobs.put(blob);
        send(validator.key, static_cast<schema::Module>(outgoing.module), outgoing.action,
             outgoing.arguments);
    }
}

void World::deliver_letters(Validator& from) {
    for (Letter& letter : from.worker->take_letters()) {
        from.letters.push_back(letter);
        if (from.lie_to_member && !from.lie_to_member(letter)) continue;
        for (const auto& to : validators) {
            if (to->key.public_key() != letter.peer || to->is_silent) continue;
            to->waiting.push_back({from.key.public_key(), letter.content});
        }
    }
}

void World::act(Client& client, std::size_t position) {
    const auto record = epoch();
    const auto slot = record ? record->find_slot(client.key.public_key()) : std::nullopt;
    if (client.is_silent || !slot) return;
    if (client.epoch != record->mpc_epoch) {
        client.epoch = record->mpc_epoch;
        client.transport.reset();
        client.ring.clear();
        client.next_batch = 0;
    }
    const std::string name = std::to_string(record->mpc_epoch);
    if (record->phase != EpochPhase::kActive) {
        if (!client_labels_.insert({client.key.public_key(), "key/" + name}).second) return;
        const Digest secret =
            sha256(as_bytes(std::to_string(options.seed) + client.key.public_key().hex() + name));
        client.transport.emplace(smpc::Secret32(std::span(secret.bytes)));
        send(client.key, schema::Module::kVerification, action::kEphemeralKey,
             encode(schema::EphemeralKey{record->mpc_epoch, client.transport->public_key()}));
        return;
    }
    if (client.ring.empty()) receive_bundles(client, *record, *slot);
    if (!client.ring.empty()) take_part(client, position, *slot);
}

void World::receive_bundles(Client& client, const schema::EpochRecord& record, std::uint16_t slot) {
    if (!client.transport) return;
    const auto committee =
        smpc::Committee::make(static_cast<std::uint32_t>(record.members.size())).value();
    std::vector<smpc::ClientBundle> bundles;
    for (std::uint16_t member = 1; member <= record.members.size(); ++member) {
        const auto bundle =
            find<schema::BundleRecord>(keys::bundle({record.mpc_epoch, member, slot}));
        const auto blob = bundle ? blobs.get(bundle->ciphertexts.sha256) : std::nullopt;
        if (!blob) continue;
        auto plaintext = smpc::open_sealed({.chain_id = genesis.chain_id,
                                            .mpc_epoch = record.mpc_epoch,
                                            .label = smpc::kClientKeysLabel,
                                            .sender = member,
                                            .subject = slot,
                                            .recipient = slot},
                                           *client.transport, *blob);
        if (plaintext) bundles.push_back({member, std::move(*plaintext)});
    }
    auto ring = smpc::combine_client_bundles(committee, bundles);
    if (ring) client.ring = std::move(*ring);
}

void World::take_part(Client& client, std::size_t position, std::uint16_t slot) {
    const auto current = round();
    if (!current || current->label.mpc_epoch != client.epoch) return;
    if (current->phase == Phase::kSubmitting) submit(client, position, slot, *current);
    if (current->phase == Phase::kRanging) prove(client, slot, *current);
}

// The masked update of the round's batch.
void World::mask(Client& client, std::size_t position, const schema::RoundRecord& current) {
    const std::pair batch{current.label.mpc_epoch, current.label.batch};
    std::vector<smpc::ClientMaskKey>& ring = client.masks[batch];
    for (; client.next_batch <= current.label.batch; ++client.next_batch) {
        ring.clear();
        for (auto& chain : client.ring) ring.push_back(smpc::step_client_chain(kdf_, chain));
    }
    if (const auto elements = client.cheat ? client.cheat(current) : std::nullopt) {
        client.masked[batch] =
            smpc::encode_words(smpc::testing::mask_elements(kdf_, committee(), ring, *elements));
        return;
    }
    const Update update = make_update(position, current);
    client.updates[current.label.round] = update;
    client.masked[batch] = smpc::encode_words(
        smpc::mask_update(kdf_, committee(), ring, update, current.terms.nu).value());
}

void World::submit(Client& client, std::size_t position, std::uint16_t slot,
                   const schema::RoundRecord& current) {
    const std::pair batch{current.label.mpc_epoch, current.label.batch};
    if (!client.masked.contains(batch)) {
        if (current.pledges_closed || client.next_batch > current.label.batch) return;
        mask(client, position, current);
    }
    const Bytes& masked = client.masked[batch];
    const schema::Pledge pledge{current.label, slot, {sha256(masked), masked.size()}};
    const std::string name = std::to_string(batch.first) + "/" + std::to_string(batch.second);
    const auto stored = find<schema::PledgeRecord>(keys::pledge({batch.first, batch.second}, slot));
    if (!stored) {
        if (client_labels_.insert({client.key.public_key(), "pledge/" + name}).second) {
            send(client.key, schema::Module::kSubmission, action::kPledge, encode(pledge));
        }
        return;
    }
    if (client.submits &&
        client_labels_.insert({client.key.public_key(), "submit/" + name}).second) {
        blobs.put(masked);
        send(client.key, schema::Module::kSubmission, action::kSubmit, encode(pledge));
    }
}

void World::prove(Client& client, std::uint16_t slot, const schema::RoundRecord& current) {
    const std::pair batch{current.label.mpc_epoch, current.label.batch};
    const bool is_due = client.proves && (current.submitted & schema::slot_bit(slot)) != 0;
    const std::string name = std::to_string(batch.first) + "/" + std::to_string(batch.second);
    if (!is_due || !client_labels_.insert({client.key.public_key(), "range/" + name}).second) {
        return;
    }
    const auto& ring = client.masks.at(batch);
    const auto masked = smpc::decode_words(client.masked.at(batch), current.terms.dimension);
    const smpc::RangeStatement statement{
        smpc::range_shape(current.terms.dimension, current.terms.nu), current.range_seed};
    const auto elements = client.cheat ? client.cheat(current) : std::nullopt;
    auto words = elements
                     ? smpc::testing::prove_elements(kdf_, committee(), ring, *elements, statement)
                     : smpc::make_range_proof(kdf_, committee(), ring, statement, *masked).value();
    if (client.alter_proof) client.alter_proof(words, current);
    const Bytes proof = smpc::encode_words(words);
    blobs.put(proof);
    send(client.key, schema::Module::kSubmission, action::kRange,
         encode(schema::Range{current.label, slot, {sha256(proof), proof.size()}}));
}

void World::advance() {
    for (const auto& validator : validators) act(*validator);
    for (std::size_t i = 0; i < clients.size(); ++i) act(*clients[i], i);
    run_block();
}

void World::run_block() {
    std::vector<Transaction> transactions = std::move(pool_);
    pool_ = std::move(arriving_);
    arriving_.clear();
    height = height.next();
    time = TimeMs{time.value + 100};
    Bytes chained = encode(time);
    const Digest& parent = block_digests.back();
    chained.insert(chained.end(), parent.bytes.begin(), parent.bytes.end());
    for (const Transaction& transaction : transactions) {
        const Digest id = transaction_id(transaction);
        chained.insert(chained.end(), id.bytes.begin(), id.bytes.end());
    }
    block_digests.push_back(sha256(chained));
    for (const Transaction& transaction : transactions) {
        EXPECT_TRUE(has_valid_signature(transaction));
    }
    auto effects = contracts::execute_block(state, blobs, {height, time}, transactions);
    CHECK(effects.has_value());
    EXPECT_TRUE(effects->inadmissible.empty());
    state = state.apply(effects->writes);
    for (const Bytes& blob : effects->blobs) blobs.put(blob);
    for (const Event& event : effects->receipts.events) events.push_back(event);
    for (std::size_t i = 0; i < transactions.size(); ++i) {
        const Receipt& receipt = effects->receipts.receipts[i];
        events.insert(events.end(), receipt.events.begin(), receipt.events.end());
        const auto code = static_cast<Code>(receipt.code);
        if (code == Code::kOk) note_aggregate(transactions[i]);
        const bool is_setup_or_share =
            transactions[i].module == static_cast<std::uint16_t>(schema::Module::kVerification);
        if (is_setup_or_share && code != Code::kOk) refusals.push_back(code);
    }
}

void World::note_aggregate(const Transaction& transaction) {
    if (transaction.module != static_cast<std::uint16_t>(schema::Module::kVerification) ||
        transaction.action != action::kAggregate) {
        return;
    }
    const auto arguments = decode<schema::Aggregate>(transaction.arguments).value();
    const auto record = find<schema::EpochRecord>(keys::epoch(arguments.label.mpc_epoch));
    const auto blob = blobs.get(arguments.share.sha256);
    CHECK(record && blob);
    aggregate_posts[arguments.label.round][*record->find_member(transaction.sender)] =
        smpc::decode_words(*blob, blob->size() / 8).value();
}

bool World::run_until(const std::function<bool()>& until, std::size_t blocks) {
    for (std::size_t i = 0; i < blocks; ++i) {
        if (until()) return true;
        advance();
    }
    return until();
}

bool World::run_rounds(std::size_t wanted, std::size_t blocks) {
    return run_until([&] { return results().size() >= wanted; }, blocks);
}

std::optional<schema::EpochRecord> World::epoch() const {
    const auto mpc = find<schema::MpcRecord>(keys::mpc());
    if (!mpc || !mpc->current) return std::nullopt;
    return find<schema::EpochRecord>(keys::epoch(*mpc->current));
}

std::optional<schema::RoundRecord> World::round() const {
    const auto rounds = find<schema::RoundsRecord>(keys::rounds());
    if (!rounds || !rounds->current) return std::nullopt;
    return find<schema::RoundRecord>(keys::round(*rounds->current));
}

bool World::is_in(Phase phase) const {
    const auto current = round();
    return current && current->phase == phase;
}

bool World::is_active() const {
    const auto record = epoch();
    return record && record->phase == EpochPhase::kActive;
}

std::optional<schema::BatchRecord> World::batch(std::uint64_t number) const {
    const auto record = epoch();
    if (!record) return std::nullopt;
    return find<schema::BatchRecord>(keys::batch({record->mpc_epoch, number}));
}

std::size_t World::certified_batches() const {
    const auto record = epoch();
    if (!record) return 0;
    return static_cast<std::size_t>(std::count_if(
        record->live_batches.begin(), record->live_batches.end(),
        [&](auto number) { return batch(number)->state == schema::BatchState::kCertified; }));
}

schema::VerdictRecord World::verdict(std::uint64_t number) const {
    return find<schema::VerdictRecord>(keys::verdict(number)).value();
}

bool World::is_consistent() const {
    if (!events_of<schema::Equivocation>(schema::event::kEquivocation).empty()) return false;
    return std::all_of(validators.begin(), validators.end(),
                       [](const auto& validator) { return validator->changed_labels.empty(); });
}

void World::expect_result_is_plain_sum(const schema::RoundResult& result) const {
    const auto record = find<schema::RoundRecord>(keys::round(result.label.round)).value();
    const auto members = find<schema::EpochRecord>(keys::epoch(result.label.mpc_epoch)).value();
    const auto committee =
        smpc::Committee::make(static_cast<std::uint32_t>(members.members.size())).value();
    const schema::VerdictRecord judged = verdict(result.label.round);

    std::vector<std::int64_t> sum(static_cast<std::size_t>(record.terms.dimension));
    std::uint64_t weight_sum = 0;
    for (const schema::ClientOutcome& outcome : judged.clients) {
        if (outcome.reduced_weight == 0) continue;
        weight_sum += outcome.reduced_weight;
        const PublicKey& key = members.clients.at(outcome.slot - 1U);
        const auto client = std::find_if(clients.begin(), clients.end(), [&](const auto& other) {
            return other->key.public_key() == key;
        });
        const Update& update = (*client)->updates.at(result.label.round);
        for (std::size_t x = 0; x < sum.size(); ++x) sum[x] += outcome.reduced_weight * update[x];
    }
    EXPECT_EQ(weight_sum, result.weight_sum);

    // The opened sum, from the shares that were posted.
    std::vector<smpc::PostedShare> posted;
    for (const auto& [member, values] : aggregate_posts.at(result.label.round)) {
        posted.push_back({member, values});
    }
    const auto opened = smpc::open_shares(committee, posted);
    const std::vector<smpc::PostedShare> base(
        posted.begin(), posted.begin() + static_cast<std::ptrdiff_t>(committee.t() + 1));
    const auto aggregate =
        smpc::read_aggregate(opened ? opened->values : smpc::interpolate_vector(base, 0));
    EXPECT_EQ(smpc::aggregate_digest(aggregate), result.aggregate);
    const std::int64_t bound =
        judged.dither_bits ? std::int64_t{committee.subset_count()} << *judged.dither_bits : 0;
    for (std::size_t x = 0; x < sum.size(); ++x) {
        EXPECT_LE(std::abs(aggregate[x] - sum[x]), bound) << "coordinate " << x;
    }

    const auto before = blobs.get(record.terms.model.sha256).value();
    const auto after = blobs.get(result.model.sha256).value();
    const auto expected = smpc::apply_aggregate(
        smpc::decode_integers(before, sum.size()).value(), aggregate,
        {.clip_norm = record.terms.clip_norm,
         .scale = smpc::encoding_scale(record.terms.nu, record.terms.dimension),
         .weight_sum = weight_sum});
    EXPECT_EQ(smpc::encode_integers(expected.value()), after);
}

}  // namespace consilium::mpc::testing
