// What hospitals have spent of their privacy, per task and over all tasks (task 0).
#pragma once
#include "explorer/index_lists.hpp"

namespace consilium::explorer::lists {

void privacy(Database& database, const Window& window, const Visit& visit);

}  // namespace consilium::explorer::lists
