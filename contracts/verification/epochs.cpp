// The life of an MPC epoch: opening, deadlines, activation, end.
#include "contracts/verification/epochs.hpp"

#include <algorithm>
#include <bit>

#include "contracts/key_rotation.hpp"
#include "contracts/rounds.hpp"
#include "contracts/verification/batches.hpp"
#include "contracts/verification/shares.hpp"
#include "fl_engine/smpc/keys.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::Code;
using schema::EpochPhase;
using schema::EpochRecord;
using schema::MpcRecord;
using schema::SetupRecord;
using schema::SubsetSetup;
namespace event = schema::event;
namespace keys = schema::keys;

// After every subset is ready, how long the rest of the acknowledgements is waited for.
constexpr std::uint64_t kReadyWaitBlocks = 10;

// t of n = |members|.
int threshold(const EpochRecord& epoch) {
    return static_cast<int>((epoch.members.size() - 1) / 3);
}

int needed_clients(const StateView& state) {
    const auto task = rounds::served_task(state);
    return schema::min_submissions(task ? task->spec.malicious_max : std::uint16_t{1});
}

SubsetSetup begin_turn(const Execution& execution, const smpc::Committee& committee,
                       const EpochRecord& epoch, const SubsetSetup& entry) {
    const auto rank = committee.rank_of(entry.subset);
    CHECK(rank.has_value());
    SubsetSetup next;
    next.subset = entry.subset;
    next.turn = entry.turn;
    next.leader = static_cast<std::uint16_t>(
        smpc::subset_leader(committee, *rank, epoch.mpc_epoch, entry.turn));
    next.since = execution.block.height;
    next.since_time = execution.block.time;
    return next;
}

void enter_phase(Execution& execution, EpochRecord& epoch, EpochPhase phase) {
    epoch.phase = phase;
    epoch.phase_height = execution.block.height;
    epoch.phase_time = execution.block.time;
    execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
}

void begin_commitments(Execution& execution, EpochRecord& epoch) {
    const smpc::Committee committee = committee_of(epoch);
    SetupRecord setup;
    for (smpc::SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        SubsetSetup entry;
        entry.subset = committee.bitmap(rank);
        setup.subsets.push_back(begin_turn(execution, committee, epoch, entry));
    }
    execution.state.store(keys::setup(epoch.mpc_epoch), setup);
    enter_phase(execution, epoch, EpochPhase::kCommitments);
}

void try_end_key_phase(Execution& execution, EpochRecord& epoch) {
    const Moment since{epoch.phase_height, epoch.phase_time};
    const bool is_over = is_window_over(execution.parameters.setup_window, since, execution.block);
    const auto members = static_cast<std::size_t>(std::popcount(epoch.members_with_key));
    const auto clients = static_cast<std::size_t>(std::popcount(epoch.clients_with_key));
    const bool is_complete = members == epoch.members.size() && clients == epoch.clients.size();
    // With 2t+1 members every subset has t+1 that can hold its key.
    const bool is_enough = members >= 2 * static_cast<std::size_t>(threshold(epoch)) + 1 &&
                           clients >= static_cast<std::size_t>(needed_clients(execution.state));
    if (is_complete || (is_over && is_enough)) begin_commitments(execution, epoch);
}

bool is_ready(const SubsetSetup& entry, const EpochRecord& epoch) {
    return entry.commitment && std::popcount(entry.acknowledged) >= threshold(epoch) + 1;
}

void move_late_leaders(Execution& execution, const EpochRecord& epoch) {
    auto setup = execution.state.load<SetupRecord>(keys::setup(epoch.mpc_epoch));
    const smpc::Committee committee = committee_of(epoch);
    bool has_moved = false;
    for (SubsetSetup& entry : setup.subsets) {
        const Moment since{entry.since, entry.since_time};
        if (is_ready(entry, epoch)) continue;
        if (!is_window_over(execution.parameters.setup_window, since, execution.block)) continue;
        execution.emit(schema::Module::kVerification, event::kAbsent,
                       schema::Absent{epoch.mpc_epoch, entry.subset, entry.turn, entry.leader, {}});
        ++entry.turn;
        entry = begin_turn(execution, committee, epoch, entry);
        has_moved = true;
    }
    if (has_moved) execution.state.store(keys::setup(epoch.mpc_epoch), setup);
}

void activate(Execution& execution, EpochRecord& epoch) {
    enter_phase(execution, epoch, EpochPhase::kActive);
    execution.emit(schema::Module::kVerification, event::kEpochActive,
                   schema::EpochChanged{epoch.mpc_epoch});
}

void try_activate(Execution& execution, EpochRecord& epoch) {
    const auto setup = execution.state.load<SetupRecord>(keys::setup(epoch.mpc_epoch));
    const auto is_entry_ready = [&](const SubsetSetup& entry) { return is_ready(entry, epoch); };
    if (!std::all_of(setup.subsets.begin(), setup.subsets.end(), is_entry_ready)) return;
    if (!epoch.ready) {
        epoch.ready = execution.block.height;
        execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
    }
    const bool is_complete =
        std::all_of(setup.subsets.begin(), setup.subsets.end(),
                    [](const SubsetSetup& entry) { return entry.acknowledged == entry.subset; });
    const bool has_waited = execution.block.height.value >= epoch.ready->value + kReadyWaitBlocks;
    if (is_complete || has_waited) activate(execution, epoch);
}

