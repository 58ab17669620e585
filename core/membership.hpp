// The set of validators of one epoch and its quorum sizes.
//
// A replica's id is its position in the list. Values: plain data; quorum arithmetic holds for any
// n >= 1, a chain has 4 <= n <= kMaxMembers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/codec.hpp"
#include "core/digest.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"

namespace consilium {

// The signer bitmap of a certificate is one 64-bit word.
inline constexpr std::size_t kMaxMembers = 64;
inline constexpr std::size_t kMaxNameBytes = 256;  // 64 characters of at most 4 UTF-8 bytes

// Names the chain in every signed message: a signature of one chain is void on any other.
struct ChainIdentity {
    std::string chain_id;
    Digest genesis_hash;
    friend bool operator==(const ChainIdentity&, const ChainIdentity&) = default;
};
inline constexpr std::size_t kMaxChainIdBytes = 32;

// f = floor((n - 1) / 3): how many faulty replicas n replicas bear.
[[nodiscard]] constexpr std::size_t fault_bound(std::size_t n) {
    return n == 0 ? 0 : (n - 1) / 3;
}
// q = floor((n + f) / 2) + 1: two quorums of this size share a correct replica for every n;
// 2f + 1 does so only when n = 3f + 1.
[[nodiscard]] constexpr std::size_t quorum_size(std::size_t n) {
    return (n + fault_bound(n)) / 2 + 1;
}

struct Member {
    std::string name;  // of the organisation
    PublicKey validator_key;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("name", self.name, Limit{kMaxNameBytes});
        visit("validator_key", self.validator_key);
    }
    friend bool operator==(const Member&, const Member&) = default;
};

struct Membership {
    Epoch epoch;
    std::vector<Member> members;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epoch", self.epoch);
        visit("members", self.members, Limit{kMaxMembers});
    }

    [[nodiscard]] std::size_t size() const { return members.size(); }
    [[nodiscard]] std::size_t faults() const { return fault_bound(members.size()); }
    [[nodiscard]] std::size_t quorum() const { return quorum_size(members.size()); }
    [[nodiscard]] bool contains(ReplicaId id) const { return id.value < members.size(); }
    [[nodiscard]] const PublicKey& key_of(ReplicaId id) const;  // CHECKs contains(id)
    [[nodiscard]] std::optional<ReplicaId> find(const PublicKey& key) const;
    [[nodiscard]] Digest hash() const;
    friend bool operator==(const Membership&, const Membership&) = default;
};

}  // namespace consilium
