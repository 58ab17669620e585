// Following the addresses of the membership record.
#include "node/peers.hpp"

#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"

namespace consilium::node {

PeerBook::PeerBook(const std::vector<PeerConfig>& configured, const PublicKey& own_key)
    : own_key_(own_key) {
    for (const PeerConfig& peer : configured) configured_[peer.key] = {peer.host, peer.port};
}

std::vector<PeerConfig> PeerBook::update(const StateReader& state) {
    auto bytes = state.get(schema::keys::membership());
    if (!bytes || last_ == bytes) return {};
    const auto record = decode<schema::MembershipRecord>(*bytes);
    if (!record) return {};
    last_ = std::move(bytes);
    std::map<PublicKey, Place> wanted;
    const auto note = [&](const std::vector<schema::Validator>& validators) {
        for (const schema::Validator& entry : validators) {
            if (entry.key == own_key_ || configured_.contains(entry.key)) continue;
            Place& place = wanted[entry.key];
            const auto address = schema::parse_address(entry.address);
            if (address) place = {address->host, address->port};
        }
    };
    note(record->validators);
    if (record->pending) note(record->pending->validators);
    for (const auto& [key, place] : known_) wanted.emplace(key, Place{});
    std::vector<PeerConfig> changed;
    for (const auto& [key, place] : wanted) {
        const auto known = known_.find(key);
        if (known != known_.end() && known->second == place) continue;
        changed.push_back({key, place.host, place.port});
    }
    known_ = std::move(wanted);
    return changed;
}

}  // namespace consilium::node
