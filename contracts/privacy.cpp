// Accounts of the two levels, per task and over all tasks.
#include "contracts/privacy.hpp"

#include <algorithm>

#include "contracts/schema/privacy.hpp"
#include "contracts/verification/opening.hpp"

namespace consilium::contracts::privacy {
namespace {

using schema::PrivacyLevel;
using schema::PrivacyRecord;
namespace keys = schema::keys;

constexpr std::uint32_t kAllTasks = 0;

void add(PrivacyRecord& record, PrivacyLevel level, schema::Rho rho, std::uint64_t round) {
    if (level == PrivacyLevel::kLocal) {
        ++record.rounds_opened;
        record.rho_local = saturating_add(record.rho_local, rho);
    } else {
        ++record.rounds_summed;
        record.rho_central = saturating_add(record.rho_central, rho);
    }
    record.epsilon_local_micros = schema::epsilon_micros(record.rho_local, record.delta_bits);
    record.epsilon_central_micros = schema::epsilon_micros(record.rho_central, record.delta_bits);
    record.last_round = round;
}

struct Account {
    std::uint32_t task{};
    std::uint32_t organisation{};
};

PrivacyRecord charge_account(Execution& execution, const Account& account,
                             const schema::PrivacySpent& spent, std::uint8_t delta_bits,
                             schema::Rho rho) {
    const Bytes key = keys::privacy(account.task, account.organisation);
    PrivacyRecord record = execution.state.find<PrivacyRecord>(key).value_or(
        PrivacyRecord{.task = account.task, .organisation = account.organisation});
    record.delta_bits = std::max(record.delta_bits, delta_bits);
    add(record, spent.level, rho, spent.label.round);
    execution.state.store(key, record);
    return record;
}

// An account belongs to the hospital, so a new trainer key does not begin a new one.
void charge(Execution& execution, const schema::RoundRecord& round, std::uint16_t slot,
            schema::Rho rho, schema::PrivacySpent& spent) {
    const auto epoch =
        execution.state.load<schema::EpochRecord>(keys::epoch(round.label.mpc_epoch));
    const PublicKey& trainer = epoch.clients[slot - 1U];
    const std::uint32_t organisation =
        execution.state.load<schema::AccountRecord>(keys::account(trainer)).organisation;
    const std::uint8_t delta_bits = round.terms.privacy->delta_bits;
    const PrivacyRecord record =
        charge_account(execution, {round.terms.task, organisation}, spent, delta_bits, rho);
    (void)charge_account(execution, {kAllTasks, organisation}, spent, delta_bits, rho);
    spent.charges.push_back({organisation, rho,
                             spent.level == PrivacyLevel::kLocal ? record.epsilon_local_micros
                                                                 : record.epsilon_central_micros});
}

void emit(Execution& execution, const schema::PrivacySpent& spent) {
    if (spent.charges.empty()) return;
    execution.emit(schema::Module::kRounds, schema::event::kPrivacySpent, spent);
}

}  // namespace

void charge_statistics(Execution& execution, const schema::RoundRecord& round,
                       schema::SlotSet clients) {
    if (!round.terms.privacy) return;
    schema::PrivacySpent spent{.label = round.label, .level = PrivacyLevel::kLocal, .charges = {}};
    const schema::Rho rho = schema::local_rho(*round.terms.privacy);
    for (const std::uint16_t slot : verification::slots_of(clients)) {
        charge(execution, round, slot, rho, spent);
    }
    emit(execution, spent);
}

void charge_sum(Execution& execution, const schema::RoundRecord& round) {
    if (!round.terms.privacy) return;
    schema::PrivacySpent spent{
        .label = round.label, .level = PrivacyLevel::kCentral, .charges = {}};
    const std::vector<std::uint16_t> slots = verification::slots_of(round.passed);
    CHECK(slots.size() == round.reduced_weights.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (round.reduced_weights[i] == 0) continue;
        charge(execution, round, slots[i],
               schema::central_rho(*round.terms.privacy, round.reduced_weights, i,
                                   round.terms.malicious_max, round.terms.dimension),
               spent);
    }
    emit(execution, spent);
}

}  // namespace consilium::contracts::privacy
