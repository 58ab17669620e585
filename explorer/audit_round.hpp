// Recomputes one attempt of a round from its posts: coins, ranges, norms, verdict, sum, model.
//
// smpc-protocol.md, sections 3, 6 and 7. Two steps: openings depend on nothing but the transcript
// and run on any thread; the verdict needs the history of the rounds before, so that step runs in
// the order of the chain.
#pragma once
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "explorer/audit_openings.hpp"

namespace consilium::explorer {

struct AttemptAudit {
    AttemptTranscript transcript;
    Comparison comparison;
    schema::SlotSet in_range{};
    schema::SlotSet passed{};
    std::vector<std::int64_t> passed_norms;
    std::vector<std::int64_t> passed_references;
    std::optional<std::vector<std::int64_t>> statistics;  // as smpc::read_stat2()
    std::optional<std::vector<std::int64_t>> sum;
    std::optional<schema::VerdictRecord> verdict;  // once judged
    bool has_stat1 = false;
};
[[nodiscard]] AttemptAudit audit_attempt_openings(AttemptTranscript transcript);

// Recomputed from genesis: per task, of the MPC epoch that it was last judged in.
using VerdictHistories = std::map<std::uint32_t, std::pair<std::uint64_t, smpc::VerdictHistory>>;
void audit_attempt_verdict(AttemptAudit& audit, VerdictHistories& histories);
// Takes the chain's record as it is: what the next round of the task starts from.
void adopt_history(const AttemptTranscript& round, VerdictHistories& histories);

}  // namespace consilium::explorer
