// The first agreement of a consortium: who validates, who sits in the council, which parameters.
//
// Its hash names the chain in every signature. Keys never leave the hospitals: genesis holds public
// keys only. The state that follows from it is made by the contracts.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/block.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"

namespace consilium {

inline constexpr std::size_t kMaxGenesisParameterBytes = 4096;
inline constexpr std::size_t kMaxGenesisBytes = 64 * 1024;

struct GenesisOrganisation {
    std::string name;
    PublicKey validator_key;
    PublicKey council_key;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("name", self.name, Limit{kMaxNameBytes});
        visit("validator_key", self.validator_key);
        visit("council_key", self.council_key);
    }
    friend bool operator==(const GenesisOrganisation&, const GenesisOrganisation&) = default;
};

struct Genesis {
    std::string chain_id;
    TimeMs time;
    std::uint32_t protocol_version{kProtocolVersion};
    std::vector<GenesisOrganisation> organisations;  // replica i is organisation i
    Bytes parameters;  // canonical encoding of the schema's Parameters
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain_id, Limit{kMaxChainIdBytes});
        visit("time", self.time);
        visit("protocol_version", self.protocol_version);
        visit("organisations", self.organisations, Limit{kMaxMembers});
        visit("parameters", self.parameters, Limit{kMaxGenesisParameterBytes});
    }
    friend bool operator==(const Genesis&, const Genesis&) = default;

    [[nodiscard]] Digest hash() const;
    [[nodiscard]] ChainIdentity identity() const { return {chain_id, hash()}; }
    [[nodiscard]] Membership membership() const;  // epoch 0
    // Header of height 0; `state_root` is the root of the contracts' genesis state.
    [[nodiscard]] BlockHeader header(const Digest& state_root) const;
};

// Structure only: 4 to kMaxMembers organisations, valid distinct keys, distinct names, an id of
// [a-z0-9-], a known protocol version.
[[nodiscard]] Result<void> validate_genesis(const Genesis& genesis);

}  // namespace consilium
