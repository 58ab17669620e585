// Tables of the index, as SQL. A file with another version is refused: --reindex makes it anew.
#pragma once

namespace consilium::explorer {

inline constexpr int kIndexVersion = 2;

// Blobs are content-addressed and outlive a reindex; all other tables are dropped by it.
extern const char* const kCreateTables;
extern const char* const kDropTables;

}  // namespace consilium::explorer
