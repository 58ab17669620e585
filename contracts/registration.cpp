// Registration of accounts and the council's ballots on them.
#include "contracts/registration.hpp"

#include <algorithm>

#include "contracts/invitations.hpp"
#include "contracts/key_rotation.hpp"
#include "contracts/membership.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/names.hpp"

namespace consilium::contracts::registration {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::Code;
using schema::OrganisationRecord;
using schema::RegistryRecord;
using schema::Role;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

void remove_key(std::vector<PublicKey>& list, const PublicKey& key) {
    list.erase(std::remove(list.begin(), list.end(), key), list.end());
}

// The list of approved accounts of a role that the contracts walk, if the role has one.
template <typename Registry>
auto* approved_list(Registry& registry, Role role) {
    if (role == Role::kCouncil) return &registry.council;
    return role == Role::kTrainer ? &registry.trainers : nullptr;
}

std::size_t list_limit(Role role) {
    return role == Role::kTrainer ? schema::kMaxClients : schema::kMaxCouncil;
}

// The organisation's place for its single account of a role, if the role has one.
template <typename Organisation>
auto* single_place(Organisation& organisation, Role role) {
    if (role == Role::kCouncil) return &organisation.council;
    return role == Role::kTrainer ? &organisation.trainer : nullptr;
}

Bytes name_key(const std::string& name) {
    const auto folded = schema::fold_name(name);
    CHECK(folded.has_value());
    return keys::organisation_named(*folded);
}

void clear_ballots(StateView& state, const PublicKey& account) {
    for (const std::uint16_t decision : {action::kApprove, action::kReject, action::kSuspend,
                                         action::kReinstate, action::kRetire}) {
        state.erase(keys::ballot(account, decision));
    }
}

struct Target {
    PublicKey key;
    AccountRecord account;
};

void set_status(Execution& execution, Target target, AccountStatus status) {
    target.account.status = status;
    target.account.changed = execution.block.height;
    execution.state.store(keys::account(target.key), target.account);
    clear_ballots(execution.state, target.key);
    execution.emit(
        schema::Module::kRegistration, event::kAccountStatus,
        schema::AccountStatusChanged{target.key, target.account.role, target.account.status});
}

// The organisation loses the account; without any it gives its name back.
void leave_organisation(Execution& execution, const Target& target) {
    const Bytes key = keys::organisation(target.account.organisation);
    auto organisation = execution.state.load<OrganisationRecord>(key);
    if (auto* place = single_place(organisation, target.account.role)) place->reset();
    if (organisation.validator == target.key) organisation.validator.reset();
    CHECK(organisation.accounts > 0);
    --organisation.accounts;
    if (organisation.accounts == 0) execution.state.erase(name_key(organisation.name));
    execution.state.store(key, organisation);
}

Code check_transition(const RegistryRecord& registry, const Target& target,
                      std::uint16_t decision) {
    const AccountStatus status = target.account.status;
    const bool is_council = target.account.role == Role::kCouncil;
    if (target.account.role == Role::kValidator && decision != action::kReject) {
        return Code::kValidatorFixed;
    }
    if (decision == action::kApprove || decision == action::kReject) {
        if (status != AccountStatus::kPending) return Code::kWrongStatus;
    } else if (decision == action::kReinstate) {
        if (status != AccountStatus::kSuspended) return Code::kWrongStatus;
    } else if (decision == action::kSuspend) {
        if (status != AccountStatus::kApproved) return Code::kWrongStatus;
    } else if (status != AccountStatus::kApproved && status != AccountStatus::kSuspended) {
        return Code::kWrongStatus;
    }
    const bool is_leaving = decision == action::kSuspend || decision == action::kRetire;
    if (is_leaving && is_council && status == AccountStatus::kApproved &&
        registry.council.size() == 1) {
        return Code::kCouncilTooSmall;  // nobody could ever decide anything again
    }
    const bool is_joining = decision == action::kApprove || decision == action::kReinstate;
    const auto* list = approved_list(registry, target.account.role);
    if (is_joining && list != nullptr && list->size() >= list_limit(target.account.role)) {
        return Code::kClientsFull;
    }
    return Code::kOk;
}

void apply_decision(Execution& execution, const Target& target, std::uint16_t decision) {
    auto registry = execution.state.load<RegistryRecord>(keys::registry());
    auto* list = approved_list(registry, target.account.role);
    AccountStatus status = AccountStatus::kApproved;
    if (decision == action::kReject) status = AccountStatus::kRejected;
    if (decision == action::kSuspend) status = AccountStatus::kSuspended;
    if (decision == action::kRetire) status = AccountStatus::kRetired;
    remove_key(registry.pending, target.key);
    invitations::forget(execution, target.key);
    if (list != nullptr) {
        remove_key(*list, target.key);
        if (status == AccountStatus::kApproved) list->push_back(target.key);
    }
    execution.state.store(keys::registry(), registry);
    if (status == AccountStatus::kRejected || status == AccountStatus::kRetired) {
        leave_organisation(execution, target);
    }
    set_status(execution, target, status);
}

Code cast_ballot(Execution& execution, const Sender& sender, const Target& target,
                 std::uint16_t decision) {
    const auto registry = execution.state.load<RegistryRecord>(keys::registry());
    if (const Code code = check_transition(registry, target, decision); code != Code::kOk) {
        return code;
    }
    if (membership::is_awaited(execution.state, target.key)) return Code::kMembershipPending;
    const Bytes key = keys::ballot(target.key, decision);
    auto ballot = execution.state.find<schema::BallotRecord>(key).value_or(schema::BallotRecord{});
    // A voter who has left the council since no longer counts.
    std::erase_if(ballot.voters, [&](const PublicKey& voter) {
        return std::find(registry.council.begin(), registry.council.end(), voter) ==
               registry.council.end();
    });
    if (std::find(ballot.voters.begin(), ballot.voters.end(), sender.key) != ballot.voters.end()) {
        return Code::kAlreadyVoted;
    }
    ballot.voters.push_back(sender.key);
    execution.state.store(key, ballot);
    const std::size_t needed = council_threshold(registry.council.size());
    execution.emit(schema::Module::kRegistration, event::kBallotCast,
                   schema::BallotCast{target.key, decision, sender.key,
                                      static_cast<std::uint16_t>(ballot.voters.size()),
                                      static_cast<std::uint16_t>(needed)});
    if (ballot.voters.size() >= needed) apply_decision(execution, target, decision);
    return Code::kOk;
}

Code retire_self(Execution& execution, const Target& target) {
    const auto registry = execution.state.load<RegistryRecord>(keys::registry());
    const Code code = check_transition(registry, target, action::kRetire);
    if (code == Code::kOk) apply_decision(execution, target, action::kRetire);
    return code;
}

Target target_of(const Execution& execution, const PublicKey& key) {
    return {key, execution.state.load<AccountRecord>(keys::account(key))};
}

// Pending, and nobody of the council has asked for it.
bool is_stranger(const StateView& state, const PublicKey& key) {
    const auto account = state.load<AccountRecord>(keys::account(key));
    return account.status == AccountStatus::kPending && !invitations::is_used(state, key);
}

// An organisation's council member decides itself who takes its places: a stranger that came first
// yields to the one it has invited.
void clear_place(Execution& execution, const schema::Register& arguments, std::uint32_t id) {
    const auto organisation = execution.state.load<OrganisationRecord>(keys::organisation(id));
    const auto* place = single_place(organisation, arguments.role);
    if (place == nullptr || !place->has_value()) return;
    apply_decision(execution, target_of(execution, **place), action::kReject);
}

}  // namespace

