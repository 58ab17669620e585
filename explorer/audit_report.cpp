// The report as text for people and as JSON for programs.
#include <nlohmann/json.hpp>

#include "explorer/audit.hpp"

namespace consilium::explorer {
namespace {

using Json = nlohmann::ordered_json;

Json optional_hex(const std::optional<Digest>& digest) {
    return digest ? Json(digest->hex()) : Json(nullptr);
}

Json to_json(const AuditCounts& counts) {
    return {{"attempts", counts.attempts},
            {"batches", counts.batches},
            {"references", counts.references},
            {"coins", counts.coins},
            {"stat1", counts.stat1},
            {"stat2", counts.stat2},
            {"verdicts", counts.verdicts},
            {"aggregates", counts.aggregates},
            {"models", counts.models},
            {"preparations", counts.preparations},
            {"prep_weights", counts.weights},
            {"prep_checks", counts.checks},
            {"late_shares", counts.late_shares},
            {"faults", counts.faults},
            {"disputes_by_execution_only", counts.disputes_unaudited}};
}

std::string_view name_of(AuditOutcome outcome) {
    switch (outcome) {
        case AuditOutcome::kEqual:
            return "equal";
        case AuditOutcome::kMismatch:
            return "mismatch";
        case AuditOutcome::kIncomplete:
            return "not recomputable";
    }
    UNREACHABLE();
}

std::string line_of(const Finding& finding) {
    std::string line = "mismatch: block " + std::to_string(finding.height.value);
    if (!finding.label.empty()) line += ", " + finding.label;
    if (finding.transaction) line += ", transaction " + finding.transaction->hex();
    return line + ": " + finding.check + ": expected " + finding.expected + ", found " +
           finding.found + "\n";
}

std::string line_of(const NotRecomputable& missing) {
    std::string line = "not recomputable: block " + std::to_string(missing.height.value);
    if (!missing.label.empty()) line += ", " + missing.label;
    return line + ": " + missing.what + "\n";
}

}  // namespace

std::string to_text(const AuditReport& report) {
    std::string text = "genesis " + report.genesis.hex() + "\nverified blocks 1 to " +
                       std::to_string(report.verified.value) + " of " +
                       std::to_string(report.last.value) + ", " +
                       std::to_string(report.transactions) + " transactions\nhead " +
                       report.head.hex() + "\nstate root " + report.state_root.hex() + "\n";
    const Json counts = to_json(report.counts);
    for (const auto& [name, count] : counts.items()) {
        text += "recomputed " + name + ": " + std::to_string(count.get<std::uint64_t>()) + "\n";
    }
    for (const AuditedAttempt& attempt : report.attempts) {
        text += attempt.label + ": " + attempt.outcome +
                (attempt.is_equal ? ", equal" : ", not equal") +
                (attempt.model ? ", model " + attempt.model->hex() : "") + "\n";
    }
    for (const Finding& finding : report.findings) text += line_of(finding);
    for (const NotRecomputable& missing : report.not_recomputable) text += line_of(missing);
    return text + "outcome: " + std::string(name_of(outcome_of(report))) + "\n";
}

std::string to_json(const AuditReport& report) {
    Json attempts = Json::array();
    for (const AuditedAttempt& attempt : report.attempts) {
        attempts.push_back({{"label", attempt.label},
                            {"outcome", attempt.outcome},
                            {"aggregate", optional_hex(attempt.aggregate)},
                            {"model", optional_hex(attempt.model)},
                            {"is_equal", attempt.is_equal}});
    }
    Json findings = Json::array();
    for (const Finding& finding : report.findings) {
        findings.push_back({{"height", finding.height.value},
                            {"transaction", optional_hex(finding.transaction)},
                            {"label", finding.label},
                            {"check", finding.check},
                            {"expected", finding.expected},
                            {"found", finding.found}});
    }
    Json missing = Json::array();
    for (const NotRecomputable& entry : report.not_recomputable) {
        missing.push_back(
            {{"height", entry.height.value}, {"label", entry.label}, {"what", entry.what}});
    }
    const Json json{{"genesis", report.genesis.hex()},
                    {"last", report.last.value},
                    {"verified", report.verified.value},
                    {"head", report.head.hex()},
                    {"state_root", report.state_root.hex()},
                    {"transactions", report.transactions},
                    {"recomputed", to_json(report.counts)},
                    {"attempts", attempts},
                    {"mismatches", findings},
                    {"not_recomputable", missing},
                    {"outcome", name_of(outcome_of(report))}};
    return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace consilium::explorer
