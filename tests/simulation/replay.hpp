// A10: executing the decided chain again from genesis, alone, gives the same roots.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/genesis.hpp"
#include "node/driver/storage.hpp"

namespace consilium::simulation {

// What differs, or nullopt. `chain` begins with height 1.
// `blobs`: contents that execution may need.
[[nodiscard]] std::optional<std::string> find_replay_difference(
    const Genesis& genesis, const std::vector<driver::CertifiedBlock>& chain,
    const std::map<Digest, Bytes>& blobs);

}  // namespace consilium::simulation
