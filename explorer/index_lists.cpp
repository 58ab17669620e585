// Blocks, transactions, events, participants, tasks, verdicts, evidence; search.
#include "explorer/index_lists.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "contracts/schema/codes.hpp"
#include "contracts/schema/names.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/tables.hpp"
#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/receipt.hpp"
#include "core/transaction.hpp"
#include "explorer/index_privacy.hpp"
#include "explorer/index_rounds.hpp"

namespace consilium::explorer::lists {
namespace {

using Json = nlohmann::json;

// What the index itself wrote; anything else is shown as absent rather than trusted.
Json stored_json(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json() : json;
}

std::string code_name(std::uint64_t number) {
    const auto code = schema::find_code(static_cast<std::uint16_t>(number));
    return code ? std::string(schema::to_string(*code)) : "unknown";
}

Json action_json(std::uint64_t module, std::uint64_t action) {
    const auto* info =
        schema::find_action(static_cast<std::uint16_t>(module), static_cast<std::uint16_t>(action));
    if (info == nullptr) return {{"module", module}, {"name", "unknown"}};
    return {{"module", std::string(info->module_name)}, {"name", std::string(info->name)}};
}

// Columns: id, height, position, sender, module, action, code, sender's organisation and role.
constexpr const char* kTransactionColumns =
    "SELECT t.sequence, t.id, t.height, t.position, t.sender, t.module, t.action, r.code, o.name, "
    "a.role, b.time_ms FROM transactions t JOIN receipts r ON r.sequence = t.sequence "
    "JOIN blocks b ON b.height = t.height LEFT JOIN accounts a ON a.key = t.sender "
    "LEFT JOIN organisations o ON o.id = a.organisation ";

Json transaction_summary(const Row& row) {
    Json json = action_json(row.number(5), row.number(6));
    json["id"] = row.hex(1);
    json["height"] = row.number(2);
    json["position"] = row.number(3);
    json["sender"] = row.hex(4);
    json["code"] = row.number(7);
    json["code_name"] = code_name(row.number(7));
    json["organisation"] = row.is_null(8) ? Json() : Json(row.text(8));
    json["role"] = row.is_null(9) ? Json() : Json(row.text(9));
    json["time_ms"] = row.number(10);
    return json;
}

Json block_summary(const Row& row) {
    return {{"height", row.number(0)},       {"digest", row.hex(1)},
            {"time_ms", row.number(2)},      {"proposer", row.number(3)},
            {"view", row.number(4)},         {"state_root", row.hex(5)},
            {"transactions", row.number(6)}, {"events", row.number(7)},
            {"signers", row.number(8)},      {"verified", true}};
}
constexpr const char* kBlockColumns =
    "SELECT b.height, b.digest, b.time_ms, b.proposer, b.view, b.state_root, b.transactions, "
    "b.events, (SELECT COUNT(*) FROM signers s WHERE s.height = b.height) FROM blocks b ";

Json event_json(const Row& row) {
    Json json = stored_json(row.text(3));
    if (!json.is_object()) json = Json::object();
    json["sequence"] = row.number(0);
    json["height"] = row.number(1);
    json["tx_id"] = row.is_null(2) ? Json() : Json(row.hex(2));
    return json;
}

void blocks(Database& database, const Window& window, const Visit& visit) {
    static const std::string sql =
        std::string(kBlockColumns) +
        "WHERE b.height < ? AND b.height <= ? ORDER BY b.height DESC LIMIT ?";
    database.query(sql, {window.cursor, window.at, window.limit}, [&](const Row& row) {
        visit({row.integer(0), block_summary(row)});
    });
}

void transactions(Database& database, const Window& window, const Visit& visit) {
    static const std::string sql =
        std::string(kTransactionColumns) +
        "WHERE t.sequence < ? AND t.height <= ? ORDER BY t.sequence DESC LIMIT ?";
    database.query(sql, {window.cursor, window.at, window.limit}, [&](const Row& row) {
        visit({row.integer(0), transaction_summary(row)});
    });
}

void events(Database& database, const Window& window, const Visit& visit) {
    database.query(
        "SELECT sequence, height, tx_id, json FROM events "
        "WHERE sequence < ? AND height <= ? ORDER BY sequence DESC LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            visit({row.integer(0), event_json(row)});
        });
}

void faults(Database& database, const Window& window, const Visit& visit) {
    database.query(
        "SELECT sequence, height, kind, json FROM faults "
        "WHERE sequence < ? AND height <= ? ORDER BY sequence DESC LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            visit({row.integer(0),
                   {{"sequence", row.number(0)},
                    {"height", row.number(1)},
                    {"kind", row.text(2)},
                    {"payload", stored_json(row.text(3))}}});
        });
}

