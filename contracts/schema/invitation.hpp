// Invitations: a council member names a key that may register though strangers fill all places.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contracts/schema/limits.hpp"
#include "contracts/schema/modules.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"
#include "core/signature.hpp"

namespace consilium::schema {

// Of one council member that are not decided yet: what a single one may take up.
inline constexpr std::size_t kMaxInvitationsOfOne = 4;
inline constexpr std::size_t kMaxInvitations = kMaxCouncil * kMaxInvitationsOfOne;

// registration/invite: for a `register` of exactly this key, role and organisation.
struct Invite {
    PublicKey account;
    Role role = Role::kTrainer;
    std::string organisation;  // as in Register
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("account", self.account);
        visit("role", self.role);
        visit("organisation", self.organisation, Limit{kMaxNameBytes});
    }
    friend bool operator==(const Invite&, const Invite&) = default;
};

// Also the event of an invitation.
struct Invitation {
    PublicKey account;
    Role role = Role::kTrainer;
    std::string organisation;
    std::uint32_t inviter{};  // the council member's organisation, whatever its key is by now
    bool is_used{};           // the account is registered and pending
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("account", self.account);
        visit("role", self.role);
        visit("organisation", self.organisation, Limit{kMaxNameBytes});
        visit("inviter", self.inviter);
        visit("is_used", self.is_used);
    }
    friend bool operator==(const Invitation&, const Invitation&) = default;
};

// invitations: absent before the first one. An entry goes when its account is decided.
struct InvitationsRecord {
    std::vector<Invitation> entries;  // the oldest first
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("entries", self.entries, Limit{kMaxInvitations});
    }
    friend bool operator==(const InvitationsRecord&, const InvitationsRecord&) = default;
};

}  // namespace consilium::schema
