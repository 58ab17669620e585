// The files of an export: names, hashes, atomic writing, bounded reading.
//
//   export.json           {"blocks", "format", "genesis", "head", "last", "manifest",
//                         "sha256_of_the_others"}; written last
//   manifest.sha256       "<sha256>  <path>" a line, as `sha256sum -c` reads it: genesis.json
//   first,
//                         then each block behind the blobs that are first read with it
//   genesis.json
//   blocks/<height / 1000, 9 digits>/<height, 12 digits>    canonical block and certificate
//   blobs/<first 2 hex digits>/<sha256>
//
// Every byte is bound: the manifest names the hash of each file but itself and export.json, and
// export.json, which has one form only, the hash of the manifest and of its own values.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/digest.hpp"
#include "core/types.hpp"

namespace consilium::explorer {

inline constexpr const char* kExportHeadFile = "export.json";
inline constexpr const char* kExportManifestFile = "manifest.sha256";
inline constexpr const char* kExportGenesisFile = "genesis.json";
inline constexpr std::uint64_t kExportFormat = 1;

// What export.json says.
struct ExportHead {
    Digest genesis;
    Height last;    // the audit was asked up to here
    Height blocks;  // files of blocks: 1 to this height
    Digest head;    // of the header of block `blocks`; zero when there are none
    Digest manifest;
    friend bool operator==(const ExportHead&, const ExportHead&) = default;
};
[[nodiscard]] std::string render_export_head(const ExportHead& head);
// kMalformed unless render_export_head() of the result is the same text.
[[nodiscard]] Result<ExportHead> parse_export_head(std::string_view text);

[[nodiscard]] std::string block_path(Height height);
[[nodiscard]] std::string blob_path(const Digest& hash);

struct GenesisFile {};
// What a path of the manifest stands for; nullopt for every other path.
using ExportedFile = std::variant<GenesisFile, Height, Digest>;
[[nodiscard]] std::optional<ExportedFile> parse_export_path(std::string_view path);

[[nodiscard]] std::string manifest_line(const Digest& hash, const std::string& path);
struct ManifestEntry {
    Digest hash;
    std::string path;
    ExportedFile file;
};
// A line without its line feed. nullopt unless manifest_line() gives the same text.
[[nodiscard]] std::optional<ManifestEntry> parse_manifest_line(std::string_view line);

// Whole files. Writing goes through a file beside it and a rename, so that a file is whole or not
// there. kNotFound, kLimitExceeded above `max_bytes`, kUnavailable for what the system refuses.
[[nodiscard]] Result<void> write_file(const std::string& path, ByteView content);
[[nodiscard]] Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes);
// Piece by piece; any size.
[[nodiscard]] Result<Digest> hash_file(const std::string& path);

}  // namespace consilium::explorer
