// Which validators to link to, and where: this node's own file first, then the chain.
//
// An address is only where to knock: who answers proves its validator key before any frame. The
// council votes on addresses together with the list (contracts/schema/membership.hpp); an entry of
// the configuration for the same key wins, and a validator without any address is expected to dial
// this node. Who has left the validators is no longer dialled, but may go on following the chain.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/state.hpp"
#include "node/config.hpp"

namespace consilium::node {

class PeerBook {
  public:
    PeerBook(const std::vector<PeerConfig>& configured, const PublicKey& own_key);

    // Peers that are new or have moved in this state: those in office and those of a change to
    // come. Port 0: not to be dialled.
    [[nodiscard]] std::vector<PeerConfig> update(const StateReader& state);

  private:
    struct Place {
        std::string host;
        std::uint16_t port{};
        friend bool operator==(const Place&, const Place&) = default;
    };

    PublicKey own_key_;
    std::map<PublicKey, Place> configured_;
    std::map<PublicKey, Place> known_;  // from the chain
    std::optional<Bytes> last_;         // the record that was looked at
};

}  // namespace consilium::node