void end_epoch(Execution& execution, MpcRecord& mpc, EpochRecord epoch) {
    StateView& state = execution.state;
    void_batches(execution, epoch);
    state.erase(keys::setup(epoch.mpc_epoch));
    for (const auto* list : {&epoch.members, &epoch.clients}) {
        for (const PublicKey& key : *list) state.erase(keys::ephemeral(epoch.mpc_epoch, key));
    }
    for (std::uint16_t member = 1; member <= epoch.members.size(); ++member) {
        for (std::uint16_t slot = 1; slot <= epoch.clients.size(); ++slot) {
            state.erase(keys::bundle({epoch.mpc_epoch, member, slot}));
        }
    }
    enter_phase(execution, epoch, EpochPhase::kEnded);
    mpc.current.reset();
    mpc.is_renewal_due = false;
    state.store(keys::mpc(), mpc);
    execution.emit(schema::Module::kVerification, event::kEpochEnded,
                   schema::EpochChanged{epoch.mpc_epoch});
}

std::vector<PublicKey> committee_keys(const schema::RegistryRecord& registry) {
    const std::size_t size = std::min(registry.validators.size(), schema::kMaxCommittee);
    return {registry.validators.begin(),
            registry.validators.begin() + static_cast<std::ptrdiff_t>(size)};
}

void open_epoch(Execution& execution, MpcRecord& mpc, const schema::RegistryRecord& registry) {
    EpochRecord epoch;
    epoch.mpc_epoch = mpc.next_epoch++;
    epoch.members = committee_keys(registry);
    epoch.clients = registry.trainers;
    epoch.bundles.assign(epoch.clients.size(), 0);
    mpc.current = epoch.mpc_epoch;
    execution.state.store(keys::mpc(), mpc);
    enter_phase(execution, epoch, EpochPhase::kEphemeralKeys);
    execution.emit(schema::Module::kVerification, event::kEpochOpened,
                   schema::EpochOpened{epoch.mpc_epoch, epoch.members, epoch.clients});
}

}  // namespace

std::optional<EpochRecord> current_epoch(const StateView& state) {
    const auto mpc = state.load<MpcRecord>(keys::mpc());
    if (!mpc.current) return std::nullopt;
    return state.load<EpochRecord>(keys::epoch(*mpc.current));
}

Code request_renewal(Execution& execution, const schema::EpochReference& reference) {
    auto mpc = execution.state.load<MpcRecord>(keys::mpc());
    if (mpc.current != reference.mpc_epoch) return Code::kWrongLabel;
    mpc.is_renewal_due = true;
    execution.state.store(keys::mpc(), mpc);
    return Code::kOk;
}

bool serves_rounds(const Execution& execution, const EpochRecord& epoch) {
    if (epoch.phase != EpochPhase::kActive || epoch.is_halted) return false;
    int fewest = static_cast<int>(epoch.members.size());
    for (std::uint16_t slot = 1; slot <= epoch.clients.size(); ++slot) {
        if ((epoch.clients_with_key & schema::slot_bit(slot)) == 0) continue;
        fewest = std::min(fewest, std::popcount(epoch.bundles[slot - 1U]));
    }
    if (fewest == static_cast<int>(epoch.members.size())) return true;
    const Moment since{epoch.phase_height, epoch.phase_time};
    return fewest >= 2 * threshold(epoch) + 1 &&
           is_window_over(execution.parameters.setup_window, since, execution.block);
}

void fire_setup_deadlines(Execution& execution) {
    auto epoch = current_epoch(execution.state);
    if (!epoch) return;
    if (epoch->phase == EpochPhase::kEphemeralKeys) {
        try_end_key_phase(execution, *epoch);
    } else if (epoch->phase == EpochPhase::kCommitments) {
        if (!epoch->ready) move_late_leaders(execution, *epoch);
        try_activate(execution, *epoch);
    }
}

void settle_setup(Execution& execution) {
    auto epoch = current_epoch(execution.state);
    if (!epoch) return;
    if (epoch->phase == EpochPhase::kEphemeralKeys) {
        try_end_key_phase(execution, *epoch);
    } else if (epoch->phase == EpochPhase::kCommitments) {
        try_activate(execution, *epoch);
    }
}

void advance_epochs(Execution& execution) {
    if (!rounds::is_between_rounds(execution.state)) return;
    auto registry = execution.state.load<schema::RegistryRecord>(keys::registry());
    auto mpc = execution.state.load<MpcRecord>(keys::mpc());
    if (const auto epoch = current_epoch(execution.state)) {
        const bool is_stale =
            epoch->clients != registry.trainers || epoch->members != committee_keys(registry) ||
            mpc.is_renewal_due ||
            (!epoch->is_halted && epoch->rounds_opened >= execution.parameters.epoch_rounds_max);
        if (!is_stale) return;
        end_epoch(execution, mpc, *epoch);
        key_rotation::apply_waiting(execution);
        registry = execution.state.load<schema::RegistryRecord>(keys::registry());
    }
    const auto task = rounds::served_task(execution.state);
    if (!task) return;
    const int needed = needed_clients(execution.state);
    if (static_cast<int>(registry.trainers.size()) < needed) return;
    open_epoch(execution, mpc, registry);
}

}  // namespace consilium::contracts::verification
