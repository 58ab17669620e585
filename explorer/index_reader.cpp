// Connections, snapshots and pages of the index.
#include "explorer/index_reader.hpp"

#include <charconv>
#include <limits>
#include <utility>

#include "core/membership.hpp"
#include "explorer/index_lists.hpp"

namespace consilium::explorer {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kIdleConnections = 4;

Result<std::optional<std::uint64_t>> parse_parameter(
    const std::map<std::string, std::string>& query, const char* name, std::uint64_t max) {
    const auto found = query.find(name);
    if (found == query.end()) return std::nullopt;
    const std::string& text = found->second;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max) {
        return make_error(
            ErrorCode::kMalformed,
            std::string(name) + " is not a whole number up to " + std::to_string(max));
    }
    return value;
}

std::uint64_t indexed_height(Database& database) {
    std::uint64_t height = 0;
    database.query("SELECT MAX(height) FROM blocks", {},
                   [&](const Row& row) { height = row.number(0); });
    return height;
}

}  // namespace

Result<PageRequest> parse_page(const std::map<std::string, std::string>& query) {
    constexpr auto kMaxNumber =
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    PageRequest page;
    const auto limit = parse_parameter(query, "limit", kMaxPageItems);
    if (!limit) return tl::unexpected(limit.error());
    page.limit = limit->value_or(kDefaultPageItems);
    if (page.limit == 0) return make_error(ErrorCode::kMalformed, "limit is at least 1");
    const auto cursor = parse_parameter(query, "cursor", kMaxNumber);
    if (!cursor) return tl::unexpected(cursor.error());
    page.cursor = *cursor;
    const auto at = parse_parameter(query, "at", kMaxNumber);
    if (!at) return tl::unexpected(at.error());
    page.at = *at;
    return page;
}

Result<std::unique_ptr<Database>> IndexReader::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto database = std::move(idle_.back());
            idle_.pop_back();
            return database;
        }
    }
    auto database = Database::open(path_, Database::Mode::kReader);
    if (!database) return tl::unexpected(database.error());
    return std::make_unique<Database>(*std::move(database));
}

void IndexReader::give_back(std::unique_ptr<Database> database) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleConnections) idle_.push_back(std::move(database));
}

template <typename Query>
Result<Json> IndexReader::read(Query query) {
    auto database = take();
    if (!database) return tl::unexpected(database.error());
    Result<Json> answer = Json::object();
    {
        const SqlTransaction snapshot(**database, "BEGIN");
        const std::uint64_t height = indexed_height(**database);
        answer = query(**database, height);
        if (auto done = (*database)->outcome(); !done) answer = tl::unexpected(done.error());
        if (answer) (*answer)["indexed_height"] = height;
    }
    give_back(*std::move(database));
    return answer;
}

namespace {

Result<Json> found(lists::MaybeJson json, const char* what) {
    if (!json) {
        return make_error(ErrorCode::kNotFound, std::string("no ") + what + " is indexed there");
    }
    return *std::move(json);
}

}  // namespace

Result<Json> IndexReader::list(std::string_view name, const PageRequest& page) {
    const lists::ListInfo* info = lists::find_list(name);
    if (info == nullptr) return make_error(ErrorCode::kNotFound, "no such list");
    return read([&](Database& database, std::uint64_t height) -> Result<Json> {
        lists::Window window;
        window.at = std::min(page.at.value_or(height), height);
        window.limit = page.limit + 1;  // one more tells whether a page follows
        window.cursor = info->is_ascending ? -1 : std::numeric_limits<std::int64_t>::max();
        if (page.cursor) window.cursor = static_cast<std::int64_t>(*page.cursor);
        Json items = Json::array();
        Json next;
        std::int64_t last = 0;
        info->query(database, window, [&](lists::Item item) {
            if (items.size() == page.limit) {
                next = {{"cursor", last}, {"at", window.at}, {"limit", page.limit}};
                return;
            }
            last = item.cursor;
            items.push_back(std::move(item.json));
        });
        return Json{{"items", std::move(items)}, {"next_page_params", std::move(next)}};
    });
}

