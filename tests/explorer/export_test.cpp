// Exports: written once or in pieces, audited without a network, and damaged in every way.
#include "explorer/export_writer.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "explorer/audit_offline.hpp"
#include "explorer/export_source.hpp"
#include "tests/contracts/preparation_driver.hpp"
#include "tests/explorer/audit_kit.hpp"

namespace consilium::explorer::testing {
namespace {

namespace fs = std::filesystem;

std::string slurp(const std::string& path) {
    const auto content = read_file(path, std::uint64_t{1} << 30).value();
    return {content.begin(), content.end()};
}
void spill(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Every regular file below the folder with its content.
std::map<std::string, std::string> files_of(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        files[entry.path().lexically_relative(folder).generic_string()] =
            slurp(entry.path().string());
    }
    return files;
}

struct ExportResult {
    Result<AuditReport> report = make_error(ErrorCode::kUnavailable, "not run");
    Result<void> finished;
};
ExportResult export_chain(const Ledger& ledger, NodeSource& source, const std::string& folder,
                          Height last, const std::atomic<bool>* cancel_flag = nullptr) {
    ExportResult result;
    auto writer = ExportWriter::create(folder, ledger.genesis, last);
    if (!writer) {
        result.finished = tl::unexpected(writer.error());
        return result;
    }
    ResumingSource resuming(folder, source);
    AuditOptions options;
    options.last = last;
    options.recorder = writer->get();
    options.cancel_flag = cancel_flag;
    result.report = run_audit(ledger.genesis, resuming, options);
    result.finished = result.report ? (*writer)->finish() : tl::unexpected(result.report.error());
    return result;
}

Result<AuditReport> audit_folder(const std::string& folder, unsigned threads = 1,
                                 std::optional<Genesis> genesis = std::nullopt) {
    AuditOptions options;
    options.threads = threads;
    return run_offline_audit({folder, std::move(genesis), std::nullopt}, options);
}

// An export of a ledger in a fresh folder.
struct Exported {
    explicit Exported(const Ledger& chain) : Exported(chain, chain.height()) {}
    Exported(const Ledger& chain, Height last) : folder(scratch.file("export")) {
        FakeSource source(chain, 1);
        const auto result = export_chain(chain, source, folder, last);
        EXPECT_TRUE(result.finished.has_value()) << result.finished.error().context;
    }
    [[nodiscard]] std::string path(const std::string& file) const { return folder + "/" + file; }