void participants(Database& database, const Window& window, const Visit& visit) {
    std::vector<Item> items;
    database.query(
        "SELECT id, name, height FROM organisations "
        "WHERE id > ? AND height <= ? ORDER BY id LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            items.push_back({row.integer(0),
                             {{"id", row.number(0)},
                              {"name", row.text(1)},
                              {"since_height", row.number(2)},
                              {"accounts", Json::array()}}});
        });
    for (Item& item : items) {
        database.query(
            "SELECT key, role, status, registered, changed FROM accounts "
            "WHERE organisation = ? AND registered <= ? ORDER BY number",
            {item.cursor, window.at}, [&](const Row& row) {
                item.json["accounts"].push_back({{"key", row.hex(0)},
                                                 {"role", row.text(1)},
                                                 {"status", row.text(2)},
                                                 {"registered_height", row.number(3)},
                                                 {"changed_height", row.number(4)}});
            });
        visit(std::move(item));
    }
}

void tasks(Database& database, const Window& window, const Visit& visit) {
    std::vector<Item> items;
    database.query(
        "SELECT id, name, status, created, json FROM tasks "
        "WHERE id < ? AND created <= ? ORDER BY id DESC LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            items.push_back({row.integer(0),
                             {{"id", row.number(0)},
                              {"name", row.text(1)},
                              {"status", row.text(2)},
                              {"created_height", row.number(3)},
                              {"record", stored_json(row.text(4))}}});
        });
    for (Item& item : items) {
        const Json spec = item.json["record"].value("spec", Json::object());
        item.json["reference_set"] = reference_set(database, spec.value("reference_set", Json()));
        visit(std::move(item));
    }
}

void verdicts(Database& database, const Window& window, const Visit& visit) {
    std::vector<Item> items;
    database.query(
        "SELECT round, height, json FROM verdicts "
        "WHERE round < ? AND height <= ? ORDER BY round DESC LIMIT ?",
        {window.cursor, window.at, window.limit}, [&](const Row& row) {
            items.push_back({row.integer(0),
                             {{"round", row.number(0)},
                              {"height", row.number(1)},
                              {"record", stored_json(row.text(2))},
                              {"verified", true}}});
        });
    for (Item& item : items) {
        item.json["clients"] = round_clients(database, static_cast<std::uint64_t>(item.cursor));
        visit(std::move(item));
    }
}

constexpr const char* kEvidenceColumns =
    "SELECT sequence, id, kind, epoch, height, view, offender, name, first_claim, second_claim, "
    "node, time_ms FROM evidence ";

Json evidence_json(const Row& row) {
    return {{"id", row.hex(1)},       {"kind", row.text(2)},
            {"epoch", row.number(3)}, {"height", row.number(4)},
            {"view", row.number(5)},  {"offender", row.hex(6)},
            {"name", row.text(7)},    {"claims", Json::array({row.hex(8), row.hex(9)})},
            {"node", row.text(10)},   {"time_ms", row.number(11)},
            {"verified", true}};
}

// In the order in which it was found, which no height pins: it may be of a block to come.
void evidence_list(Database& database, const Window& window, const Visit& visit) {
    static const std::string sql =
        std::string(kEvidenceColumns) + "WHERE sequence < ? ORDER BY sequence DESC LIMIT ?";
    database.query(sql, {window.cursor, window.limit}, [&](const Row& row) {
        visit({row.integer(0), evidence_json(row)});
    });
}

constexpr std::array kLists{
    ListInfo{"blocks", false, blocks},
    ListInfo{"transactions", false, transactions},
    ListInfo{"events", false, events},
    ListInfo{"faults", false, faults},
    ListInfo{"participants", true, participants},
    ListInfo{"tasks", false, tasks},
    ListInfo{"verdicts", false, verdicts},
    ListInfo{"rounds", false, rounds},
    ListInfo{"models", false, models},
    ListInfo{"privacy", false, privacy},
    ListInfo{"evidence", false, evidence_list},
};

class SearchResults {
  public:
    void add(const char* type, const std::string& label, const std::string& path) {
        items_.push_back({{"type", type}, {"label", label}, {"path", "/api/v1/" + path}});
    }
    [[nodiscard]] Json take() { return std::move(items_); }

  private:
    Json items_ = Json::array();
};

void search_number(Database& database, std::uint64_t number, SearchResults& results) {
    const std::string text = std::to_string(number);
    database.query("SELECT height FROM blocks WHERE height = ?", {number},
                   [&](const Row&) { results.add("block", "Block " + text, "blocks/" + text); });
    database.query("SELECT round FROM rounds WHERE round = ?", {number},
                   [&](const Row&) { results.add("round", "Round " + text, "rounds/" + text); });
}

