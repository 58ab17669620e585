// SQL of the lists and of single objects: rows of the index as JSON.
//
// Functions read through the given connection, inside the caller's transaction; errors stay in the
// connection. Absence is nullopt.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "explorer/database.hpp"

namespace consilium::explorer::lists {

// Which rows: below (or, for an ascending list, above) the cursor, no newer than the height.
struct Window {
    std::int64_t cursor{};
    std::uint64_t at{};
    std::uint64_t limit{};
};
struct Item {
    std::int64_t cursor{};
    nlohmann::json json;
};
using Visit = std::function<void(Item)>;

struct ListInfo {
    std::string_view name;
    bool is_ascending;
    void (*query)(Database& database, const Window& window, const Visit& visit);
};
[[nodiscard]] const ListInfo* find_list(std::string_view name);

using MaybeJson = std::optional<nlohmann::json>;
[[nodiscard]] MaybeJson block(Database& database, std::uint64_t height);
[[nodiscard]] MaybeJson transaction(Database& database, const Digest& id);
[[nodiscard]] MaybeJson round(Database& database, std::uint64_t round);
[[nodiscard]] MaybeJson model(Database& database, std::uint32_t task, std::uint32_t version);
[[nodiscard]] MaybeJson evidence(Database& database, const Digest& id);
[[nodiscard]] nlohmann::json search(Database& database, std::string_view text);

}  // namespace consilium::explorer::lists
