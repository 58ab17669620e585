// One SQLite connection with prepared statements by text; the first error sticks.
//
// A caller runs a series of statements and asks error() once at the end: after a failure nothing
// more is executed, so the transaction around the series can only be rolled back. Not thread-safe.
// The only file that knows SQLite's C interface is database.cpp.
#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/bytes.hpp"
#include "core/digest.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/types.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace consilium::explorer {

// A parameter of a statement. Text and bytes are views: they must outlive the call.
class SqlValue {
  public:
    using Content = std::variant<std::monostate, std::int64_t, std::string_view, ByteView>;

    SqlValue(std::nullopt_t) {}  // NOLINT: conversions are the point of this class
    // Numbers of the chain stay below 2^63; a larger one wraps and comes back the same.
    template <std::integral T>
    SqlValue(T value) : content_(static_cast<std::int64_t>(value)) {}        // NOLINT
    SqlValue(Height height) : SqlValue(height.value) {}                      // NOLINT
    SqlValue(TimeMs time) : SqlValue(time.value) {}                          // NOLINT
    SqlValue(std::string_view text) : content_(text) {}                      // NOLINT
    SqlValue(const std::string& text) : SqlValue(std::string_view(text)) {}  // NOLINT
    SqlValue(const char* text) : SqlValue(std::string_view(text)) {}         // NOLINT
    SqlValue(ByteView bytes) : content_(bytes) {}                            // NOLINT
    SqlValue(const Bytes& bytes) : SqlValue(ByteView(bytes)) {}              // NOLINT
    SqlValue(const Digest& digest) : SqlValue(digest.view()) {}              // NOLINT
    SqlValue(const PublicKey& key) : SqlValue(key.view()) {}                 // NOLINT
    template <typename T>
    SqlValue(const std::optional<T>& value) {  // NOLINT
        if (value) *this = SqlValue(*value);
    }
    [[nodiscard]] const Content& content() const { return content_; }

  private:
    Content content_;
};

// One row of a result; valid during the callback only. Columns count from 0.
class Row {
  public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::uint64_t number(int column) const {
        return static_cast<std::uint64_t>(integer(column));
    }
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] ByteView bytes(int column) const;
    [[nodiscard]] std::string hex(int column) const { return to_hex(bytes(column)); }

  private:
    sqlite3_stmt* statement_;
};

class Database {
  public:
    enum class Mode { kWriter, kReader };
    // A writer creates the file (WAL, one writer at a time); a reader opens it read-only.
    [[nodiscard]] static Result<Database> open(const std::string& path, Mode mode);
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;
    ~Database();

    void run(std::string_view sql, std::initializer_list<SqlValue> values = {});
    void query(std::string_view sql, std::initializer_list<SqlValue> values,
               const std::function<void(const Row&)>& visit);
    // Several statements without parameters, such as a schema.
    void run_script(const char* sql);

    // The first error since the last clear_error().
    [[nodiscard]] Result<void> outcome() const;
    void clear_error() { error_.reset(); }

  private:
    struct CloseConnection {
        void operator()(sqlite3* connection) const;
    };
    struct FinishStatement {
        void operator()(sqlite3_stmt* statement) const;
    };
    Database() = default;
    sqlite3_stmt* prepare(std::string_view sql, std::initializer_list<SqlValue> values);
    void fail(std::string_view what);

    std::unique_ptr<sqlite3, CloseConnection> connection_;  // closed after the statements
    std::map<std::string, std::unique_ptr<sqlite3_stmt, FinishStatement>, std::less<>> statements_;
    std::optional<Error> error_;
};

// A transaction that is rolled back unless commit() succeeds.
class SqlTransaction {
  public:
    explicit SqlTransaction(Database& database, const char* begin = "BEGIN IMMEDIATE");
    SqlTransaction(const SqlTransaction&) = delete;
    SqlTransaction& operator=(const SqlTransaction&) = delete;
    ~SqlTransaction();
    [[nodiscard]] Result<void> commit();

  private:
    Database& database_;
    bool is_open_ = true;
};

}  // namespace consilium::explorer