void search_hash(Database& database, const Digest& hash, SearchResults& results) {
    const std::string hex = hash.hex();
    database.query("SELECT height FROM transactions WHERE id = ?", {hash}, [&](const Row&) {
        results.add("transaction", "Transaction " + hex, "transactions/" + hex);
    });
    database.query("SELECT height FROM blocks WHERE digest = ?", {hash}, [&](const Row& row) {
        const std::string height = row.text(0);
        results.add("block", "Block " + height, "blocks/" + height);
    });
    database.query("SELECT task, version FROM models WHERE sha256 = ?", {hash},
                   [&](const Row& row) {
                       results.add("model", "Model version " + row.text(1),
                                   "models/" + row.text(0) + "/" + row.text(1));
                   });
    database.query(
        "SELECT o.name, a.role FROM accounts a "
        "JOIN organisations o ON o.id = a.organisation WHERE a.key = ?",
        {hash}, [&](const Row& row) {
            results.add("participant", row.text(0) + " (" + row.text(1) + ")", "participants");
        });
}

}  // namespace

const ListInfo* find_list(std::string_view name) {
    for (const ListInfo& info : kLists) {
        if (info.name == name) return &info;
    }
    return nullptr;
}

MaybeJson block(Database& database, std::uint64_t height) {
    MaybeJson json;
    database.query("SELECT header, certificate FROM blocks WHERE height = ?", {height},
                   [&](const Row& row) {
                       const auto header = decode<BlockHeader>(row.bytes(0));
                       const auto certificate = decode<Certificate>(row.bytes(1));
                       if (!header || !certificate) return;
                       json = Json{{"header", schema::render_header(*header)},
                                   {"certificate", schema::render_certificate(*certificate)},
                                   {"verified", true}};
                   });
    if (!json) return json;
    Json signers = Json::array();
    database.query(
        "SELECT replica, name, key FROM signers WHERE height = ? ORDER BY replica", {height},
        [&](const Row& row) {
            signers.push_back(
                {{"replica", row.number(0)}, {"name", row.text(1)}, {"key", row.hex(2)}});
        });
    (*json)["signers"] = std::move(signers);
    Json in_block = Json::array();
    static const std::string sql =
        std::string(kTransactionColumns) + "WHERE t.height = ? ORDER BY t.sequence LIMIT ?";
    database.query(sql, {height, kMaxTransactionsPerBlock},
                   [&](const Row& row) { in_block.push_back(transaction_summary(row)); });
    (*json)["transactions"] = std::move(in_block);
    Json happened = Json::array();
    // Bounded by what a block may hold; an answer stays readable with the first ones.
    constexpr std::uint64_t kShownEvents = 1'000;
    database.query(
        "SELECT sequence, height, tx_id, json FROM events WHERE height = ? "
        "ORDER BY sequence LIMIT ?",
        {height, kShownEvents}, [&](const Row& row) { happened.push_back(event_json(row)); });
    (*json)["events"] = std::move(happened);
    return json;
}

MaybeJson transaction(Database& database, const Digest& id) {
    MaybeJson json;
    static const std::string sql = std::string(kTransactionColumns) + "WHERE t.id = ?";
    std::int64_t sequence = 0;
    database.query(sql, {id}, [&](const Row& row) {
        sequence = row.integer(0);
        json = transaction_summary(row);
    });
    if (!json) return json;
    database.query(
        "SELECT t.body, r.body FROM transactions t "
        "JOIN receipts r ON r.sequence = t.sequence WHERE t.sequence = ?",
        {sequence}, [&](const Row& row) {
            const auto body = decode_transaction(row.bytes(0));
            const auto receipt = decode<Receipt>(row.bytes(1));
            if (!body || !receipt) return;
            (*json)["transaction"] = schema::render_transaction(*body);
            (*json)["receipt"] = schema::render_receipt(*receipt);
        });
    (*json)["verified"] = true;
    return json;
}

MaybeJson evidence(Database& database, const Digest& id) {
    MaybeJson json;
    static const std::string sql = std::string(kEvidenceColumns) + "WHERE id = ?";
    database.query(sql, {id}, [&](const Row& row) { json = evidence_json(row); });
    if (!json) return json;
    database.query("SELECT content FROM evidence WHERE id = ?", {id},
                   [&](const Row& row) { (*json)["evidence"] = row.hex(0); });
    return json;
}

Json search(Database& database, std::string_view text) {
    constexpr std::uint64_t kShownNames = 20;
    SearchResults results;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!text.empty() && error == std::errc{} && end == text.data() + text.size() &&
        number <= INT64_MAX) {
        search_number(database, number, results);
    }
    if (const auto hash = decode_digest_hex(text)) search_hash(database, *hash, results);
    if (const auto folded = schema::fold_name(text)) {
        database.query(
            "SELECT name FROM organisations WHERE instr(folded, ?) > 0 "
            "ORDER BY id LIMIT ?",
            {*folded, kShownNames},
            [&](const Row& row) { results.add("participant", row.text(0), "participants"); });
        database.query(
            "SELECT id, name FROM tasks WHERE instr(lower(name), ?) > 0 "
            "ORDER BY id LIMIT ?",
            {*folded, kShownNames},
            [&](const Row& row) { results.add("task", row.text(1), "tasks"); });
    }
    return results.take();
}

}  // namespace consilium::explorer::lists
