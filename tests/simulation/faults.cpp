// Which faults come when, within what the protocol promises to bear.
#include <algorithm>

#include "contracts/schema/membership.hpp"
#include "tests/simulation/mpc/records.hpp"
#include "tests/simulation/world_state.hpp"

namespace consilium::simulation {
namespace {

constexpr std::uint64_t kFarSkewMs = 600'000;
constexpr std::uint64_t kFaultsLatestMs = 15'000;
constexpr std::uint64_t kFaultsPollMs = 100;
constexpr std::uint64_t kBlocksAroundChange = 6;

}  // namespace

const std::vector<std::string>& fault_kinds() {
    static const std::vector<std::string> kinds = {"lost",
                                                   "duplicated",
                                                   "reordered",
                                                   "partitioned",
                                                   "slow_network",
                                                   "crash",
                                                   "crash_before_sync",
                                                   "crash_between_syncs",
                                                   "crash_after_sync",
                                                   "crash_all",
                                                   "restart",
                                                   "storage_error",
                                                   "store_wiped",
                                                   "store_restored",
                                                   "clock_skew",
                                                   "clock_far_off",
                                                   "twins",
                                                   "withheld",
                                                   "vote_delayed",
                                                   "garbled"};
    return kinds;
}

const std::vector<std::string>& mpc_fault_kinds() {
    static const std::vector<std::string> kinds = {
        "share_wrong",          "share_withheld",       "share_late",
        "share_late_wrong",     "share_twice",          "client_vanishes",
        "client_equivocates",   "blob_withheld",        "blob_to_one_node",
        "blob_dripped",         "blob_of_bad_words",    "update_too_long",
        "crash_at_step",        "trainer_crash",        "trainer_crash_at_write",
        "trainer_restored",     "secret_crash_planned", "secret_error",
        "have_to_backups_only", "range_unproved",       "range_false",
        "letter_lost"};
    return kinds;
}

const std::vector<std::string>& mpc_outcomes() {
    static const std::vector<std::string> outcomes = {
        "results", "aborted", "faults",   "sacrifices", "disputes",
        "reveals", "burned",  "excluded", "letters",    "references"};
    return outcomes;
}

const std::vector<std::string>& mpc_change_outcomes() {
    static const std::vector<std::string> outcomes = {"changes_between", "changes_restarting",
                                                      "changes_waiting"};
    return outcomes;
}

// Up to f members are faulty for the whole run: byzantine, or robbed of their store once.
void World::choose_behaviours() {
    const std::size_t f = fault_limit();
    std::size_t byzantine = random_.below(f + 1);
    if (options_.planted == Planted::kTooManyTwins) byzantine = f + 1;
    if (options_.planted == Planted::kForgottenVotes) byzantine = 0;
    std::vector<std::size_t> order(options_.replicas);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (std::size_t i = order.size() - 1; i > 0; --i) {
        std::swap(order[i], order[random_.below(i + 1)]);
    }
    for (std::size_t i = 0; i < byzantine; ++i) {
        auto behaviour = static_cast<Behaviour>(random_.between(1, options_.mpc.is_on ? 6 : 4));
        if (options_.planted == Planted::kTooManyTwins) behaviour = Behaviour::kTwin;
        processes_[order[i]].behaviour = behaviour;
        if (behaviour == Behaviour::kTwin) count("twins");
    }
    faulty_ = byzantine;
}

// Faults stay within what every epoch bears: a committee may shrink to four.
std::size_t World::fault_limit() const {
    return options_.newcomers > 0 ? 1 : fault_bound(options_.replicas);
}

std::optional<std::size_t> World::random_process() {
    const std::size_t index = random_.below(processes_.size());
    if (!processes_[index].is_up() || !processes_[index].is_correct()) return std::nullopt;
    return index;
}

// Most runs with the secure computation reach their first round before faults begin: as long as
// somebody is missing in setup or preparation there is none.
void World::begin_faults() {
    if (!protocol_ || options_.seed % 4 == 0) return plan_next_fault();
    const bool is_ready = protocol_->step() >= Step::kSubmitting;
    if (!is_ready && now_ms_ < kFaultsLatestMs) {
        return schedule(kFaultsPollMs, [this] { begin_faults(); });
    }
    end_ms_ = now_ms_ + options_.duration_ms;
    plan_next_fault();
}

void World::plan_next_fault() {
    schedule(random_.between(200, 2'500), [this] {
        if (is_healed_) return;
        if (protocol_ && random_.one_in(2)) protocol_->inject_fault();
        inject_fault();
        plan_next_fault();
    });
}

void World::inject_fault() {
    switch (random_.below(14)) {
        case 0:
        case 1:
            return fault_crash();
        case 2:
        case 3:
        case 4:
            return fault_crash_at_write();
        case 5:
            if (random_.one_in(2)) fault_crash_all();
            return;
        case 6:
        case 7:
            return fault_partition();
        case 8:
        case 9:
            return fault_weather();
        case 10:
            return fault_storage_error();
        case 11:
            return fault_clock();
        case 12:
        case 13:
            return fault_lost_store();
    }
}

void World::fault_crash() {
    const auto index = random_process();
    if (!index) return;
    count("crash");
    crash(*index, random_.between(50, 4'000));
}

void World::fault_crash_at_write() {
    const auto index = random_process();
    if (!index) return;
    const std::uint64_t writes = random_.between(1, 8);
    processes_[*index].disk->plan_crash(writes, static_cast<CrashPoint>(random_.below(3)));
}

void World::fault_crash_all() {
    count("crash_all");
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        if (processes_[i].is_up()) crash(i, random_.between(50, 3'000));
    }
}

void World::fault_partition() {
    if (!side_.empty()) return;
    side_.assign(processes_.size(), 0);
    const std::uint64_t sides = random_.one_in(4) ? 3 : 2;
    for (int& side : side_) side = static_cast<int>(random_.below(sides));
    schedule(random_.between(300, 6'000), [this] { side_.clear(); });
}

void World::fault_weather() {
    count("slow_network");
    weather_.loss_percent = random_.one_in(2) ? random_.below(35) : 0;
    weather_.duplicate_percent = random_.below(20);
    weather_.delay_max_ms = random_.one_in(3) ? random_.between(50, 900) : random_.between(2, 60);
    schedule(random_.between(500, 5'000), [this] { weather_ = Weather{}; });
}

void World::fault_storage_error() {
    const auto index = random_process();
    if (!index) return;
    processes_[*index].disk->plan_error(random_.between(1, 6));
    // The operator sees a degraded node and restarts it.
    schedule(random_.between(1'000, 4'000), [this, index] {
        if (processes_[*index].is_up() &&
            processes_[*index].driver->status().mode == driver::DriverMode::kDegraded) {
            count("storage_error");
            crash(*index, 100);
        }
    });
}

void World::fault_clock() {
    const auto index = random_process();
    if (!index) return;
    count("clock_skew");
    processes_[*index].clock_skew_ms =
        static_cast<std::int64_t>(random_.below(400)) - std::int64_t{200};
    // One clock may be wrong by minutes: its owner's proposals are refused, nothing more.
    if (*index != 0 || !random_.one_in(2)) return;
    count("clock_far_off");
    processes_[0].clock_skew_ms = static_cast<std::int64_t>(random_.below(2 * kFarSkewMs)) -
                                  static_cast<std::int64_t>(kFarSkewMs);
}

void World::fault_lost_store() {
    const auto index = random_process();
    if (!index || options_.planted == Planted::kForgottenVotes) return;
    Process& victim = processes_[*index];
    if (!victim.backup) {
        victim.backup = victim.disk->content();  // a backup is made, it may come back one day
        if (protocol_) protocol_->on_backup(*index);
        return;
    }
    if (faulty_ < fault_limit()) rob(*index, random_.between(100, 2'000));
}

// Nothing of its store is left, or an old copy of it.
void World::rob(std::size_t index, std::uint64_t down_ms) {
    Process& victim = processes_[index];
    ++faulty_;
    crash(index, down_ms);
    checks_.on_store_lost(index);
    log(index, "loses its store");
    victim.was_robbed = true;
    const bool is_wiped = !victim.backup || random_.one_in(2);
    if (protocol_) protocol_->on_store_lost(index, is_wiped);
    if (is_wiped) {
        count("store_wiped");
        victim.disk->wipe();
        victim.is_first_start = options_.planted == Planted::kFalseFirstStart;
        return;
    }
    count("store_restored");
    victim.disk->restore(*victim.backup);
}

// The blocks before and behind a change of the validators are where the proof of rule 12
// (consensus/README.md) is most delicate: two lists answer, some of them late.
void World::rob_around_change(const StateReader& state) {
    if (protocol_ || options_.is_calm || faulty_ >= fault_limit()) return;
    const auto record = read_record<schema::MembershipRecord>(state, schema::keys::membership());
    const Height top = checks_.top();
    const bool is_pending =
        record->pending && record->pending->activation.value <= top.value + kBlocksAroundChange;
    const bool is_fresh = last_change_ && top.value <= last_change_->value + kBlocksAroundChange;
    if (!is_pending && !is_fresh) return;
    if (!random_.one_in(4)) return;
    const auto index = random_process();
    if (!index) return;
    const PublicKey key = key_of(processes_[*index]).public_key();
    const bool is_member = std::any_of(record->validators.begin(), record->validators.end(),
                                       [&](const auto& entry) { return entry.key == key; });
    if (!is_member) return;
    count("store_lost_in_change");
    rob(*index, random_.between(20, 800));
}

void World::heal() {
    is_healed_ = true;
    if (protocol_) protocol_->heal();
    log(0, "everything heals");
    side_.clear();
    weather_ = Weather{};
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        Process& healed = processes_[i];
        healed.disk->clear_plans();
        healed.clock_skew_ms = static_cast<std::int64_t>(random_.below(100));
        const bool is_degraded =
            healed.is_up() && healed.driver->status().mode == driver::DriverMode::kDegraded;
        if (is_degraded) stop(i);
        if (!healed.is_up()) start(i);
    }
}

}  // namespace consilium::simulation
