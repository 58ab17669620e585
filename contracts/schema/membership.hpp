// Who validates: the record of the present validators, and what a vote to change them holds.
//
// A change is always the complete new list, with names: what a council member reads is what will
// be. It is made for one membership epoch and void for any other.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium::schema {

inline constexpr std::size_t kMinValidators = 4;  // fewer bear no fault
inline constexpr std::size_t kMaxAddressBytes = 128;
// Blocks between the vote that passes and the change: nodes learn the addresses, people start the
// new node. Not longer than somebody still remembers, because no other change passes meanwhile.
inline constexpr std::uint64_t kMinActivationLead = 10;
inline constexpr std::uint64_t kMaxActivationLead = 100'000;
// Before a change blocks are made though nothing waits.
inline constexpr std::uint64_t kActivationCountdown = 100;

struct Validator {
    std::string organisation;  // as registered
    PublicKey key;
    std::string address;  // "host:port" for other validators' links; empty: from their files
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("organisation", self.organisation, Limit{kMaxNameBytes});
        visit("key", self.key);
        visit("address", self.address, Limit{kMaxAddressBytes});
    }
    friend bool operator==(const Validator&, const Validator&) = default;
};

// Proposal change_validators. The change happens in the first block of height `activation` or above
// in whose end no round stands at COIN_T or behind it; this block is the last of the old epoch.
struct ChangeValidators {
    Epoch epoch;        // the membership epoch that the list replaces
    Height activation;  // earliest block of the change
    std::vector<Validator> validators;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("activation", self.activation);
        visit("validators", self.validators, Limit{kMaxMembers});
    }
    friend bool operator==(const ChangeValidators&, const ChangeValidators&) = default;
};

// Proposal cancel_validator_change: drops the change that is pending in this membership epoch.
struct MembershipReference {
    Epoch epoch;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
    }
    friend bool operator==(const MembershipReference&, const MembershipReference&) = default;
};

// membership: certifies the next block unless that of its own header says otherwise.
struct MembershipRecord {
    Epoch epoch;
    std::vector<Validator> validators;
    std::optional<ChangeValidators> pending;  // passed, not yet in force; at most one
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("validators", self.validators, Limit{kMaxMembers});
        visit("pending", self.pending);
    }
    friend bool operator==(const MembershipRecord&, const MembershipRecord&) = default;
};

// Event of the block in which the change happened.
struct MembershipChanged {
    Epoch epoch;  // that begins with the next block
    std::vector<Validator> validators;
    std::vector<PublicKey> left;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("validators", self.validators, Limit{kMaxMembers});
        visit("left", self.left, Limit{kMaxMembers});
    }
    friend bool operator==(const MembershipChanged&, const MembershipChanged&) = default;
};

// What is announced in headers and certified by quorums.
[[nodiscard]] Membership membership_of(const MembershipRecord& record);

struct HostAndPort {
    std::string host;
    std::uint16_t port{};
    friend bool operator==(const HostAndPort&, const HostAndPort&) = default;
};
// "host:port", an IPv6 address in brackets; the port is 1..65535 without leading zeros. nullopt for
// anything else.
[[nodiscard]] std::optional<HostAndPort> parse_address(std::string_view text);

}  // namespace consilium::schema
