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
            {"disputes", counts.disputes},
            {"exclusions", counts.exclusions},
            {"epochs", counts.epochs},
            {"privacy_charges", counts.privacy_charges}};
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

std::string line_of(const std::string& name, std::uint64_t count) {
    return "recomputed " + name + ": " + std::to_string(count) + "\n";
}

std::string line_of(const AuditedAttempt& attempt) {
    return attempt.label + ": " + attempt.outcome + (attempt.is_equal ? ", equal" : ", not equal") +
           (attempt.model ? ", model " + attempt.model->hex() : "") + "\n";
}

std::string trust_line(const std::string& sentence) {
    return "trusted: " + sentence + "\n";
}

std::string line_of(const FileProblem& problem) {
    return "damaged file: " + problem.file + ": expected " + problem.expected + ", found " +
           problem.found + "\n";
}

}  // namespace

std::vector<std::string> AuditReport::trusted() const {
    if (from <= Height{1}) return {};
    const std::string before = "before block " + std::to_string(from.value);
    return {
        "rounds and batches that ended " + before +
            " were not recomputed: their openings, verdicts, aggregates, models and exclusions "
            "stand as the contracts' code gave them when the blocks were executed here",
        "verdict histories, accounts of privacy and X of the epochs begin with the records of the "
        "state that was executed here"};
}

std::string to_text(const AuditReport& report) {
    std::string text =
        "genesis " + report.genesis.hex() + "\nverified blocks 1 to " +
        std::to_string(report.verified.value) + " of " + std::to_string(report.last.value) + ", " +
        std::to_string(report.transactions) + " transactions\nrecomputed from block " +
        std::to_string(report.from.value) + "\nhead " + report.head.hex() + "\nstate root " +
        report.state_root.hex() + "\n";
    const Json counts = to_json(report.counts);
    for (const auto& [name, count] : counts.items()) {
        text += line_of(name, count.get<std::uint64_t>());
    }
    for (const std::string& sentence : report.trusted()) text += trust_line(sentence);
    for (const AuditedAttempt& attempt : report.attempts) text += line_of(attempt);
    for (const Finding& finding : report.findings) text += line_of(finding);
    for (const NotRecomputable& missing : report.not_recomputable) text += line_of(missing);
    for (const FileProblem& problem : report.damaged_files) text += line_of(problem);
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
    Json damaged = Json::array();
    for (const FileProblem& problem : report.damaged_files) {
        damaged.push_back(
            {{"file", problem.file}, {"expected", problem.expected}, {"found", problem.found}});
    }
    const Json json{{"genesis", report.genesis.hex()},
                    {"from", report.from.value},
                    {"trusted", report.trusted()},
                    {"last", report.last.value},
                    {"verified", report.verified.value},
                    {"head", report.head.hex()},
                    {"state_root", report.state_root.hex()},
                    {"transactions", report.transactions},
                    {"recomputed", to_json(report.counts)},
                    {"attempts", attempts},
                    {"mismatches", findings},
                    {"not_recomputable", missing},
                    {"damaged_files", damaged},
                    {"outcome", name_of(outcome_of(report))}};
    return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace consilium::explorer
