// What may change at once, and the change itself.
#include "contracts/membership.hpp"

#include <algorithm>
#include <set>

#include "contracts/registration.hpp"
#include "contracts/rounds.hpp"
#include "contracts/verification/reference.hpp"

namespace consilium::contracts::membership {
namespace {

using schema::AccountRecord;
using schema::AccountStatus;
using schema::ChangeValidators;
using schema::Code;
using schema::MembershipRecord;
using schema::Validator;
namespace event = schema::event;
namespace keys = schema::keys;

MembershipRecord load(const StateView& state) {
    return state.load<MembershipRecord>(keys::membership());
}

bool is_in(const std::vector<Validator>& list, const PublicKey& key) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Validator& entry) { return entry.key == key; });
}

// Keys of `list` that `other` does not have.
std::vector<PublicKey> missing_in(const std::vector<Validator>& list,
                                  const std::vector<Validator>& other) {
    std::vector<PublicKey> missing;
    for (const Validator& entry : list) {
        if (!is_in(other, entry.key)) missing.push_back(entry.key);
    }
    return missing;
}

Code check_entry(const StateView& state, const MembershipRecord& record, const Validator& entry) {
    if (!entry.address.empty() && !schema::parse_address(entry.address)) {
        return Code::kAddressInvalid;
    }
    const auto account = state.find<AccountRecord>(keys::account(entry.key));
    if (!account || account->role != schema::Role::kValidator) return Code::kNotAValidatorKey;
    const bool is_known =
        account->status == AccountStatus::kPending ||
        (account->status == AccountStatus::kApproved && is_in(record.validators, entry.key));
    if (!is_known) return Code::kNotAValidatorKey;
    const auto organisation =
        state.load<schema::OrganisationRecord>(keys::organisation(account->organisation));
    return organisation.name == entry.organisation ? Code::kOk : Code::kWrongOrganisation;
}

Code check_list(const StateView& state, const MembershipRecord& record,
                const std::vector<Validator>& list) {
    if (list.size() < schema::kMinValidators) return Code::kTooFewValidators;
    std::set<PublicKey> seen_keys;
    std::set<std::string> seen_names;
    for (const Validator& entry : list) {
        if (!seen_keys.insert(entry.key).second) return Code::kValidatorTwice;
        if (!seen_names.insert(entry.organisation).second) return Code::kValidatorTwice;
        if (const Code code = check_entry(state, record, entry); code != Code::kOk) return code;
    }
    return list == record.validators ? Code::kMembershipUnchanged : Code::kOk;
}

// Of the q that voted for the last block of the epoch q - f are honest and hold it, its state and
// its blobs: one of them has to stay. And the new list has to be able to go on though none of the
// new ones has come yet.
Code check_step(const std::vector<Validator>& now, const std::vector<Validator>& next) {
    const std::size_t leaving = missing_in(now, next).size();
    const std::size_t n = now.size();
    if (leaving + 1 > quorum_size(n) - fault_bound(n)) return Code::kTooManyLeave;
    if (n - leaving < quorum_size(next.size())) return Code::kTooManyJoin;
    return Code::kOk;
}

Code check_activation(Height now, Height activation) {
    if (activation.value < saturating_add(now.value, schema::kMinActivationLead)) {
        return Code::kActivationTooSoon;
    }
    if (activation.value > saturating_add(now.value, schema::kMaxActivationLead)) {
        return Code::kActivationTooLate;
    }
    return Code::kOk;
}

void make_change(Execution& execution, MembershipRecord record) {
    const ChangeValidators change = *record.pending;
    const std::vector<PublicKey> left = missing_in(record.validators, change.validators);
    for (const PublicKey& key : left) {
        registration::retire_validator(execution, key);
        verification::forget_reference_of(execution, key);
    }
    for (const PublicKey& key : missing_in(change.validators, record.validators)) {
        registration::admit_validator(execution, key);
    }
    record.epoch = record.epoch.next();
    record.validators = change.validators;
    record.pending.reset();
    auto registry = execution.state.load<schema::RegistryRecord>(keys::registry());
    registry.validators.clear();
    for (const Validator& entry : record.validators) registry.validators.push_back(entry.key);
    execution.state.store(keys::registry(), registry);
    execution.state.store(keys::membership(), record);
    execution.next_membership = schema::membership_of(record);
    execution.emit(schema::Module::kGovernance, event::kMembershipChanged,
                   schema::MembershipChanged{record.epoch, record.validators, left});
}

}  // namespace

Code check(const Execution& execution, const ChangeValidators& change) {
    const MembershipRecord record = load(execution.state);
    if (change.epoch != record.epoch) return Code::kMembershipOutdated;
    Code code = check_list(execution.state, record, change.validators);
    if (code == Code::kOk) code = check_step(record.validators, change.validators);
    if (code == Code::kOk) code = check_activation(execution.block.height, change.activation);
    return code;
}

Code announce(Execution& execution, const ChangeValidators& change) {
    if (const Code code = check(execution, change); code != Code::kOk) return code;
    MembershipRecord record = load(execution.state);
    if (record.pending) return Code::kMembershipPending;
    record.pending = change;
    execution.state.store(keys::membership(), record);
    execution.emit(schema::Module::kGovernance, event::kMembershipAnnounced, change);
    return Code::kOk;
}

Code cancel(Execution& execution, const schema::MembershipReference& reference) {
    MembershipRecord record = load(execution.state);
    if (reference.epoch != record.epoch) return Code::kMembershipOutdated;
    if (!record.pending) return Code::kNoMembershipPending;
    record.pending.reset();
    execution.state.store(keys::membership(), record);
    execution.emit(schema::Module::kGovernance, event::kMembershipCancelled, reference);
    return Code::kOk;
}

bool is_awaited(const StateView& state, const PublicKey& key) {
    const MembershipRecord record = load(state);
    return record.pending && is_in(record.pending->validators, key);
}

bool has_countdown(const StateView& state, Height head) {
    const MembershipRecord record = load(state);
    if (!record.pending) return false;
    const std::uint64_t activation = record.pending->activation.value;
    return head.value < activation && activation - head.value <= schema::kActivationCountdown;
}

void advance(Execution& execution) {
    MembershipRecord record = load(execution.state);
    if (!record.pending || execution.block.height < record.pending->activation) return;
    auto round = rounds::current_round(execution.state);
    if (round && round->phase != schema::Phase::kAborted) {
        // From here on shares of statistics may be out: only this committee can finish the round.
        if (schema::phase_order(round->phase) >= schema::phase_order(schema::Phase::kCoinTest)) {
            return;
        }
        rounds::end_round(execution, *round, schema::Phase::kAborted,
                          schema::EndReason::kMembershipChanged);
    }
    make_change(execution, std::move(record));
}

}  // namespace consilium::contracts::membership
