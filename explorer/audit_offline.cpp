// The manifest line by line, then the folder for what is not in it, then the audit.
#include "explorer/audit_offline.hpp"

#include <array>
#include <fstream>
#include <set>

#include "contracts/schema_json/genesis_json.hpp"
#include "explorer/export_source.hpp"
#include "explorer/export_writer.hpp"

namespace consilium::explorer {
namespace {

constexpr std::size_t kMaxHeadBytes = 1024;
constexpr std::size_t kMaxGenesisBytes = std::size_t{1024} * 1024;
constexpr std::size_t kMaxLineBytes = 256;  // a hash and a path
constexpr std::size_t kMaxProblems = 1000;  // more say nothing new
constexpr std::uint64_t kFilesPerNote = 1000;

std::string_view text_of(const Bytes& content) {
    return {reinterpret_cast<const char*>(content.data()), content.size()};
}

class ExportCheck {
  public:
    ExportCheck(const OfflineOptions& offline, const AuditOptions& options, const ExportHead& head)
        : folder_(offline.folder), options_(options), head_(head) {}

    // False: cancelled.
    [[nodiscard]] bool check() {
        read_manifest();
        if (is_cancelled()) return false;
        check_head_block();
        const auto foreign = foreign_files(folder_, head_.blocks, blobs_, kMaxProblems);
        if (!foreign) {
            note("", "a folder that can be read", foreign.error().context);
            return true;
        }
        for (const std::string& path : *foreign) note(path, "no such file", "a file");
        return true;
    }
    [[nodiscard]] std::vector<FileProblem> take_problems() { return std::move(problems_); }

  private:
    [[nodiscard]] bool is_cancelled() const {
        return options_.cancel_flag != nullptr && *options_.cancel_flag;
    }
    void note(const std::string& file, std::string expected, std::string found) {
        if (problems_.size() >= kMaxProblems) return;
        problems_.push_back({file, std::move(expected), std::move(found)});
    }
    void read_manifest() {
        std::ifstream file(folder_ + "/" + kExportManifestFile, std::ios::binary);
        std::array<char, kMaxLineBytes> line{};
        std::uint64_t number = 0;
        while (!is_cancelled() && file.getline(line.data(), line.size())) {
            const std::string_view text(
                line.data(), static_cast<std::size_t>(file.gcount()) - (file.eof() ? 0U : 1U));
            hash_.update(as_bytes(text));
            if (!file.eof()) hash_.update(as_bytes("\n"));
            check_line(++number, text);
            if (number % kFilesPerNote == 0) {
                options_.note("checked " + std::to_string(number) + " files");
            }
        }
        if (is_cancelled()) return;
        if (!file.eof()) note(kExportManifestFile, "lines of a hash and a path", "something else");
        const Digest found = hash_.finish();
        if (found != head_.manifest) {
            note(kExportManifestFile, head_.manifest.hex(), found.hex());
        }
        if (next_block_ != head_.blocks.next()) {
            note(kExportManifestFile, std::to_string(head_.blocks.value) + " blocks",
                 std::to_string(next_block_.value - 1));
        }
    }
    void check_line(std::uint64_t number, std::string_view text) {
        const auto entry = parse_manifest_line(text);
        if (!entry || !is_in_order(number, entry->file)) {
            return note(kExportManifestFile, "a file of the export in its order",
                        "something else in line " + std::to_string(number));
        }
        const auto* blob = std::get_if<Digest>(&entry->file);
        if (blob != nullptr && *blob != entry->hash) {
            note(kExportManifestFile, "the blob's own hash " + blob->hex(), entry->hash.hex());
        }
        const auto found = hash_file(folder_ + "/" + entry->path);
        if (!found) {
            const bool is_absent = found.error().code == ErrorCode::kNotFound;
            note(entry->path, entry->hash.hex(), is_absent ? "no file" : found.error().context);
        } else if (*found != entry->hash) {
            note(entry->path, entry->hash.hex(), found->hex());
        }
    }
    // Genesis first, blocks by height, a blob once and by its own hash.
    [[nodiscard]] bool is_in_order(std::uint64_t number, const ExportedFile& file) {
        if (const auto* height = std::get_if<Height>(&file)) {
            if (*height != next_block_ || number == 1) return false;
            next_block_ = next_block_.next();
            return true;
        }
        if (const auto* hash = std::get_if<Digest>(&file)) {
            return number > 1 && blobs_.insert(*hash).second;
        }
        return number == 1;
    }
    void check_head_block() {
        Digest found;
        if (head_.blocks > Height{0}) {
            ExportedSource source(folder_, head_.blocks);
            const auto block = source.block(0, head_.blocks);
            if (!block) return;  // damaged, and named
            found = header_digest(block->block.header);
        }
        if (found != head_.head) note(kExportHeadFile, found.hex(), head_.head.hex());
    }

    const std::string& folder_;
    const AuditOptions& options_;
    const ExportHead& head_;
    Sha256 hash_;
    Height next_block_{1};
    std::set<Digest> blobs_;
    std::vector<FileProblem> problems_;
};

// The folder's genesis, when it is the one that the head names and the auditor trusts.
std::optional<Genesis> read_genesis(const OfflineOptions& offline, const ExportHead& head,
                                    std::vector<FileProblem>& problems) {
    const Digest wanted = offline.genesis ? offline.genesis->hash() : head.genesis;
    if (wanted != head.genesis) {
        problems.push_back({kExportHeadFile, "genesis " + wanted.hex(), head.genesis.hex()});
    }
    const auto content = read_file(offline.folder + "/" + kExportGenesisFile, kMaxGenesisBytes);
    const auto genesis = content ? schema::decode_genesis_json(text_of(*content))
                                 : Result<Genesis>(tl::unexpected(content.error()));
    if (!genesis) {
        problems.push_back({kExportGenesisFile, "a genesis", genesis.error().context});
        return std::nullopt;
    }
    if (genesis->hash() != head.genesis) {
        problems.push_back(
            {kExportGenesisFile, "genesis " + head.genesis.hex(), genesis->hash().hex()});
    }
    return *genesis;
}

}  // namespace

Result<AuditReport> run_offline_audit(const OfflineOptions& offline, AuditOptions options) {
    const auto text = read_file(offline.folder + "/" + kExportHeadFile, kMaxHeadBytes);
    if (!text) {
        return make_error(text.error().code,
                          text.error().context + "; the folder is no finished export");
    }
    AuditReport damaged;
    damaged.from = options.from;
    const auto head = parse_export_head(text_of(*text));
    if (!head) {
        damaged.damaged_files.push_back(
            {kExportHeadFile, "the head of an export", head.error().context});
        return damaged;
    }
    options.last = offline.last.value_or(head->last);
    ExportCheck check(offline, options, *head);
    if (!check.check()) return make_error(ErrorCode::kUnavailable, "stopped before the end");
    damaged.damaged_files = check.take_problems();
    const auto genesis = read_genesis(offline, *head, damaged.damaged_files);
    if (damaged.damaged_files.empty()) {
        ExportedSource source(offline.folder, head->blocks);
        return run_audit(*genesis, source, options);
    }
    damaged.genesis = head->genesis;
    damaged.last = options.last;
    return damaged;
}

}  // namespace consilium::explorer
