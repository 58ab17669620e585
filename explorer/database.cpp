// SQLite's C interface behind values and Results.
#include "explorer/database.hpp"

#include <sqlite3.h>

#include <utility>

namespace consilium::explorer {
namespace {

// A reader waits this long for a checkpoint, a writer for another process that has the file open.
constexpr int kBusyTimeoutMs = 5'000;

int bind(sqlite3_stmt* statement, int place, const SqlValue& value) {
    struct Binder {
        sqlite3_stmt* statement;
        int place;
        int operator()(std::monostate) const { return sqlite3_bind_null(statement, place); }
        int operator()(std::int64_t number) const {
            return sqlite3_bind_int64(statement, place, number);
        }
        // Views outlive the call, and bindings are cleared after it: no copy is needed. An empty
        // view may have no address, which SQLite would take for NULL.
        int operator()(std::string_view text) const {
            return sqlite3_bind_text64(statement, place, text.empty() ? "" : text.data(),
                                       text.size(), SQLITE_STATIC, SQLITE_UTF8);
        }
        int operator()(ByteView bytes) const {
            if (bytes.empty()) return sqlite3_bind_zeroblob(statement, place, 0);
            return sqlite3_bind_blob64(statement, place, bytes.data(), bytes.size(), SQLITE_STATIC);
        }
    };
    return std::visit(Binder{statement, place}, value.content());
}

}  // namespace

bool Row::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::int64_t Row::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}
std::string Row::text(int column) const {
    const auto* characters = sqlite3_column_text(statement_, column);
    if (characters == nullptr) return {};
    return {reinterpret_cast<const char*>(characters),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
ByteView Row::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    if (data == nullptr) return {};
    return {static_cast<const std::uint8_t*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Database::CloseConnection::operator()(sqlite3* connection) const {
    sqlite3_close_v2(connection);
}
void Database::FinishStatement::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const std::string& path, Mode mode) {
    const bool is_writer = mode == Mode::kWriter;
    const int flags =
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
        (is_writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    Database database;
    database.connection_.reset(raw);
    if (code != SQLITE_OK) {
        return make_error(ErrorCode::kUnavailable,
                          "cannot open " + path + ": " + sqlite3_errstr(code));
    }
    sqlite3_busy_timeout(raw, kBusyTimeoutMs);
    if (is_writer) {
        // In WAL mode NORMAL may lose the last blocks to a power cut, never half of one; they are
        // fetched and verified again.
        database.run_script(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
    } else {
        database.run_script("PRAGMA query_only = ON;");
    }
    if (auto ready = database.outcome(); !ready) return tl::unexpected(ready.error());
    return database;
}

void Database::fail(std::string_view what) {
    if (error_) return;
    error_ = Error{ErrorCode::kUnavailable,
                   "the index: " + std::string(sqlite3_errmsg(connection_.get())) + " (" +
                       std::string(what.substr(0, 60)) + ")"};
}

sqlite3_stmt* Database::prepare(std::string_view sql, std::initializer_list<SqlValue> values) {
    if (error_) return nullptr;
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
        sqlite3_stmt* raw = nullptr;
        if (sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                               SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) {
            fail(sql);
            return nullptr;
        }
        found = statements_.emplace(std::string(sql), nullptr).first;
        found->second.reset(raw);
    }
    sqlite3_stmt* statement = found->second.get();
    int place = 1;
    for (const SqlValue& value : values) {
        if (bind(statement, place++, value) != SQLITE_OK) {
            fail(sql);
            return nullptr;
        }
    }
    return statement;
}

void Database::query(std::string_view sql, std::initializer_list<SqlValue> values,
                     const std::function<void(const Row&)>& visit) {
    sqlite3_stmt* statement = prepare(sql, values);
    if (statement == nullptr) return;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) visit(Row(statement));
    if (code != SQLITE_DONE) fail(sql);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

void Database::run(std::string_view sql, std::initializer_list<SqlValue> values) {
    query(sql, values, [](const Row&) {});
}

void Database::run_script(const char* sql) {
    if (error_) return;
    if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

Result<void> Database::outcome() const {
    if (error_) return tl::unexpected(*error_);
    return {};
}

SqlTransaction::SqlTransaction(Database& database, const char* begin) : database_(database) {
    database_.clear_error();
    database_.run(begin);
}

SqlTransaction::~SqlTransaction() {
    if (!is_open_) return;
    // An error that SQLite answered with a roll-back of its own makes this one fail, harmlessly.
    database_.clear_error();
    database_.run("ROLLBACK");
    database_.clear_error();
}

Result<void> SqlTransaction::commit() {
    database_.run("COMMIT");
    auto outcome = database_.outcome();
    is_open_ = !outcome.has_value();
    return outcome;
}

}  // namespace consilium::explorer
