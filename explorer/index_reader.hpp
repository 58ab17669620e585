// Answers of the explorer's API, read from the index.
//
// Every call reads one consistent snapshot through a read-only connection of its own; the writer is
// never waited for. Lists are newest first (participants: oldest first), at most 100 items a page,
// and `next_page_params` pins the following pages to the height of the first one, so that nothing
// appears twice or is skipped while blocks arrive. Thread-safe.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/membership.hpp"
#include "explorer/database.hpp"

namespace consilium::explorer {

inline constexpr std::uint64_t kMaxPageItems = 100;  // keeps an answer below a few MiB
inline constexpr std::uint64_t kDefaultPageItems = 25;

// Where a page begins. Absent: the newest rows at the newest height.
struct PageRequest {
    std::uint64_t limit = kDefaultPageItems;  // 1..kMaxPageItems
    std::optional<std::uint64_t> cursor;      // of the last item of the page before
    std::optional<std::uint64_t> at;          // height the pages are pinned to
};
// From "limit", "cursor" and "at" of a query. kMalformed names the one that is wrong.
[[nodiscard]] Result<PageRequest> parse_page(const std::map<std::string, std::string>& query);

class IndexReader {
  public:
    using Json = nlohmann::json;

    // The file exists: IndexStore::open() came first.
    explicit IndexReader(std::string path) : path_(std::move(path)) {}

    // {items, next_page_params, indexed_height}. kNotFound for an unknown list.
    [[nodiscard]] Result<Json> list(std::string_view name, const PageRequest& page);
    // One object with indexed_height; kNotFound when there is none.
    [[nodiscard]] Result<Json> block(std::uint64_t height);
    [[nodiscard]] Result<Json> transaction(const Digest& id);
    [[nodiscard]] Result<Json> round(std::uint64_t round);
    [[nodiscard]] Result<Json> model(std::uint32_t task, std::uint32_t version);
    [[nodiscard]] Result<Json> evidence(const Digest& id);
    // {items: [{type, label, path}], indexed_height}: by height, hash, key or part of a name.
    [[nodiscard]] Result<Json> search(std::string_view text);
    // Head, counts of rows, validators, and what the nodes were caught at.
    [[nodiscard]] Result<Json> summary();

  private:
    template <typename Query>
    Result<Json> read(Query query);
    [[nodiscard]] Result<std::unique_ptr<Database>> take();
    void give_back(std::unique_ptr<Database> database);

    std::string path_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Database>> idle_;  // guarded by mutex_
};

}  // namespace consilium::explorer
