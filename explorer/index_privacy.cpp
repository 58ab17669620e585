// Accounts of privacy as JSON: epsilon in plain numbers, rho exact.
#include "explorer/index_privacy.hpp"

#include <string>

namespace consilium::explorer::lists {
namespace {

using Json = nlohmann::json;

constexpr double kMicros = 1e6;

double in_units(const Json& record, const char* name) {
    const auto found = record.find(name);
    if (found == record.end()) return 0;
    if (found->is_number()) return found->get<double>() / kMicros;
    if (!found->is_string()) return 0;  // numbers above 2^53 are text
    return std::strtod(found->get_ref<const std::string&>().c_str(), nullptr) / kMicros;
}

Json account_json(const Row& row) {
    const Json record = Json::parse(row.text(3), nullptr, false);
    const Json& shown = record.is_object() ? record : Json::object();
    return {{"task", row.number(1)},
            {"organisation", row.number(2)},
            {"name", row.is_null(4) ? Json() : Json(row.text(4))},
            {"epsilon_local", in_units(shown, "epsilon_local_micros")},
            {"epsilon_central", in_units(shown, "epsilon_central_micros")},
            {"record", shown},
            {"verified", true}};
}

}  // namespace

void privacy(Database& database, const Window& window, const Visit& visit) {
    database.query(
        "SELECT p.sequence, p.task, p.organisation, p.json, o.name FROM privacy p "
        "LEFT JOIN organisations o ON o.id = p.organisation "
        "WHERE p.sequence > ? AND p.first_height <= ? ORDER BY p.sequence LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            visit({row.integer(0), account_json(row)});
        });
}

}  // namespace consilium::explorer::lists
