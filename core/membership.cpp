// Look-ups in a membership and its hash.
#include "core/membership.hpp"

namespace consilium {

const PublicKey& Membership::key_of(ReplicaId id) const {
    CHECK(contains(id));
    return members[id.value].validator_key;
}

std::optional<ReplicaId> Membership::find(const PublicKey& key) const {
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].validator_key == key) return ReplicaId{static_cast<std::uint16_t>(i)};
    }
    return std::nullopt;
}

Digest Membership::hash() const {
    return tagged_hash("consilium/membership/v1", encode(*this));
}

}  // namespace consilium
