// What tests of the audit share: an audit of a ledger in memory, and of transcripts changed by
// hand.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "explorer/audit.hpp"
#include "explorer/audit_transcript.hpp"
#include "tests/explorer/ledger.hpp"

namespace consilium::explorer::testing {

// Three rounds with four members: a lie in every share of round 1, a silent member in round 2,
// nothing in round 3; the poisoner stays the same, so that the history matters.
[[nodiscard]] const Ledger& three_rounds();

[[nodiscard]] Result<AuditReport> audit(NodeSource& source, const Ledger& ledger,
                                        unsigned threads = 1);
// From a node that serves everything; a failure of the audit itself fails the test.
[[nodiscard]] AuditReport audit_honestly(const Ledger& ledger, unsigned threads = 1);

// Everything that the collector makes of the ledger, with the blobs.
struct Transcripts {
    std::vector<AttemptTranscript> attempts;
    std::vector<BatchTranscript> batches;
    std::vector<EpochTranscript> epochs;
};
[[nodiscard]] Transcripts collect(const Ledger& ledger);

// The checks that fail, each once, after a change of the transcripts. Execution cannot contradict
// itself, so this is how the recomputation is shown to be able to fail.
using Checks = std::set<std::string>;
[[nodiscard]] Checks failed_checks(const Ledger& ledger,
                                   const std::function<void(Transcripts&)>& change);
[[nodiscard]] Checks failed_checks(const Ledger& ledger, std::size_t attempt,
                                   const std::function<void(AttemptTranscript&)>& change);
[[nodiscard]] Checks failed_checks(const Ledger& ledger,
                                   const std::function<void(BatchTranscript&)>& change);

}  // namespace consilium::explorer::testing
