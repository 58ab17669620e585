// The in-memory chain of the contract tests.
#include "tests/contracts/chain.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace consilium::contracts::testing {

using schema::Code;
namespace keys = schema::keys;

std::optional<Bytes> MemoryBlobs::get(const Digest& hash) const {
    const auto found = blobs_.find(hash);
    if (found == blobs_.end()) return std::nullopt;
    return found->second;
}

Digest MemoryBlobs::put(Bytes content) {
    const Digest hash = sha256(content);
    blobs_[hash] = std::move(content);
    return hash;
}

schema::Parameters test_parameters() {
    schema::Parameters parameters;
    parameters.setup_window = {.blocks = 3, .ms = 300};
    parameters.preparation_window = {.blocks = 3, .ms = 300};
    parameters.proposal_lifetime_blocks = 20;
    return parameters;
}

schema::TaskSpec test_task() {
    schema::TaskSpec spec;
    spec.name = "Heart study";
    spec.data_schema = "heart";
    spec.model = {schema::ModelKind::kMlp, {3, 8, 1}};
    spec.seed.fill(7);
    spec.rounds = 3;
    spec.rule = 1;
    spec.windows.pledge = {.blocks = 3, .ms = 300};
    spec.windows.submit = {.blocks = 3, .ms = 300};
    spec.windows.range = {.blocks = 3, .ms = 300};
    spec.windows.aggregate = {.blocks = 3, .ms = 300};
    return spec;
}

PublicKey key_of(const std::string& name) {
    const Digest secret = sha256(as_bytes(name));
    return KeyPair::from_secret(std::span(secret.bytes)).value().public_key();
}

Chain::Chain(std::size_t organisations, const schema::Parameters& parameters) {
    genesis.chain_id = "test-chain";
    genesis.time = time;
    for (std::size_t i = 0; i < organisations; ++i) {
        const std::string name = "Hospital " + std::to_string(i + 1);
        validators.push_back(key_of(name + " validator"));
        council.push_back(key_of(name + " council"));
        genesis.organisations.push_back({name, validators.back(), council.back()});
    }
    genesis.parameters = encode(parameters);
    state = state.apply(genesis_state(genesis).value());
}

Transaction Chain::make_raw(const PublicKey& sender, SentAction name, Bytes arguments) {
    Transaction transaction;
    transaction.chain_id = genesis.chain_id;
    transaction.genesis_hash = genesis.hash();
    transaction.sender = sender;
    // Later transactions of a block that is being put together follow the ones already planned.
    std::uint64_t& planned = planned_nonces_[sender];
    transaction.nonce = std::max(planned, next_nonce(state, sender).value_or(0));
    planned = transaction.nonce + 1;
    transaction.valid_until = Height{height.value + 100};
    transaction.module = static_cast<std::uint16_t>(name.module);
    transaction.action = name.action;
    transaction.arguments = std::move(arguments);
    return transaction;
}

BlockContext Chain::next_block() const {
    return {height.next(), TimeMs{time.value + 100}};
}

tl::expected<BlockEffects, MissingBlob> Chain::execute(
    const std::vector<Transaction>& transactions) const {
    return execute_block(state, blobs, next_block(), transactions);
}

const BlockEffects& Chain::run(const std::vector<Transaction>& transactions) {
    auto effects = execute(transactions);
    CHECK(effects.has_value());
    last_ = std::move(*effects);
    for (const std::size_t position : last_.inadmissible) {
        ADD_FAILURE() << "inadmissible: " << schema::to_string(code_of(position));
    }
    EXPECT_EQ(last_.receipts.receipts.size(), transactions.size());
    history.push_back({next_block(), transactions});
    height = height.next();
    time = TimeMs{time.value + 100};
    state = state.apply(last_.writes);
    for (const Bytes& blob : last_.blobs) blobs.put(blob);
    last_events_ = last_.receipts.events;
    for (const Receipt& receipt : last_.receipts.receipts) {
        last_events_.insert(last_events_.end(), receipt.events.begin(), receipt.events.end());
    }
    return last_;
}

void Chain::pass(std::size_t blocks) {
    for (std::size_t i = 0; i < blocks; ++i) run({});
}

Code Chain::code_of(std::size_t position) const {
    return schema::find_code(last_.receipts.receipts.at(position).code).value();
}

Code Chain::send_raw(const PublicKey& sender, SentAction name, Bytes arguments) {
    const auto idle = execute({});
    CHECK(idle.has_value());
    run({make_raw(sender, name, std::move(arguments))});
    const Code code = code_of(0);
    if (code != Code::kOk) {
        StateWrites writes = last_.writes;
        writes.erase(keys::nonce(sender));
        EXPECT_EQ(writes, idle->writes) << schema::to_string(code);
        if (code != Code::kEquivocation) {
            EXPECT_TRUE(last_.receipts.receipts[0].events.empty());
        }
    }
    return code;
}

PublicKey Chain::add_trainer(std::size_t organisation) {
    const std::string& name = genesis.organisations.at(organisation).name;
    const PublicKey key = key_of(name + " trainer");
    EXPECT_EQ(send(key, kRegister, schema::Register{schema::Role::kTrainer, name}), Code::kOk);
    EXPECT_EQ(ballot(schema::action::kApprove, key), Code::kOk);
    trainers.push_back(key);
    return key;
}

Code Chain::ballot(std::uint16_t action, const PublicKey& account) {
    const auto registry = load<schema::RegistryRecord>(keys::registry());
    std::vector<Transaction> transactions;
    for (std::size_t i = 0; i < 2 * registry.council.size() / 3 + 1; ++i) {
        transactions.push_back(make(registry.council[i], {schema::Module::kRegistration, action},
                                    schema::AccountBallot{account}));
    }
    run(transactions);
    return code_of(transactions.size() - 1);
}

Code Chain::decide(schema::ProposalKind kind, Bytes payload) {
    const auto id = load<schema::GovernanceRecord>(keys::governance()).next_proposal;
    std::vector<Transaction> transactions{
        make(council[0], kPropose, schema::Propose{kind, std::move(payload)})};
    for (std::size_t i = 1; i < 2 * council.size() / 3 + 1; ++i) {
        transactions.push_back(make(council[i], kVote, schema::Vote{id, true}));
    }
    run(transactions);
    const auto proposal = find<schema::ProposalRecord>(keys::proposal(id));
    if (!proposal) return code_of(0);
    return schema::find_code(proposal->code).value();
}

}  // namespace consilium::contracts::testing
