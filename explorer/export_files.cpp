// Grammar and input and output of an export's files.
#include "explorer/export_files.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "contracts/schema_json/json_text.hpp"

namespace consilium::explorer {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBlocksPerFolder = 1000;
constexpr std::size_t kFolderDigits = 9;
constexpr std::size_t kBlockDigits = 12;
constexpr std::size_t kHashDigits = 2 * Digest::kSize;
constexpr std::size_t kMaxHeadBytes = 1024;
constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;

std::string padded(std::uint64_t number, std::size_t digits) {
    const std::string text = std::to_string(number);
    return std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Digest> find_digest(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string()) return std::nullopt;
    const auto digest = decode_digest_hex(found->get_ref<const std::string&>());
    if (!digest) return std::nullopt;
    return *digest;
}

std::optional<Height> find_height(const nlohmann::json& json, const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
    return Height{found->get<std::uint64_t>()};
}

tl::unexpected<Error> failed(const std::string& path, const std::string& what) {
    return make_error(ErrorCode::kUnavailable, path + ": " + what);
}

}  // namespace

std::string render_export_head(const ExportHead& head) {
    nlohmann::json json{{"format", kExportFormat}, {"genesis", head.genesis.hex()},
                        {"last", head.last.value}, {"blocks", head.blocks.value},
                        {"head", head.head.hex()}, {"manifest", head.manifest.hex()}};
    json["sha256_of_the_others"] = sha256(as_bytes(json.dump())).hex();
    return json.dump(1) + "\n";
}

Result<ExportHead> parse_export_head(std::string_view text) {
    const auto json = schema::parse_json(text, kMaxHeadBytes);
    if (!json) return tl::unexpected(json.error());
    const auto malformed = make_error(ErrorCode::kMalformed, "not the head of an export");
    if (!json->is_object()) return malformed;
    const auto genesis = find_digest(*json, "genesis");
    const auto head = find_digest(*json, "head");
    const auto manifest = find_digest(*json, "manifest");
    const auto last = find_height(*json, "last");
    const auto blocks = find_height(*json, "blocks");
    if (!genesis || !head || !manifest || !last || !blocks) return malformed;
    const ExportHead result{*genesis, *last, *blocks, *head, *manifest};
    if (render_export_head(result) != text) return malformed;
    return result;
}

std::string block_path(Height height) {
    return "blocks/" + padded(height.value / kBlocksPerFolder, kFolderDigits) + "/" +
           padded(height.value, kBlockDigits);
}

std::string blob_path(const Digest& hash) {
    const std::string hex = hash.hex();
    return "blobs/" + hex.substr(0, 2) + "/" + hex;
}

std::optional<ExportedFile> parse_export_path(std::string_view path) {
    if (path == kExportGenesisFile) return GenesisFile{};
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::string_view name = path.substr(slash + 1);
    if (path.starts_with("blocks/")) {
        const auto height = parse_decimal(name);
        if (!height || block_path(Height{*height}) != path) return std::nullopt;
        return Height{*height};
    }
    const auto hash = decode_digest_hex(name);
    if (!hash || blob_path(*hash) != path) return std::nullopt;
    return *hash;
}

std::string manifest_line(const Digest& hash, const std::string& path) {
    return hash.hex() + "  " + path;
}

std::optional<ManifestEntry> parse_manifest_line(std::string_view line) {
    if (line.size() < kHashDigits + 2) return std::nullopt;
    const auto hash = decode_digest_hex(line.substr(0, kHashDigits));
    std::string path(line.substr(kHashDigits + 2));
    const auto file = parse_export_path(path);
    if (!hash || !file || manifest_line(*hash, path) != line) return std::nullopt;
    return ManifestEntry{*hash, std::move(path), *file};
}

Result<void> write_file(const std::string& path, ByteView content) {
    std::error_code error;
    fs::create_directories(fs::path(path).parent_path(), error);
    if (error) return failed(path, error.message());
    const std::string part = path + ".part";
    {
        std::ofstream file(part, std::ios::binary | std::ios::trunc);
        file.write(reinterpret_cast<const char*>(content.data()),
                   static_cast<std::streamsize>(content.size()));
        file.flush();
        if (!file) return failed(part, "cannot be written");
    }
    fs::rename(part, path, error);
    if (error) return failed(path, error.message());
    return {};
}

Result<Bytes> read_file(const std::string& path, std::uint64_t max_bytes) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
        return make_error(ErrorCode::kNotFound, path + ": is not there");
    }
    const std::uint64_t size = fs::file_size(path, error);
    if (error) return failed(path, error.message());
    if (size > max_bytes) return make_error(ErrorCode::kLimitExceeded, path + ": is too long");
    Bytes content(static_cast<std::size_t>(size));
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(size));
    if (!file) return failed(path, "cannot be read");
    return content;
}

Result<Digest> hash_file(const std::string& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
        return make_error(ErrorCode::kNotFound, path + ": is not there");
    }
    std::ifstream file(path, std::ios::binary);
    Sha256 hash;
    std::array<char, kPieceBytes> piece{};
    while (file) {
        file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        hash.update(as_bytes({piece.data(), static_cast<std::size_t>(file.gcount())}));
    }
    if (!file.eof()) return failed(path, "cannot be read");
    return hash.finish();
}

}  // namespace consilium::explorer
