// Rounds and models as JSON: what happened to whom, and what this machine recomputed.
#pragma once
#include "explorer/index_lists.hpp"

namespace consilium::explorer::lists {

void rounds(Database& database, const Window& window, const Visit& visit);
void models(Database& database, const Window& window, const Visit& visit);
// [{slot, name, trainer, pledged, submitted, outcome, code, weight, share, ...}]
[[nodiscard]] nlohmann::json round_clients(Database& database, std::uint64_t round);

// The approved reference set of that hash (hexadecimal text) with its distribution, or null.
[[nodiscard]] nlohmann::json reference_set(Database& database, const nlohmann::json& hash);

}  // namespace consilium::explorer::lists
