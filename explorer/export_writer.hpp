// Writes an export while an audit reads the chain.
//
// Memory: one blob, and 32 bytes for each blob written. A stopped export is continued by another
// run with the same folder: what is there already is read from it (ExportedSource) and not asked
// for again. export.json comes last; without it the folder is no export.
#pragma once
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "core/genesis.hpp"
#include "explorer/audit_recorder.hpp"
#include "explorer/export_files.hpp"

namespace consilium::explorer {

class ExportWriter final : public AuditRecorder {
  public:
    // Creates the folder when it is absent. kMismatch: it holds another chain's export; kRefused:
    // other files, or an export to a greater height. Takes an old export.json away.
    [[nodiscard]] static Result<std::unique_ptr<ExportWriter>> create(const std::string& folder,
                                                                      const Genesis& genesis,
                                                                      Height last);

    void add_block(const CertifiedBlock& block) override;
    void add_blob(const Digest& hash, ByteView content) override;
    [[nodiscard]] Result<void> outcome() const override { return outcome_; }

    // Makes it an export. kRefused when files of an earlier run are there that do not belong to it.
    [[nodiscard]] Result<void> finish();

    [[nodiscard]] std::uint64_t files() const { return files_; }
    [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

  private:
    ExportWriter(std::string folder, const Genesis& genesis, Height last);
    void add_file(const std::string& path, ByteView content, const Digest& hash);
    [[nodiscard]] std::string in_folder(const std::string& path) const {
        return folder_ + "/" + path;
    }

    std::string folder_;
    ExportHead head_;
    std::ofstream manifest_;
    Sha256 manifest_hash_;
    std::set<Digest> blobs_;
    std::uint64_t files_ = 0;
    std::uint64_t bytes_written_ = 0;  // without what was there already
    Result<void> outcome_;
};

// Every file below the folder that an export with these blobs and this many blocks does not have,
// by its path in the folder, sorted; at most `limit` of them.
[[nodiscard]] Result<std::vector<std::string>> foreign_files(const std::string& folder,
                                                             Height blocks,
                                                             const std::set<Digest>& blobs,
                                                             std::size_t limit);

}  // namespace consilium::explorer
