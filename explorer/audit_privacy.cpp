// Charges of an attempt, and the accounts after it.
#include "explorer/audit_privacy.hpp"

#include <algorithm>
#include <bit>

#include "contracts/verification/opening.hpp"

namespace consilium::explorer {
namespace {

using contracts::verification::slots_of;
using schema::PrivacyLevel;
using schema::PrivacyRecord;

std::string text_of_charge(const schema::PrivacyCharge& charge) {
    return "; hospital " + std::to_string(charge.organisation) + " rho " +
           std::to_string(charge.rho) + " epsilon " + std::to_string(charge.epsilon_micros);
}
std::string text_of_charges(const schema::PrivacySpent& spent) {
    std::string text = std::string(schema::to_string(spent.level)) + " " + text_of(spent.label);
    for (const schema::PrivacyCharge& charge : spent.charges) text += text_of_charge(charge);
    return text;
}

std::string text_of_record(const PrivacyRecord& record) {
    return "delta_bits " + std::to_string(record.delta_bits) + " opened " +
           std::to_string(record.rounds_opened) + " summed " +
           std::to_string(record.rounds_summed) + " rho " + std::to_string(record.rho_local) +
           ", " + std::to_string(record.rho_central) + " epsilon " +
           std::to_string(record.epsilon_local_micros) + ", " +
           std::to_string(record.epsilon_central_micros) + " last round " +
           std::to_string(record.last_round);
}

std::string check_of(const PrivacyAccountName& name) {
    return "privacy record of task " + std::to_string(name.task) + " hospital " +
           std::to_string(name.organisation);
}

class Charges {
  public:
    Charges(AttemptAudit& audit, PrivacyAccounts& accounts) : audit_(audit), accounts_(accounts) {}

    void charge_statistics() {
        const AttemptTranscript& round = audit_.transcript;
        const bool is_opened =
            round.ranges_closed &&
            std::popcount(round.ranged) >= schema::min_submissions(round.terms.malicious_max);
        if (!is_opened) return;
        begin(PrivacyLevel::kLocal);
        const schema::Rho rho = schema::local_rho(*round.terms.privacy);
        for (const std::uint16_t slot : slots_of(round.ranged)) charge(slot, rho);
        end();
    }
    void charge_sum() {
        const AttemptTranscript& round = audit_.transcript;
        if (!audit_.verdict || audit_.verdict->is_cancelled) return;
        begin(PrivacyLevel::kCentral);
        std::vector<std::uint32_t> weights;
        const std::vector<std::uint16_t> slots = slots_of(audit_.passed);
        for (const std::uint16_t slot : slots) {
            weights.push_back(audit_.verdict->clients[slot - 1U].reduced_weight);
        }
        for (std::size_t i = 0; i < slots.size(); ++i) {
            if (weights[i] == 0) continue;
            charge(slots[i], schema::central_rho(*round.terms.privacy, weights, i,
                                                 round.terms.malicious_max, round.terms.dimension));
        }
        end();
    }
    [[nodiscard]] const std::vector<std::string>& events() const { return events_; }

  private:
    void begin(PrivacyLevel level) { spent_ = {audit_.transcript.label, level, {}}; }
    void end() {
        if (!spent_.charges.empty()) events_.push_back(text_of_charges(spent_));
    }
    PrivacyRecord& add(std::uint32_t task, std::uint32_t organisation, schema::Rho rho) {
        const std::uint8_t delta_bits = audit_.transcript.terms.privacy->delta_bits;
        PrivacyRecord& record = accounts_[{task, organisation}];
        record.task = task;
        record.organisation = organisation;
        record.delta_bits = std::max(record.delta_bits, delta_bits);
        const bool is_local = spent_.level == PrivacyLevel::kLocal;
        ++(is_local ? record.rounds_opened : record.rounds_summed);
        std::uint64_t& sum = is_local ? record.rho_local : record.rho_central;
        sum = saturating_add(sum, rho);
        record.epsilon_local_micros = schema::epsilon_micros(record.rho_local, record.delta_bits);
        record.epsilon_central_micros =
            schema::epsilon_micros(record.rho_central, record.delta_bits);
        record.last_round = audit_.transcript.label.round;
        ++audit_.comparison.counts.privacy_charges;
        return record;
    }
    void charge(std::uint16_t slot, schema::Rho rho) {
        const AttemptTranscript& round = audit_.transcript;
        if (slot > round.organisations.size()) return;  // the comparison misses its charge
        const std::uint32_t organisation = round.organisations[slot - 1U];
        add(0, organisation, rho);
        const PrivacyRecord& record = add(round.terms.task, organisation, rho);
        const bool is_local = spent_.level == PrivacyLevel::kLocal;
        spent_.charges.push_back(
            {organisation, rho,
             is_local ? record.epsilon_local_micros : record.epsilon_central_micros});
    }

    AttemptAudit& audit_;
    PrivacyAccounts& accounts_;
    schema::PrivacySpent spent_;
    std::vector<std::string> events_;
};

}  // namespace

void adopt_privacy(const AttemptTranscript& round, PrivacyAccounts& accounts) {
    for (const auto& [name, record] : round.privacy) accounts[name] = record;
}

void audit_attempt_privacy(AttemptAudit& audit, PrivacyAccounts& accounts) {
    const AttemptTranscript& round = audit.transcript;
    // Without a recomputed verdict, which is a finding or missing already, nobody knows the sum's
    // price: later rounds still start from the account.
    if (round.verdict && !audit.verdict) return adopt_privacy(round, accounts);
    std::vector<std::string> expected;
    if (round.terms.privacy && round.terms.privacy->noise > 0) {
        Charges charges(audit, accounts);
        charges.charge_statistics();
        charges.charge_sum();
        expected = charges.events();
    }
    std::vector<std::string> found;
    for (const schema::PrivacySpent& spent : round.privacy_spent) {
        found.push_back(text_of_charges(spent));
    }
    audit.comparison.equal("privacy", expected, found);
    for (const auto& [name, record] : round.privacy) {
        const auto account = accounts.find(name);
        const std::string text =
            account == accounts.end() ? "none" : text_of_record(account->second);
        audit.comparison.equal(check_of(name), text, text_of_record(record));
    }
}

}  // namespace consilium::explorer
