// Rounds with their clients and phases, models with their metrics.
#include "explorer/index_rounds.hpp"

#include <string>
#include <vector>

#include "core/digest.hpp"

namespace consilium::explorer::lists {
namespace {

using Json = nlohmann::json;

constexpr double kMicros = 1e6;
constexpr double kQ32 = 4294967296.0;

Json stored_json(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json::object() : json;
}

// A number that the codec may have rendered as text because it exceeds 2^53.
double as_double(const Json& json) {
    if (json.is_number()) return json.get<double>();
    if (json.is_string()) return std::strtod(json.get_ref<const std::string&>().c_str(), nullptr);
    return 0;
}

// One word for people; the code stays beside it.
const char* outcome_of(const Json& client, bool has_verdict, bool is_over) {
    if (!has_verdict) {
        if (client["submitted"] == true) return "submitted";
        if (is_over) return "absent";
        return client["pledged"] == true ? "pledged" : "waiting";
    }
    if (client["is_suspect"] == true) return "suspect";
    const std::string code = client["code"];
    if (code == "OK") return "accepted";
    return code == "NO_SUBMIT" ? "absent" : "rejected";
}

Json clients_of(Database& database, std::uint64_t round, bool is_over, double weight_sum) {
    Json clients = Json::array();
    database.query(
        "SELECT c.slot, c.trainer, o.name, c.pledged, c.submitted, c.code, c.is_suspect, c.weight, "
        "c.reduced_weight, c.ranged FROM round_clients c LEFT JOIN accounts a ON a.key = c.trainer "
        "LEFT JOIN organisations o ON o.id = a.organisation WHERE c.round = ? ORDER BY c.slot",
        {round}, [&](const Row& row) {
            const bool has_verdict = !row.is_null(5);
            Json client = {{"slot", row.number(0)},
                           {"trainer", row.hex(1)},
                           {"name", row.is_null(2) ? Json() : Json(row.text(2))},
                           {"pledged", row.integer(3) != 0},
                           {"submitted", row.integer(4) != 0},
                           {"ranged", row.integer(9) != 0},
                           {"code", has_verdict ? Json(row.text(5)) : Json()},
                           {"is_suspect", has_verdict && row.integer(6) != 0},
                           {"weight", has_verdict ? Json(row.number(7)) : Json()},
                           {"reduced_weight", has_verdict ? Json(row.number(8)) : Json()}};
            client["outcome"] = outcome_of(client, has_verdict, is_over);
            client["share"] = weight_sum > 0 && has_verdict
                                  ? static_cast<double>(row.number(8)) / weight_sum
                                  : 0.0;
            clients.push_back(std::move(client));
        });
    return clients;
}

Json phases_of(Database& database, std::uint64_t round) {
    Json phases = Json::array();
    database.query(
        "SELECT attempt, phase, height, time_ms FROM round_phases WHERE round = ? "
        "ORDER BY sequence",
        {round}, [&](const Row& row) {
            phases.push_back({{"attempt", row.number(0)},
                              {"phase", row.text(1)},
                              {"height", row.number(2)},
                              {"time_ms", row.number(3)}});
        });
    return phases;
}

struct RoundRow {
    std::uint64_t round{};
    std::string phase;
    std::string reason;
    std::uint64_t changed{};
    Json record;
    Json task_name;
    bool has_verdict{};
};

constexpr const char* kRoundColumns =
    "SELECT r.round, r.phase, r.reason, r.changed, r.json, t.name, "
    "EXISTS (SELECT 1 FROM verdicts v WHERE v.round = r.round) "
    "FROM rounds r LEFT JOIN tasks t ON t.id = r.task ";

RoundRow round_row(const Row& row) {
    return {.round = row.number(0),
            .phase = row.text(1),
            .reason = row.text(2),
            .changed = row.number(3),
            .record = stored_json(row.text(4)),
            .task_name = row.is_null(5) ? Json() : Json(row.text(5)),
            .has_verdict = row.integer(6) != 0};
}

// What the round compared updates with: the set, and the update that the validators agreed on.
Json reference_json(Database& database, const Json& record) {
    const Json& hash = record["terms"]["reference_set"];
    if (hash.is_null()) return nullptr;
    const Json& agreed = record["reference"];
    return {{"set", reference_set(database, hash)},
            {"is_required", record["terms"]["is_reference_required"]},
            {"agreed", agreed.is_null() ? Json() : agreed["sha256"]},
            {"squared_norm", agreed.is_null() ? Json() : agreed["squared_norm"]}};
}

Json round_json(Database& database, const RoundRow& row) {
    const Json& record = row.record;
    const Json& terms = record["terms"];
    const bool has_result = !record["aggregate"].is_null();
    const bool is_over = has_result || row.phase == "cancelled" || row.phase == "aborted";
    // Every block is verified before it is indexed; what it contained tells what that covered.
    Json recomputed = {"certificate", "transaction_root", "receipt_root", "state_root"};
    if (row.has_verdict) recomputed.push_back("verdict");
    if (has_result) recomputed.push_back("aggregate");
    return {{"round", row.round},
            {"attempt", record["label"]["attempt"]},
            {"mpc_epoch", record["label"]["mpc_epoch"]},
            {"batch", record["label"]["batch"]},
            {"task", terms["task"]},
            {"task_name", row.task_name},
            {"task_round", terms["task_round"]},
            {"phase", row.phase},
            {"reason", row.reason},
            {"opened_height", record["opened"]},
            {"opened_time_ms", record["opened_time"]},
            {"phase_height", record["phase_height"]},
            {"phase_time_ms", record["phase_time"]},
            {"changed_height", row.changed},
            {"mode", terms["mode"]},
            {"reference", reference_json(database, record)},
            {"clip_norm", as_double(terms["clip_norm"]) / kQ32},
            {"dimension", terms["dimension"]},
            {"malicious_max", terms["malicious_max"]},
            {"from_version", terms["model_version"]},
            {"to_version", record["model_version"]},
            {"weight_sum", record["weight_sum"]},
            {"dither_bits", record["dither_bits"]},
            {"aggregate", record["aggregate"]},
            {"phases", phases_of(database, row.round)},
            {"clients", clients_of(database, row.round, is_over, as_double(record["weight_sum"]))},
            {"verified", true},
            {"recomputed", std::move(recomputed)}};
}

Json metrics_of(Database& database, std::uint64_t task, std::uint64_t version) {
    Json reports = Json::array();
    double auc = 0;
    double accuracy = 0;
    double balanced = 0;
    database.query(
        "SELECT m.trainer, o.name, m.auc_micros, m.accuracy_micros, m.balanced_accuracy_micros, "
        "m.rows_log2, m.height FROM metrics m LEFT JOIN accounts a ON a.key = m.trainer "
        "LEFT JOIN organisations o ON o.id = a.organisation "
        "WHERE m.task = ? AND m.version = ? ORDER BY o.id",
        {task, version}, [&](const Row& row) {
            const double scores[] = {static_cast<double>(row.number(2)) / kMicros,
                                     static_cast<double>(row.number(3)) / kMicros,
                                     static_cast<double>(row.number(4)) / kMicros};
            auc += scores[0];
            accuracy += scores[1];
            balanced += scores[2];
            reports.push_back({{"trainer", row.hex(0)},
                               {"name", row.is_null(1) ? Json() : Json(row.text(1))},
                               {"auc", scores[0]},
                               {"accuracy", scores[1]},
                               {"balanced_accuracy", scores[2]},
                               {"rows_log2", row.number(5)},
                               {"height", row.number(6)}});
        });
    if (reports.empty()) return {{"reports", std::move(reports)}};
    const auto count = static_cast<double>(reports.size());
    // Plain means over the hospitals that reported, each on rows of its own.
    return {{"auc", auc / count},
            {"accuracy", accuracy / count},
            {"balanced_accuracy", balanced / count},
            {"reports", std::move(reports)}};
}

constexpr const char* kModelColumns =
    "SELECT m.sequence, m.task, m.version, m.parent, m.round, m.sha256, m.created, m.json, t.json, "
    "t.name FROM models m LEFT JOIN tasks t ON t.id = m.task ";

Json model_row(const Row& row) {
    const Json record = stored_json(row.text(7));
    const Json task = row.is_null(8) ? Json::object() : stored_json(row.text(8));
    const auto is_version = [&](const char* field) {
        const auto found = task.find(field);
        return found != task.end() && found->is_number() &&
               found->get<std::uint64_t>() == row.number(2);
    };
    return {{"task", row.number(1)},
            {"task_name", row.is_null(9) ? Json() : Json(row.text(9))},
            {"version", row.number(2)},
            {"parent", row.is_null(3) ? Json() : Json(row.number(3))},
            {"round", row.is_null(4) ? Json() : Json(row.number(4))},
            {"sha256", row.hex(5)},
            {"created_height", row.number(6)},
            {"parameters", record.value("parameters", Json::object())},
            {"aggregate", record.value("aggregate", Json())},
            {"is_current", is_version("current_version")},
            {"is_promoted", is_version("promoted_version")},
            {"verified", true}};
}

}  // namespace

Json reference_set(Database& database, const Json& hash) {
    const auto digest = hash.is_string() ? decode_digest_hex(hash.get_ref<const std::string&>())
                                         : Result<Digest>(Digest{});
    Json found;
    if (!digest) return found;
    database.query("SELECT json FROM reference_sets WHERE sha256 = ?", {*digest},
                   [&](const Row& row) { found = stored_json(row.text(0)); });
    return found;
}

Json round_clients(Database& database, std::uint64_t round) {
    double weight_sum = 0;
    database.query("SELECT json FROM rounds WHERE round = ?", {round}, [&](const Row& row) {
        weight_sum = as_double(stored_json(row.text(0))["weight_sum"]);
    });
    return clients_of(database, round, true, weight_sum);
}

void rounds(Database& database, const Window& window, const Visit& visit) {
    static const std::string sql =
        std::string(kRoundColumns) +
        "WHERE r.round < ? AND r.first_opened <= ? ORDER BY r.round DESC LIMIT ?";
    std::vector<RoundRow> rows;
    database.query(sql, {window.cursor, window.at, window.limit},
                   [&](const Row& row) { rows.push_back(round_row(row)); });
    for (const RoundRow& row : rows) {
        visit({static_cast<std::int64_t>(row.round), round_json(database, row)});
    }
}

MaybeJson round(Database& database, std::uint64_t round) {
    static const std::string sql = std::string(kRoundColumns) + "WHERE r.round = ?";
    std::optional<RoundRow> row;
    database.query(sql, {round}, [&](const Row& found) { row = round_row(found); });
    if (!row) return std::nullopt;
    Json json = round_json(database, *row);
    json["statistics"] = nullptr;
    database.query("SELECT json FROM statistics WHERE round = ?", {round},
                   [&](const Row& found) { json["statistics"] = stored_json(found.text(0)); });
    json["verdict"] = nullptr;
    database.query("SELECT json FROM verdicts WHERE round = ?", {round},
                   [&](const Row& found) { json["verdict"] = stored_json(found.text(0)); });
    return json;
}

void models(Database& database, const Window& window, const Visit& visit) {
    static const std::string sql =
        std::string(kModelColumns) +
        "WHERE m.sequence < ? AND m.created <= ? ORDER BY m.sequence DESC LIMIT ?";
    std::vector<Item> items;
    database.query(sql, {window.cursor, window.at, window.limit}, [&](const Row& row) {
        items.push_back({row.integer(0), model_row(row)});
    });
    for (Item& item : items) {
        item.json["metrics"] = metrics_of(database, item.json["task"], item.json["version"]);
        visit(std::move(item));
    }
}

MaybeJson model(Database& database, std::uint32_t task, std::uint32_t version) {
    static const std::string sql =
        std::string(kModelColumns) + "WHERE m.task = ? AND m.version = ?";
    MaybeJson json;
    database.query(sql, {task, version}, [&](const Row& row) { json = model_row(row); });
    if (json) (*json)["metrics"] = metrics_of(database, task, version);
    return json;
}

}  // namespace consilium::explorer::lists
