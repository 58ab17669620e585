// The list of invitations: who may add to it, and which entry yields.
#include "contracts/invitations.hpp"

#include <algorithm>

#include "contracts/schema/names.hpp"

namespace consilium::contracts::invitations {
namespace {

using schema::AccountStatus;
using schema::Code;
using schema::Invitation;
using schema::InvitationsRecord;
namespace keys = schema::keys;

InvitationsRecord load(const StateView& state) {
    return state.find<InvitationsRecord>(keys::invitations()).value_or(InvitationsRecord{});
}

bool is_in_council(const StateView& state, std::uint32_t organisation) {
    const auto record = state.load<schema::OrganisationRecord>(keys::organisation(organisation));
    if (!record.council) return false;
    const auto account = state.load<schema::AccountRecord>(keys::account(*record.council));
    return account.status == AccountStatus::kApproved;
}

// By the council member of the very organisation that the account is to belong to.
bool is_of_own(const StateView& state, const Invitation& entry) {
    const auto record = state.load<schema::OrganisationRecord>(keys::organisation(entry.inviter));
    return record.name == entry.organisation;
}

// Takes the oldest entry away that nobody has used and `may_yield` names; false: there is none.
template <typename Predicate>
bool drop_oldest(std::vector<Invitation>& entries, Predicate may_yield) {
    const auto oldest = std::find_if(entries.begin(), entries.end(), [&](const Invitation& entry) {
        return !entry.is_used && may_yield(entry);
    });
    if (oldest == entries.end()) return false;
    entries.erase(oldest);
    return true;
}

// A member's own oldest one yields to its new one; of all only those of members who have left.
bool make_room(const StateView& state, std::vector<Invitation>& entries, std::uint32_t inviter) {
    const auto is_own = [&](const Invitation& entry) { return entry.inviter == inviter; };
    const auto own = std::count_if(entries.begin(), entries.end(), is_own);
    if (own >= static_cast<std::ptrdiff_t>(schema::kMaxInvitationsOfOne)) {
        return drop_oldest(entries, is_own);
    }
    if (entries.size() < schema::kMaxInvitations) return true;
    return drop_oldest(
        entries, [&](const Invitation& entry) { return !is_in_council(state, entry.inviter); });
}

}  // namespace

Code execute(Execution& execution, const Sender& sender, const schema::Invite& arguments) {
    if (!schema::is_valid_name(arguments.organisation)) return Code::kNameInvalid;
    if (execution.state.contains(keys::account(arguments.account))) {
        return Code::kAlreadyRegistered;
    }
    InvitationsRecord record = load(execution.state);
    const std::uint32_t inviter = sender.account.organisation;
    // Several members may invite one key, each as it knows it: nobody spoils another one's.
    std::erase_if(record.entries, [&](const Invitation& entry) {
        return entry.inviter == inviter && entry.account == arguments.account;
    });
    if (!make_room(execution.state, record.entries, inviter)) return Code::kInvitationsFull;
    const Invitation invitation{arguments.account, arguments.role, arguments.organisation, inviter,
                                false};
    record.entries.push_back(invitation);
    execution.state.store(keys::invitations(), record);
    execution.emit(schema::Module::kRegistration, schema::event::kAccountInvited, invitation);
    return Code::kOk;
}

std::optional<Invitation> find(const StateView& state, const PublicKey& account,
                               const schema::Register& arguments) {
    const InvitationsRecord record = load(state);
    std::optional<Invitation> found;
    for (const Invitation& entry : record.entries) {
        const bool is_for_this = entry.account == account && entry.role == arguments.role &&
                                 entry.organisation == arguments.organisation;
        if (!is_for_this || !is_in_council(state, entry.inviter)) continue;
        if (!found || is_of_own(state, entry)) found = entry;
    }
    return found;
}

std::size_t count_used(const StateView& state) {
    const InvitationsRecord record = load(state);
    return static_cast<std::size_t>(
        std::count_if(record.entries.begin(), record.entries.end(),
                      [](const Invitation& entry) { return entry.is_used; }));
}

bool is_used(const StateView& state, const PublicKey& account) {
    const InvitationsRecord record = load(state);
    return std::any_of(record.entries.begin(), record.entries.end(), [&](const Invitation& entry) {
        return entry.account == account && entry.is_used;
    });
}

void use(Execution& execution, const Invitation& invitation) {
    InvitationsRecord record = load(execution.state);
    const auto entry = std::find(record.entries.begin(), record.entries.end(), invitation);
    CHECK(entry != record.entries.end());
    entry->is_used = true;
    execution.state.store(keys::invitations(), record);
}

void forget(Execution& execution, const PublicKey& account) {
    InvitationsRecord record = load(execution.state);
    const auto gone = std::erase_if(
        record.entries, [&](const Invitation& entry) { return entry.account == account; });
    if (gone > 0) execution.state.store(keys::invitations(), record);
}

}  // namespace consilium::contracts::invitations
