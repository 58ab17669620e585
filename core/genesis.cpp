// Hash, first membership, first header and structural rules of a genesis.
#include "core/genesis.hpp"

#include <algorithm>
#include <set>

namespace consilium {

Digest Genesis::hash() const {
    return tagged_hash("consilium/genesis/v1", encode(*this));
}

Membership Genesis::membership() const {
    Membership membership{.epoch = Epoch{0}, .members = {}};
    for (const auto& organisation : organisations) {
        membership.members.push_back({organisation.name, organisation.validator_key});
    }
    return membership;
}

BlockHeader Genesis::header(const Digest& state_root) const {
    return {.height = Height{0},
            .parent = Digest{},
            .time = time,
            .proposer = ReplicaId{0},
            .epoch = Epoch{0},
            .tx_root = transaction_root({}),
            .receipt_root = ::consilium::receipt_root({}),
            .state_root = state_root,
            .membership_hash = membership().hash(),
            .protocol_version = protocol_version};
}

Result<void> validate_genesis(const Genesis& genesis) {
    const auto is_id_character = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (genesis.chain_id.empty() || genesis.chain_id.size() > kMaxChainIdBytes ||
        !std::all_of(genesis.chain_id.begin(), genesis.chain_id.end(), is_id_character)) {
        return make_error(ErrorCode::kMalformed, "chain id: 1 to 32 characters of a-z, 0-9, '-'");
    }
    if (genesis.protocol_version != kProtocolVersion) {
        return make_error(ErrorCode::kRefused, "protocol version is not known to this program");
    }
    if (genesis.organisations.size() < 4 || genesis.organisations.size() > kMaxMembers) {
        return make_error(ErrorCode::kLimitExceeded, "a chain has 4 to 64 organisations");
    }
    if (genesis.parameters.size() > kMaxGenesisParameterBytes) {
        return make_error(ErrorCode::kLimitExceeded, "genesis parameters are too long");
    }
    std::set<PublicKey> keys;
    std::set<std::string> names;
    for (const auto& organisation : genesis.organisations) {
        if (organisation.name.empty() || organisation.name.size() > kMaxNameBytes ||
            !names.insert(organisation.name).second) {
            return make_error(ErrorCode::kMalformed,
                              "organisation names are distinct, 1 to 256 bytes");
        }
        for (const PublicKey& key : {organisation.validator_key, organisation.council_key}) {
            if (!is_valid_key(key)) {
                return make_error(ErrorCode::kInvalidKey,
                                  "key " + key.hex() + " of " + organisation.name);
            }
            if (!keys.insert(key).second) {
                return make_error(ErrorCode::kMismatch, "key " + key.hex() + " is used twice");
            }
        }
    }
    return {};
}

}  // namespace consilium
