// Clients: newcomers that register, and council members that ballot, propose and vote.
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/parameters.hpp"
#include "tests/simulation/world_state.hpp"

namespace consilium::simulation {
namespace {

constexpr std::size_t kCouncilKeys = 100;   // index of the first council member's key
constexpr std::size_t kNewcomerKeys = 200;  // and of the first newcomer's
constexpr std::size_t kNewcomers = 24;
constexpr std::uint64_t kResubmitMs = 1'500;

template <typename Arguments>
void set_action(Transaction& transaction, schema::Module module, std::uint16_t action,
                const Arguments& arguments) {
    transaction.module = static_cast<std::uint16_t>(module);
    transaction.action = action;
    transaction.arguments = encode(arguments);
}

}  // namespace

void World::make_clients() {
    clients_.resize(options_.replicas + kNewcomers);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        clients_[i].is_council = i < options_.replicas;
        clients_[i].key =
            clients_[i].is_council ? kCouncilKeys + i : kNewcomerKeys + i - options_.replicas;
    }
    // The council of a run with elections has no other business.
    if (!elections_) return;
    std::erase_if(clients_, [](const Client& client) { return client.is_council; });
}

void World::make_elections() {
    // With rounds the same people approve trainers and tasks.
    Elections::Parts parts{.council = protocol_ ? protocol_->council() : council_,
                           .first_newcomer = options_.replicas,
                           .newcomers = options_.newcomers};
    if (protocol_) {
        // Between two changes rounds shall end.
        parts.lead_min = 20;
        parts.lead_spread = 40;
        parts.rest_min_ms = 500;
        parts.rest_max_ms = 2'500;
        parts.first_ms = random_.between(500, 3'500);
    }
    for (std::size_t i = 0; !protocol_ && i < options_.replicas; ++i) {
        council_.emplace_back(*this, genesis_, kCouncilKeys + i);
    }
    elections_.emplace(*this, genesis_, parts);
}

void World::hold_elections() {
    schedule(100, [this] {
        if (is_healed_) return;
        const driver::Driver* newest = nullptr;
        for (const Process& process : processes_) {
            if (!process.is_up() || !process.is_correct()) continue;
            const bool is_newer = newest == nullptr || newest->head().header.height <
                                                           process.driver->head().header.height;
            if (is_newer) newest = process.driver.get();
        }
        if (newest != nullptr) {
            // Copies: what is handed to a node below may move its head, or be its end.
            const StateTree state = newest->state();
            const ReplicaId proposer = newest->head().header.proposer;
            elections_->tick(state, proposer);
            rob_around_change(state);
        }
        hold_elections();
    });
}

void World::plan_next_client() {
    schedule(random_.between(20, 500), [this] {
        run_client(clients_[random_.below(clients_.size())]);
        plan_next_client();
    });
}

std::optional<Transaction> World::next_transaction(Client& client) {
    namespace action = schema::action;
    Transaction transaction;
    transaction.chain_id = genesis_.chain_id;
    transaction.genesis_hash = genesis_.hash();
    transaction.nonce = client.nonce;
    transaction.valid_until = Height{checks_.top().value + random_.between(10, 200)};
    if (!client.is_council) {
        if (client.nonce > 0) return std::nullopt;  // registered, and nothing else to do
        set_action(transaction, schema::Module::kRegistration, action::kRegister,
                   schema::Register{schema::Role::kAuditor,
                                    "Clinic " + std::to_string(client.key - kNewcomerKeys)});
    } else if (random_.one_in(6)) {
        set_action(
            transaction, schema::Module::kGovernance, action::kPropose,
            schema::Propose{schema::ProposalKind::kSetParameters, encode(schema::Parameters{})});
    } else if (random_.one_in(3)) {
        set_action(transaction, schema::Module::kGovernance, action::kVote,
                   schema::Vote{random_.below(8), random_.one_in(2)});
    } else {
        const std::size_t target = kNewcomerKeys + random_.below(kNewcomers);
        set_action(transaction, schema::Module::kRegistration, action::kApprove,
                   schema::AccountBallot{simulation_key(target).public_key()});
    }
    const KeyPair& key = simulation_key(client.key);
    transaction.sender = key.public_key();
    transaction.signature = simulation_sign(key, signing_digest(transaction));
    return transaction;
}

void World::run_client(Client& client) {
    if (!client.transaction.empty()) {
        if (checks_.is_committed(client.id)) {
            ++client.nonce;
            client.transaction.clear();
        } else if (client.valid_until < checks_.top()) {
            client.transaction.clear();  // expired everywhere: the nonce is free again
        } else {
            if (now_ms_ - client.submitted_ms >= kResubmitMs) submit(client);
            return;
        }
    }
    const auto transaction = next_transaction(client);
    if (!transaction) return;
    client.transaction = encode(*transaction);
    client.id = transaction_id(*transaction);
    client.valid_until = transaction->valid_until;
    submit(client);
}

void World::submit(Client& client) {
    client.submitted_ms = now_ms_;
    const auto target = random_process();
    if (!target) return;
    feed(*target, driver::SubmitTransaction{next_order_, client.transaction, {}});
}

}  // namespace consilium::simulation
