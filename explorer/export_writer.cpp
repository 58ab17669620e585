// Files as they come, the manifest beside them, and the head at the end.
#include "explorer/export_writer.hpp"

#include <algorithm>
#include <filesystem>

#include "contracts/schema_json/genesis_json.hpp"

namespace consilium::explorer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxHeadBytes = 1024;

std::string manifest_part(const std::string& folder) {
    return folder + "/" + kExportManifestFile + ".part";
}

// An old export must be of this chain and not go further.
Result<void> check_old(const std::string& folder, const Genesis& genesis, Height last) {
    const auto old = read_file(folder + "/" + kExportHeadFile, kMaxHeadBytes);
    if (!old) {
        return old.error().code == ErrorCode::kNotFound ? Result<void>()
                                                        : tl::unexpected(old.error());
    }
    const auto head = parse_export_head({reinterpret_cast<const char*>(old->data()), old->size()});
    if (!head) return tl::unexpected(head.error());
    if (head->genesis != genesis.hash()) {
        return make_error(ErrorCode::kMismatch, folder + " holds an export of another chain");
    }
    if (head->blocks > last) {
        return make_error(ErrorCode::kRefused, folder + " holds an export up to block " +
                                                   std::to_string(head->blocks.value));
    }
    return {};
}

bool belongs(const std::string& path, Height blocks, const std::set<Digest>& blobs) {
    if (path == kExportHeadFile || path == kExportManifestFile) return true;
    const auto file = parse_export_path(path);
    if (!file) return false;
    if (const auto* height = std::get_if<Height>(&*file)) {
        return *height >= Height{1} && *height <= blocks;
    }
    const auto* hash = std::get_if<Digest>(&*file);
    return hash == nullptr || blobs.contains(*hash);
}

}  // namespace

Result<std::vector<std::string>> foreign_files(const std::string& folder, Height blocks,
                                               const std::set<Digest>& blobs, std::size_t limit) {
    std::vector<std::string> foreign;
    std::error_code error;
    fs::recursive_directory_iterator entry(folder, error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
        if (entry->is_directory(error) && !entry->is_symlink(error)) continue;
        std::string path = entry->path().lexically_relative(folder).generic_string();
        if (belongs(path, blocks, blobs)) continue;
        // The first ones of the sorted names: folders are walked in no particular order.
        foreign.insert(std::upper_bound(foreign.begin(), foreign.end(), path), path);
        if (foreign.size() > limit) foreign.pop_back();
    }
    if (error) return make_error(ErrorCode::kUnavailable, folder + ": " + error.message());
    return foreign;
}

ExportWriter::ExportWriter(std::string folder, const Genesis& genesis, Height last)
    : folder_(std::move(folder)) {
    head_.genesis = genesis.hash();
    head_.last = last;
}

Result<std::unique_ptr<ExportWriter>> ExportWriter::create(const std::string& folder,
                                                           const Genesis& genesis, Height last) {
    if (auto old = check_old(folder, genesis, last); !old) return tl::unexpected(old.error());
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return make_error(ErrorCode::kUnavailable, folder + ": " + error.message());
    fs::remove(fs::path(folder) / kExportHeadFile, error);
    if (error) return make_error(ErrorCode::kUnavailable, folder + ": " + error.message());
    std::unique_ptr<ExportWriter> writer(new ExportWriter(folder, genesis, last));
    writer->manifest_.open(manifest_part(folder), std::ios::binary | std::ios::trunc);
    const std::string text = schema::genesis_to_json(genesis).dump(2) + "\n";
    writer->add_file(kExportGenesisFile, as_bytes(text), sha256(as_bytes(text)));
    if (!writer->outcome_) return tl::unexpected(writer->outcome_.error());
    return writer;
}

void ExportWriter::add_file(const std::string& path, ByteView content, const Digest& hash) {
    if (!outcome_) return;
    const auto there = hash_file(in_folder(path));
    if (!there || *there != hash) {
        outcome_ = write_file(in_folder(path), content);
        if (!outcome_) return;
        bytes_written_ += content.size();
    }
    const std::string line = manifest_line(hash, path) + "\n";
    manifest_ << line << std::flush;
    manifest_hash_.update(as_bytes(line));
    if (!manifest_) {
        outcome_ =
            make_error(ErrorCode::kUnavailable, manifest_part(folder_) + ": cannot be written");
        return;
    }
    ++files_;
}

void ExportWriter::add_block(const CertifiedBlock& block) {
    const BlockHeader& header = block.block.header;
    const Bytes content = encode(block);
    add_file(block_path(header.height), content, sha256(content));
    head_.blocks = header.height;
    head_.head = header_digest(header);
}

void ExportWriter::add_blob(const Digest& hash, ByteView content) {
    if (blobs_.insert(hash).second) add_file(blob_path(hash), content, hash);
}

Result<void> ExportWriter::finish() {
    if (!outcome_) return outcome_;
    manifest_.close();
    std::error_code error;
    fs::rename(manifest_part(folder_), in_folder(kExportManifestFile), error);
    if (error) return make_error(ErrorCode::kUnavailable, folder_ + ": " + error.message());
    const auto foreign = foreign_files(folder_, head_.blocks, blobs_, 1);
    if (!foreign) return tl::unexpected(foreign.error());
    if (!foreign->empty()) {
        return make_error(ErrorCode::kRefused,
                          in_folder(foreign->front()) + " does not belong to this export");
    }
    head_.manifest = manifest_hash_.finish();
    return write_file(in_folder(kExportHeadFile), as_bytes(render_export_head(head_)));
}

}  // namespace consilium::explorer