    TempFolder scratch;
    std::string folder;
};

std::vector<std::string> damaged(const std::string& folder) {
    const auto report = audit_folder(folder);
    std::vector<std::string> files;
    if (!report) return {"error: " + report.error().context};
    for (const FileProblem& problem : report->damaged_files) files.push_back(problem.file);
    if (!files.empty()) {
        EXPECT_EQ(outcome_of(*report), AuditOutcome::kMismatch);
        EXPECT_NE(to_text(*report).find("damaged file: " + files[0]), std::string::npos);
    }
    return files;
}

TEST(ExportTest, offline_report_has_the_bytes_of_the_online_report) {
    const Exported exported(three_rounds());
    const AuditReport online = audit_honestly(three_rounds());
    for (const unsigned threads : {1U, 2U, 5U}) {
        const auto offline = audit_folder(exported.folder, threads, three_rounds().genesis);
        ASSERT_TRUE(offline.has_value()) << offline.error().context;
        EXPECT_EQ(to_json(*offline), to_json(online));
        EXPECT_EQ(to_text(*offline), to_text(online));
    }
    EXPECT_EQ(to_json(audit_folder(exported.folder).value()), to_json(online));
    EXPECT_EQ(outcome_of(online), AuditOutcome::kEqual) << to_text(online);
}

TEST(ExportTest, copy_in_another_place_gives_the_same_bytes) {
    const Exported exported(test_ledger());
    TempFolder elsewhere;
    fs::copy(exported.folder, elsewhere.file("copy"), fs::copy_options::recursive);
    EXPECT_EQ(to_json(audit_folder(elsewhere.file("copy"), 2).value()),
              to_json(audit_folder(exported.folder, 1).value()));
}

TEST(ExportTest, exports_from_different_nodes_are_the_same_files) {
    const Exported exported(test_ledger());
    TempFolder scratch;
    FakeSource others(test_ledger(), 3);
    others.is_down = [](std::size_t node) { return node == 0; };
    ASSERT_TRUE(export_chain(test_ledger(), others, scratch.file("e"), test_ledger().height())
                    .finished.has_value());
    EXPECT_EQ(files_of(scratch.file("e")), files_of(exported.folder));
}

TEST(ExportTest, manifest_names_every_file_with_its_hash) {
    const Exported exported(test_ledger());
    auto files = files_of(exported.folder);
    std::istringstream manifest(files.at("manifest.sha256"));
    files.erase("manifest.sha256");
    files.erase("export.json");
    std::string line;
    while (std::getline(manifest, line)) {
        const std::string path = line.substr(66);
        ASSERT_TRUE(files.contains(path)) << line;
        EXPECT_EQ(line.substr(0, 66), sha256(as_bytes(files.at(path))).hex() + "  ");
        files.erase(path);
    }
    EXPECT_TRUE(files.empty()) << files.begin()->first;
}

TEST(ExportTest, stopped_export_is_no_export_and_goes_on_where_it_was) {
    const Ledger& ledger = three_rounds();
    TempFolder scratch;
    const std::string folder = scratch.file("export");
    std::atomic<bool> cancel_flag{false};
    FakeSource source(ledger, 1);
    const Height middle{ledger.height().value * 3 / 4};
    source.tamper = [&](std::size_t, CertifiedBlock& block) {
        if (block.block.header.height == middle) cancel_flag = true;
    };
    const auto stopped = export_chain(ledger, source, folder, ledger.height(), &cancel_flag);
    EXPECT_FALSE(stopped.report.has_value());
    EXPECT_EQ(audit_folder(folder).error().code, ErrorCode::kNotFound);
    const std::size_t before = source.blocks_served;
    const std::size_t blobs_before = source.blobs_served;
    EXPECT_EQ(before, middle.value);
    source.tamper = nullptr;
    const auto resumed = export_chain(ledger, source, folder, ledger.height());
    ASSERT_TRUE(resumed.finished.has_value()) << resumed.finished.error().context;
    EXPECT_EQ(source.blocks_served, ledger.height().value);  // none was asked for twice
    const Exported at_once(ledger);
    EXPECT_EQ(files_of(folder), files_of(at_once.folder));
    FakeSource counting(ledger, 1);
    TempFolder fresh;
    (void)export_chain(ledger, counting, fresh.file("e"), ledger.height());
    EXPECT_EQ(source.blobs_served, counting.blobs_served);
    EXPECT_GT(blobs_before, 0U);
}

TEST(ExportTest, torn_files_of_a_stopped_export_are_fetched_again) {
    const Ledger& ledger = test_ledger();
    const Exported whole(ledger);
    TempFolder scratch;
    const std::string folder = scratch.file("export");
    fs::copy(whole.folder, folder, fs::copy_options::recursive);
    fs::remove(folder + "/export.json");
    const std::string block = folder + "/" + block_path(Height{5});
    spill(block, slurp(block).substr(0, 40));
    const std::string other = folder + "/" + block_path(Height{6});
    std::string text = slurp(other);
    text.back() = static_cast<char>(text.back() ^ 1);  // decodes, but is not the certified one
    spill(other, text);
    FakeSource source(ledger, 1);
    ASSERT_TRUE(export_chain(ledger, source, folder, ledger.height()).finished.has_value());
    EXPECT_EQ(source.blocks_served, 2U);
    EXPECT_EQ(files_of(folder), files_of(whole.folder));
}

TEST(ExportTest, export_grows_with_the_chain_and_never_shrinks) {
    const Ledger& ledger = test_ledger();
    const Height half{ledger.height().value / 2};
    const Exported exported(ledger, half);
    EXPECT_EQ(audit_folder(exported.folder)->verified, half);
    FakeSource source(ledger, 1);
    ASSERT_TRUE(
        export_chain(ledger, source, exported.folder, ledger.height()).finished.has_value());
    EXPECT_EQ(files_of(exported.folder), files_of(Exported(ledger).folder));
    const auto shorter = export_chain(ledger, source, exported.folder, half);
    EXPECT_EQ(shorter.finished.error().code, ErrorCode::kRefused);
    EXPECT_EQ(audit_folder(exported.folder)->verified, ledger.height());
}

TEST(ExportTest, folder_of_another_chain_or_with_other_files_is_refused) {
    const Exported exported(test_ledger());
    FakeSource source(test_ledger(), 1);
    Genesis other = test_ledger().genesis;
    other.chain_id = "another-chain";
    EXPECT_EQ(ExportWriter::create(exported.folder, other, test_ledger().height()).error().code,
              ErrorCode::kMismatch);
    spill(exported.path("notes.txt"), "mine");
    const auto result =
        export_chain(test_ledger(), source, exported.folder, test_ledger().height());
    EXPECT_EQ(result.finished.error().code, ErrorCode::kRefused);
    EXPECT_EQ(slurp(exported.path("notes.txt")), "mine");
}

TEST(ExportTest, export_that_cannot_be_written_ends_the_audit) {
    TempFolder scratch;
    fs::create_directories(scratch.file("e"));
    spill(scratch.file("e/blocks"), "a file where a folder must be");
    FakeSource source(test_ledger(), 1);
    const auto result =
        export_chain(test_ledger(), source, scratch.file("e"), test_ledger().height());
    ASSERT_FALSE(result.report.has_value());
    EXPECT_EQ(result.report.error().code, ErrorCode::kUnavailable);
    EXPECT_LE(source.blocks_served, 2U);
}

TEST(ExportTest, unfinished_round_is_exported_and_audited_at_every_height) {
    const Ledger& ledger = test_ledger();
    for (std::uint64_t last = 1; last <= ledger.height().value; last += 7) {
        const Exported exported(ledger, Height{last});
        const AuditReport report = audit_folder(exported.folder).value();
        EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
        EXPECT_EQ(report.verified, Height{last});
        FakeSource source(ledger, 1);
        AuditOptions options;
        options.last = Height{last};
        EXPECT_EQ(to_json(run_audit(ledger.genesis, source, options).value()), to_json(report));
    }
}

TEST(ExportTest, disputed_batches_are_exported_with_what_their_blame_needs) {
    contracts::testing::PreparationScene scene(4);
    scene.post_shares(0, scene.all_but({2}), {{1, {{scene.position(1, 3), 77}}}});
    scene.pass_preparation_window();
    scene.sacrifice(0, scene.all_but({}));
    scene.post_reveals(0, scene.all_but({}));
    ASSERT_EQ(scene.batch(0).state, schema::BatchState::kBurned);
    const Ledger ledger = certify_chain(scene.chain);
    const Exported exported(ledger);
    const AuditReport report = audit_folder(exported.folder).value();
    EXPECT_EQ(outcome_of(report), AuditOutcome::kEqual) << to_text(report);
    EXPECT_EQ(report.counts.disputes, 1U);
}

TEST(ExportTest, what_no_node_has_is_missing_in_the_export_with_the_same_report) {
    FakeSource source(test_ledger(), 1);
    source.has_blobs = false;
    TempFolder scratch;
    const auto result =
        export_chain(test_ledger(), source, scratch.file("e"), test_ledger().height());
    ASSERT_TRUE(result.finished.has_value()) << result.finished.error().context;
    EXPECT_EQ(outcome_of(*result.report), AuditOutcome::kIncomplete);
    EXPECT_EQ(to_json(audit_folder(scratch.file("e")).value()), to_json(*result.report));
}

TEST(ExportTest, block_that_contradicts_execution_is_exported_as_evidence) {
    FakeSource source(test_ledger(), 1);
    const Height height{9};
    source.tamper = [&](std::size_t, CertifiedBlock& block) {
        if (block.block.header.height != height) return;
        block.block.header.state_root.bytes[3] ^= 1;
        test_ledger().certify(block);
    };
    TempFolder scratch;
    const auto result =
        export_chain(test_ledger(), source, scratch.file("e"), test_ledger().height());
    ASSERT_TRUE(result.finished.has_value());
    const AuditReport offline = audit_folder(scratch.file("e")).value();
    ASSERT_EQ(offline.findings.size(), 1U);
    EXPECT_EQ(offline.findings[0].check, "state_root");
    EXPECT_EQ(offline.findings[0].height, height);
    EXPECT_EQ(to_json(offline), to_json(*result.report));
}

// One bit in one place of one file of each kind; small files in every place.
TEST(ExportTest, every_flipped_byte_is_found_and_its_file_named) {
    const Exported exported(test_ledger());
    ASSERT_TRUE(damaged(exported.folder).empty());
    std::string blob;
    for (const auto& [path, content] : files_of(exported.folder)) {
        if (path.starts_with("blobs/")) blob = path;
    }
    ASSERT_FALSE(blob.empty());
    const std::map<std::string, std::size_t> steps{{"export.json", 1},
                                                   {"manifest.sha256", 97},
                                                   {"genesis.json", 53},
                                                   {block_path(Height{3}), 101},
                                                   {block_path(test_ledger().height()), 101},
                                                   {blob, 61}};
    for (const auto& [file, step] : steps) {
        const std::string original = slurp(exported.path(file));
        for (std::size_t at = 0; at < original.size(); at += step) {
            std::string text = original;
            text[at] = static_cast<char>(text[at] ^ (1 << (at % 7)));
            spill(exported.path(file), text);
            const auto files = damaged(exported.folder);
            EXPECT_NE(std::find(files.begin(), files.end(), file), files.end())
                << file << " at " << at << ": " << ::testing::PrintToString(files);
        }
        spill(exported.path(file), original);
    }
    EXPECT_TRUE(damaged(exported.folder).empty());
}

TEST(ExportTest, missing_truncated_and_foreign_files_are_named) {
    const Exported exported(test_ledger());
    const std::string block = block_path(Height{4});
    const std::string original = slurp(exported.path(block));
    fs::remove(exported.path(block));
    EXPECT_EQ(damaged(exported.folder), std::vector<std::string>{block});
    spill(exported.path(block), original.substr(0, original.size() - 1));
    EXPECT_EQ(damaged(exported.folder), std::vector<std::string>{block});
    spill(exported.path(block), original + "x");
    EXPECT_EQ(damaged(exported.folder), std::vector<std::string>{block});
    spill(exported.path(block), original);
    const std::string beyond = block_path(test_ledger().height().next());
    spill(exported.path(beyond), original);
    spill(exported.path("blobs/readme"), "hello");
    EXPECT_EQ(damaged(exported.folder), (std::vector<std::string>{"blobs/readme", beyond}));
}

TEST(ExportTest, truncated_manifest_and_absent_head_are_told) {
    const Exported exported(test_ledger());
    const std::string manifest = slurp(exported.path("manifest.sha256"));
    spill(exported.path("manifest.sha256"), manifest.substr(0, manifest.size() / 2));
    const auto files = damaged(exported.folder);
    ASSERT_FALSE(files.empty());
    EXPECT_EQ(files[0], "manifest.sha256");
    spill(exported.path("manifest.sha256"), manifest + std::string(1000, 'x'));
    EXPECT_EQ(damaged(exported.folder)[0], "manifest.sha256");
    fs::remove(exported.path("manifest.sha256"));
    EXPECT_EQ(damaged(exported.folder)[0], "manifest.sha256");
    fs::remove(exported.path("export.json"));
    EXPECT_EQ(audit_folder(exported.folder).error().code, ErrorCode::kNotFound);
}

// Whoever writes the folder can also write a manifest that fits.
void forge_manifest(const Exported& exported) {
    std::istringstream old(slurp(exported.path("manifest.sha256")));
    std::string manifest;
    std::string line;
    while (std::getline(old, line)) {
        const std::string path = line.substr(66);
        manifest += manifest_line(sha256(as_bytes(slurp(exported.path(path)))), path) + "\n";
    }
    spill(exported.path("manifest.sha256"), manifest);
    auto head = parse_export_head(slurp(exported.path("export.json"))).value();
    head.manifest = sha256(as_bytes(manifest));
    spill(exported.path("export.json"), render_export_head(head));
}

TEST(ExportTest, changed_block_under_a_forged_manifest_fails_at_its_certificate) {
    const Exported exported(test_ledger());
    const Height height{6};
    CertifiedBlock block = test_ledger().blocks.at(height.value);
    block.certificate.signatures[0].bytes[5] ^= 1;
    const Bytes content = encode(block);
    spill(exported.path(block_path(height)), std::string(content.begin(), content.end()));
    forge_manifest(exported);
    const AuditReport report = audit_folder(exported.folder).value();
    EXPECT_TRUE(report.damaged_files.empty());
    ASSERT_EQ(report.findings.size(), 1U);
    EXPECT_EQ(report.findings[0].height, height);
    EXPECT_EQ(report.findings[0].check, "certificate");
    EXPECT_EQ(outcome_of(report), AuditOutcome::kMismatch);
}

TEST(ExportTest, changed_blob_under_a_forged_manifest_is_named) {
    const Exported exported(test_ledger());
    std::string blob;
    for (const auto& [path, content] : files_of(exported.folder)) {
        if (path.starts_with("blobs/")) blob = path;
    }
    std::string content = slurp(exported.path(blob));
    content[0] = static_cast<char>(content[0] ^ 1);
    spill(exported.path(blob), content);
    forge_manifest(exported);
    EXPECT_EQ(damaged(exported.folder), std::vector<std::string>{"manifest.sha256"});
}

TEST(ExportTest, genesis_that_the_auditor_does_not_know_is_named) {
    const Exported exported(test_ledger());
    Genesis other = test_ledger().genesis;
    other.organisations[0].name = "Another hospital";
    const auto report = audit_folder(exported.folder, 1, other);
    ASSERT_TRUE(report.has_value());
    ASSERT_FALSE(report->damaged_files.empty());
    EXPECT_EQ(report->damaged_files[0].expected, "genesis " + other.hash().hex());
    EXPECT_EQ(outcome_of(*report), AuditOutcome::kMismatch);
}

TEST(ExportTest, cancelled_offline_audit_gives_no_report) {
    const Exported exported(test_ledger());
    std::atomic<bool> cancel_flag{true};
    AuditOptions options;
    options.cancel_flag = &cancel_flag;
    const auto report = run_offline_audit({exported.folder, std::nullopt, std::nullopt}, options);
    EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
}

TEST(ExportFilesTest, paths_and_lines_have_one_form) {
    const Digest hash = sha256(as_bytes("x"));
    EXPECT_EQ(block_path(Height{12'345}), "blocks/000000012/000000012345");
    for (const std::string& path : {block_path(Height{7}), blob_path(hash)}) {
        EXPECT_TRUE(parse_export_path(path).has_value()) << path;
        EXPECT_TRUE(parse_manifest_line(manifest_line(hash, path)).has_value());
    }
    for (const std::string& path : std::vector<std::string>{
             "", "/", "blocks/", "blocks/000000000/7", "blocks/000000001/000000000007",
             "blocks/000000000/00000000000x", "blobs/00/../../../etc/passwd", "../genesis.json",
             "blobs/" + hash.hex(), "export.json", "manifest.sha256", "genesis.json "}) {
        EXPECT_FALSE(parse_export_path(path).has_value()) << path;
    }
    const std::string line = manifest_line(hash, block_path(Height{7}));
    for (std::size_t at = 0; at < line.size(); ++at) {
        EXPECT_FALSE(parse_manifest_line(line.substr(0, at)).has_value());
        for (int bit = 0; bit < 8; ++bit) {
            std::string other = line;
            other[at] = static_cast<char>(other[at] ^ (1 << bit));
            const auto entry = parse_manifest_line(other);
            const std::string again = entry ? manifest_line(entry->hash, entry->path) : other;
            EXPECT_EQ(again, other);
        }
    }
}

TEST(ExportFilesTest, head_has_one_form) {
    const ExportHead head{sha256(as_bytes("g")), Height{9}, Height{8}, sha256(as_bytes("h")),
                          sha256(as_bytes("m"))};
    const std::string text = render_export_head(head);
    EXPECT_EQ(parse_export_head(text).value(), head);
    for (std::size_t at = 0; at < text.size(); ++at) {
        EXPECT_FALSE(parse_export_head(text.substr(0, at)).has_value()) << at;
        for (int bit = 0; bit < 8; ++bit) {
            std::string other = text;
            other[at] = static_cast<char>(other[at] ^ (1 << bit));
            const auto parsed = parse_export_head(other);
            EXPECT_TRUE(!parsed || *parsed != head) << at;
        }
    }
}

}  // namespace
}  // namespace consilium::explorer::testing