void admit_validator(Execution& execution, const PublicKey& key) {
    const Target target = target_of(execution, key);
    CHECK(target.account.status == AccountStatus::kPending);
    auto registry = execution.state.load<RegistryRecord>(keys::registry());
    remove_key(registry.pending, key);
    invitations::forget(execution, key);
    execution.state.store(keys::registry(), registry);
    const Bytes organisation_key = keys::organisation(target.account.organisation);
    auto organisation = execution.state.load<OrganisationRecord>(organisation_key);
    organisation.validator = key;
    execution.state.store(organisation_key, organisation);
    set_status(execution, target, AccountStatus::kApproved);
}

void retire_validator(Execution& execution, const PublicKey& key) {
    const Target target = target_of(execution, key);
    CHECK(target.account.status == AccountStatus::kApproved);
    leave_organisation(execution, target);
    set_status(execution, target, AccountStatus::kRetired);
}

schema::Code check_register(const StateView& state, const schema::Parameters& parameters,
                            const Transaction& transaction) {
    const auto arguments = decode<schema::Register>(transaction.arguments);
    if (!arguments) return Code::kBadArguments;
    const auto folded = schema::fold_name(arguments->organisation);
    if (!folded) return Code::kNameInvalid;
    if (state.contains(keys::account(transaction.sender))) return Code::kAlreadyRegistered;
    const auto invitation = invitations::find(state, transaction.sender, *arguments);
    if (!invitation) {
        const auto pending = state.load<RegistryRecord>(keys::registry()).pending.size();
        const std::size_t places = parameters.pending_accounts_max + invitations::count_used(state);
        if (pending >= places) return Code::kPendingFull;
    }
    const auto id = state.find<std::uint32_t>(keys::organisation_named(*folded));
    if (!id) return Code::kOk;
    const auto organisation = state.load<OrganisationRecord>(keys::organisation(*id));
    if (organisation.name != arguments->organisation) return Code::kNameTaken;
    const auto* place = single_place(organisation, arguments->role);
    if (place == nullptr || !place->has_value()) return Code::kOk;
    const bool is_of_own = invitation && invitation->inviter == *id;
    return is_of_own && is_stranger(state, **place) ? Code::kOk : Code::kRoleTaken;
}

