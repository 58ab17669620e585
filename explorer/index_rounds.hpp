// Rounds and models as JSON: what happened to whom, and what this machine recomputed.
#pragma once
#include "explorer/index_lists.hpp"

namespace consilium::explorer::lists {

void rounds(Database& database, const Window& window, const Visit& visit);
void models(Database& database, const Window& window, const Visit& visit);
// [{slot, name, trainer, pledged, submitted, outcome, code, weight, share, ...}]
[[nodiscard]] nlohmann::json round_clients(Database& database, std::uint64_t round);

}  // namespace consilium::explorer::lists