Result<Json> IndexReader::block(std::uint64_t height) {
    return read([&](Database& database, std::uint64_t) {
        return found(lists::block(database, height), "block");
    });
}
Result<Json> IndexReader::transaction(const Digest& id) {
    return read([&](Database& database, std::uint64_t) {
        return found(lists::transaction(database, id), "transaction");
    });
}
Result<Json> IndexReader::round(std::uint64_t round) {
    return read([&](Database& database, std::uint64_t) {
        return found(lists::round(database, round), "round");
    });
}
Result<Json> IndexReader::model(std::uint32_t task, std::uint32_t version) {
    return read([&](Database& database, std::uint64_t) {
        return found(lists::model(database, task, version), "model");
    });
}
Result<Json> IndexReader::evidence(const Digest& id) {
    return read([&](Database& database, std::uint64_t) {
        return found(lists::evidence(database, id), "evidence");
    });
}
Result<Json> IndexReader::search(std::string_view text) {
    return read([&](Database& database, std::uint64_t) -> Result<Json> {
        return Json{{"items", lists::search(database, text)}, {"next_page_params", nullptr}};
    });
}

namespace {

// Who certifies the next block.
void add_membership(Json& json, ByteView stored) {
    const auto membership = decode<Membership>(stored);
    if (!membership) return;
    json["validators"] = membership->size();
    json["quorum"] = membership->quorum();
    json["membership_epoch"] = membership->epoch.value;
    json["members"] = Json::array();
    for (const Member& member : membership->members) {
        json["members"].push_back({{"name", member.name}, {"key", member.validator_key.hex()}});
    }
}

}  // namespace

Result<Json> IndexReader::summary() {
    return read([&](Database& database, std::uint64_t height) -> Result<Json> {
        Json json = Json::object();
        database.query("SELECT digest, state_root, time_ms FROM blocks WHERE height = ?", {height},
                       [&](const Row& row) {
                           json["head"] = {{"height", height},
                                           {"digest", row.hex(0)},
                                           {"state_root", row.hex(1)},
                                           {"time_ms", row.number(2)}};
                       });
        database.query(
            "SELECT (SELECT COUNT(*) FROM transactions), (SELECT COUNT(*) FROM rounds), "
            "(SELECT COUNT(*) FROM models), (SELECT COUNT(*) FROM faults), "
            "(SELECT COUNT(*) FROM accounts), (SELECT COUNT(*) FROM tasks), "
            "(SELECT COUNT(*) FROM evidence)",
            {}, [&](const Row& row) {
                json["counts"] = {{"transactions", row.number(0)}, {"rounds", row.number(1)},
                                  {"models", row.number(2)},       {"faults", row.number(3)},
                                  {"accounts", row.number(4)},     {"tasks", row.number(5)},
                                  {"evidence", row.number(6)}};
            });
        database.query("SELECT value FROM meta WHERE name = 'membership'", {},
                       [&](const Row& row) { add_membership(json, row.bytes(0)); });
        Json findings = Json::array();
        constexpr std::uint64_t kShownFindings = 20;
        database.query(
            "SELECT height, kind, node, check_name, expected, found, time_ms, is_open "
            "FROM divergences ORDER BY sequence DESC LIMIT ?",
            {kShownFindings}, [&](const Row& row) {
                findings.push_back({{"height", row.number(0)},
                                    {"kind", row.text(1)},
                                    {"node", row.text(2)},
                                    {"check", row.text(3)},
                                    {"expected", row.text(4)},
                                    {"found", row.text(5)},
                                    {"time_ms", row.number(6)},
                                    {"is_open", row.integer(7) != 0}});
            });
        json["findings"] = std::move(findings);
        return json;
    });
}

}  // namespace consilium::explorer