schema::Code execute_register(Execution& execution, const Transaction& transaction) {
    StateView& state = execution.state;
    const Code code = check_register(state, execution.parameters, transaction);
    if (code != Code::kOk) return code;
    const auto arguments = decode<schema::Register>(transaction.arguments);
    CHECK(arguments.has_value());
    const Bytes named = name_key(arguments->organisation);
    const auto known = state.find<std::uint32_t>(named);
    if (known) clear_place(execution, *arguments, *known);
    const auto invitation = invitations::find(state, transaction.sender, *arguments);
    if (invitation) invitations::use(execution, *invitation);
    auto registry = state.load<RegistryRecord>(keys::registry());
    const std::uint32_t id = known.value_or(registry.organisations);
    OrganisationRecord organisation;
    if (known) {
        organisation = state.load<OrganisationRecord>(keys::organisation(id));
    } else {
        organisation.name = arguments->organisation;
        state.store(named, id);
        ++registry.organisations;
    }
    ++organisation.accounts;
    if (auto* place = single_place(organisation, arguments->role)) *place = transaction.sender;
    state.store(keys::organisation(id), organisation);
    const AccountRecord account{.role = arguments->role,
                                .status = AccountStatus::kPending,
                                .organisation = id,
                                .index = registry.accounts,
                                .registered = execution.block.height,
                                .changed = execution.block.height};
    state.store(keys::account(transaction.sender), account);
    state.store(keys::account_at(registry.accounts), transaction.sender);
    ++registry.accounts;
    registry.pending.push_back(transaction.sender);
    state.store(keys::registry(), registry);
    execution.emit(schema::Module::kRegistration, event::kAccountRegistered,
                   schema::AccountRegistered{transaction.sender, arguments->role, id,
                                             arguments->organisation});
    return Code::kOk;
}

schema::Code execute(Execution& execution, const Sender& sender, const Transaction& transaction) {
    if (transaction.action == action::kRegister) {
        return with_arguments<schema::Register>(
            transaction.arguments, [](const auto&) { return Code::kAlreadyRegistered; });
    }
    if (transaction.action == action::kRotateKey) {
        return key_rotation::execute(execution, sender, transaction);
    }
    if (transaction.action == action::kInvite) {
        return with_arguments<schema::Invite>(transaction.arguments, [&](const auto& arguments) {
            return invitations::execute(execution, sender, arguments);
        });
    }
    return with_arguments<schema::AccountBallot>(
        transaction.arguments, [&](const schema::AccountBallot& arguments) {
            const auto account =
                execution.state.find<AccountRecord>(keys::account(arguments.account));
            if (!account) return Code::kUnknownTarget;
            const Target target{arguments.account, *account};
            const bool is_retiring = transaction.action == action::kRetire;
            if (is_retiring && arguments.account == sender.key) {
                return retire_self(execution, target);
            }
            if (sender.account.role != Role::kCouncil) return Code::kRoleNotAllowed;
            return cast_ballot(execution, sender, target, transaction.action);
        });
}

}  // namespace consilium::contracts::registration
