// Labels as text, counting, and the comparison of faults.
#include "explorer/audit_findings.hpp"

#include <algorithm>

#include "contracts/schema/table.hpp"

namespace consilium::explorer {

void AuditCounts::add(const AuditCounts& other) {
    attempts += other.attempts;
    batches += other.batches;
    references += other.references;
    coins += other.coins;
    stat1 += other.stat1;
    stat2 += other.stat2;
    verdicts += other.verdicts;
    aggregates += other.aggregates;
    models += other.models;
    preparations += other.preparations;
    weights += other.weights;
    checks += other.checks;
    late_shares += other.late_shares;
    faults += other.faults;
    disputes += other.disputes;
    exclusions += other.exclusions;
    epochs += other.epochs;
    privacy_charges += other.privacy_charges;
}

std::string text_of(const schema::RoundLabel& label) {
    return "epoch " + std::to_string(label.mpc_epoch) + " round " + std::to_string(label.round) +
           " attempt " + std::to_string(label.attempt) + " batch " + std::to_string(label.batch);
}

std::string text_of(const schema::BatchLabel& label) {
    return "epoch " + std::to_string(label.mpc_epoch) + " batch " + std::to_string(label.batch);
}

std::string text_of(const schema::FaultProved& fault) {
    const auto* info = schema::find_action(
        static_cast<std::uint16_t>(schema::Module::kVerification), fault.action);
    return std::string(info == nullptr ? "unknown action" : info->name) + " of member " +
           std::to_string(fault.member) + " at " + std::to_string(fault.coordinate);
}

void Comparison::note(std::string_view check, std::string expected, std::string found,
                      std::optional<Digest> transaction) {
    findings_.push_back(
        {height_, transaction, label_, std::string(check), std::move(expected), std::move(found)});
}

void Comparison::equal_faults(const std::vector<ExpectedFault>& expected,
                              std::vector<schema::FaultProved> found) {
    counts.faults += expected.size();
    for (const ExpectedFault& fault : expected) {
        const auto same = std::find(found.begin(), found.end(), fault.fault);
        if (same == found.end()) {
            note("fault", text_of(fault.fault), "none", fault.transaction);
        } else {
            found.erase(same);
        }
    }
    if (!missing_.empty()) return;  // the others may be of shares that are not here
    for (const schema::FaultProved& fault : found) note("fault", "none", text_of(fault));
}

}  // namespace consilium::explorer
