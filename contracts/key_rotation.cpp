// What follows an account to its new key, and what does not.
#include "contracts/key_rotation.hpp"

#include <algorithm>

#include "contracts/admission.hpp"
#include "contracts/schema/rotation.hpp"
#include "contracts/verification/epochs.hpp"
#include "core/signature.hpp"

namespace consilium::contracts::key_rotation {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::Code;
using schema::Role;
using schema::RotationRecord;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

struct Step {
    PublicKey from;
    PublicKey to;
};

void replace(std::vector<PublicKey>& list, const Step& step) {
    std::replace(list.begin(), list.end(), step.from, step.to);
}

// Votes on open proposals are the organisation's.
void move_votes(Execution& execution, const Step& step) {
    const auto governance = execution.state.load<schema::GovernanceRecord>(keys::governance());
    for (const std::uint64_t id : governance.open) {
        auto proposal = execution.state.load<schema::ProposalRecord>(keys::proposal(id));
        replace(proposal.yes, step);
        replace(proposal.no, step);
        if (proposal.proposer == step.from) proposal.proposer = step.to;
        execution.state.store(keys::proposal(id), proposal);
    }
}

// What the council has begun to decide about the account goes on: a new key is no way out.
void move_ballots(Execution& execution, const Step& step) {
    for (const std::uint16_t decision : {action::kSuspend, action::kRetire}) {
        const Bytes key = keys::ballot(step.from, decision);
        const auto ballot = execution.state.find<schema::BallotRecord>(key);
        if (!ballot) continue;
        execution.state.erase(key);
        execution.state.store(keys::ballot(step.to, decision), *ballot);
    }
}

void move_data_weights(Execution& execution, const Step& step) {
    const auto tasks = execution.state.load<schema::TasksRecord>(keys::tasks());
    for (const std::uint32_t id : tasks.active) {
        auto task = execution.state.load<schema::TaskRecord>(keys::task(id));
        for (schema::DataWeight& entry : task.spec.data_weights) {
            if (entry.trainer == step.from) entry.trainer = step.to;
        }
        execution.state.store(keys::task(id), task);
    }
}

void move_account(Execution& execution, const Step& step) {
    StateView& state = execution.state;
    auto registry = state.load<schema::RegistryRecord>(keys::registry());
    auto old = state.load<AccountRecord>(keys::account(step.from));
    AccountRecord fresh = old;
    fresh.index = registry.accounts++;
    fresh.registered = fresh.changed = execution.block.height;
    old.status = AccountStatus::kRotated;
    old.changed = execution.block.height;
    state.store(keys::account(step.from), old);
    state.store(keys::account(step.to), fresh);
    state.store(keys::account_at(fresh.index), step.to);
    replace(registry.council, step);
    replace(registry.trainers, step);
    state.store(keys::registry(), registry);
    const Bytes key = keys::organisation(fresh.organisation);
    auto organisation = state.load<schema::OrganisationRecord>(key);
    if (organisation.council == step.from) organisation.council = step.to;
    if (organisation.trainer == step.from) organisation.trainer = step.to;
    state.store(key, organisation);
}

void rotate(Execution& execution, const Step& step, const AccountRecord& account) {
    move_account(execution, step);
    hand_quota_over(execution.state, execution.parameters, step.from, step.to,
                    execution.block.height);
    move_ballots(execution, step);
    if (account.role == Role::kCouncil) move_votes(execution, step);
    if (account.role == Role::kTrainer) move_data_weights(execution, step);
    execution.emit(schema::Module::kRegistration, event::kKeyRotated,
                   schema::KeyRotation{step.from, step.to, account.role, account.organisation});
}

bool is_in_epoch(const StateView& state, const PublicKey& key) {
    const auto epoch = verification::current_epoch(state);
    return epoch && epoch->find_slot(key).has_value();
}

Code check(const Execution& execution, const Sender& sender, const schema::RotateKey& arguments) {
    if (sender.account.role == Role::kValidator) return Code::kValidatorFixed;
    if (execution.state.contains(keys::account(arguments.successor))) {
        return Code::kSuccessorKnown;
    }
    const auto chain = execution.state.load<schema::ChainRecord>(keys::chain());
    const Digest statement = schema::rotation_digest({chain.chain_id, chain.genesis_hash},
                                                     sender.key, arguments.successor);
    const bool is_held = verify_signature(arguments.successor, statement, arguments.possession);
    return is_held ? Code::kOk : Code::kSuccessorUnproven;
}

}  // namespace

Code execute(Execution& execution, const Sender& sender, const Transaction& transaction) {
    return with_arguments<schema::RotateKey>(
        transaction.arguments, [&](const schema::RotateKey& arguments) {
            if (const Code code = check(execution, sender, arguments); code != Code::kOk) {
                return code;
            }
            const Step step{sender.key, arguments.successor};
            execution.state.store(keys::rotation(step.from),
                                  RotationRecord{step.to, execution.block.height});
            if (!is_in_epoch(execution.state, step.from)) {
                rotate(execution, step, sender.account);
                return Code::kOk;
            }
            execution.emit(schema::Module::kRegistration, event::kRotationAnnounced,
                           schema::KeyRotation{step.from, step.to, sender.account.role,
                                               sender.account.organisation});
            return Code::kOk;
        });
}

void apply_waiting(Execution& execution) {
    const auto registry = execution.state.load<schema::RegistryRecord>(keys::registry());
    for (const PublicKey& trainer : registry.trainers) {
        const auto waiting = execution.state.find<RotationRecord>(keys::rotation(trainer));
        if (!waiting) continue;
        if (execution.state.contains(keys::account(waiting->successor))) {
            execution.state.erase(keys::rotation(trainer));  // its holder has registered it instead
            continue;
        }
        rotate(execution, {trainer, waiting->successor},
               execution.state.load<AccountRecord>(keys::account(trainer)));
    }
}

}  // namespace consilium::contracts::key_rotation
