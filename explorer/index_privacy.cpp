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

Json object_of(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    return json.is_object() ? json : Json::object();
}

Json account_json(const Row& row) {
    const Json record = object_of(row.text(3));
    const Json all_tasks = row.is_null(5) ? Json::object() : object_of(row.text(5));
    return {{"task", row.number(1)},
            {"organisation", row.number(2)},
            {"name", row.is_null(4) ? Json() : Json(row.text(4))},
            {"epsilon_local", in_units(record, "epsilon_local_micros")},
            {"epsilon_central", in_units(record, "epsilon_central_micros")},
            {"epsilon_local_all_tasks", in_units(all_tasks, "epsilon_local_micros")},
            {"record", record},
            {"verified", true}};
}

}  // namespace

void privacy(Database& database, const Window& window, const Visit& visit) {
    // The account of all tasks has task 0, so its sequence is the organisation's number.
    database.query(
        "SELECT p.sequence, p.task, p.organisation, p.json, o.name, a.json FROM privacy p "
        "LEFT JOIN organisations o ON o.id = p.organisation "
        "LEFT JOIN privacy a ON a.sequence = p.organisation "
        "WHERE p.sequence < ? AND p.first_height <= ? ORDER BY p.sequence DESC LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            visit({row.integer(0), account_json(row)});
        });
}

}  // namespace consilium::explorer::lists
