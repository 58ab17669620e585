// The audit: every block from genesis verified, and everything that was opened recomputed.
//
// Blocks are verified and executed in order by the calling thread; rounds and batches are then
// recomputed from their transactions by several. The report depends on genesis, chain and the last
// height only: not on the nodes asked, the machine, or the number of threads. Memory is bounded by
// the state, a cache of blobs, and the shares of as many rounds as there are threads.
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/genesis.hpp"
#include "explorer/audit_findings.hpp"
#include "explorer/audit_recorder.hpp"
#include "explorer/node_source.hpp"

namespace consilium::explorer {

inline constexpr unsigned kMaxAuditThreads = 256;

struct AuditOptions {
    Height last;           // audit up to here
    Height from{1};        // recompute rounds and batches that end at this height or later
    unsigned threads = 1;  // 1..kMaxAuditThreads
    AuditRecorder* recorder = nullptr;
    const std::atomic<bool>* cancel_flag = nullptr;
    // What people watch while it runs; called by the calling thread.
    std::function<void(const std::string& message)> note = [](const std::string&) {};
};

// One attempt of a round, as it came out here.
struct AuditedAttempt {
    std::string label;
    std::string outcome;  // "RESULT", the reason of its end, or "open"
    std::optional<Digest> aggregate;
    std::optional<Digest> model;
    bool is_equal{};
};

// A file of an export that is not what its manifest says.
struct FileProblem {
    std::string file;  // its path in the export
    std::string expected;
    std::string found;
    friend bool operator==(const FileProblem&, const FileProblem&) = default;
};

struct AuditReport {
    Digest genesis;
    Height from;
    Height last;      // asked for
    Height verified;  // newest block that was certified and came out the same
    Digest head;      // digest of its header
    Digest state_root;
    std::uint64_t transactions{};
    AuditCounts counts;
    std::vector<AuditedAttempt> attempts;
    std::vector<Finding> findings;
    std::vector<NotRecomputable> not_recomputable;
    std::vector<FileProblem> damaged_files;  // of an export; then nothing else was looked at

    // What the report takes from the chain instead of recomputing it, in sentences.
    [[nodiscard]] std::vector<std::string> trusted() const;
};

// kMalformed: the contracts refuse the genesis. kUnavailable: cancelled. Otherwise an error of the
// recorder.
[[nodiscard]] Result<AuditReport> run_audit(const Genesis& genesis, NodeSource& source,
                                            const AuditOptions& options);

enum class AuditOutcome { kEqual = 0, kMismatch = 1, kIncomplete = 2 };  // exit codes
[[nodiscard]] AuditOutcome outcome_of(const AuditReport& report);

// Deterministic texts, with a line feed at the end.
[[nodiscard]] std::string to_text(const AuditReport& report);
[[nodiscard]] std::string to_json(const AuditReport& report);

}  // namespace consilium::explorer
