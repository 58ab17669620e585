// Time, processes and the course of a run.
#include "tests/simulation/world.hpp"

#include <algorithm>
#include <ostream>

#include "contracts/schema/parameters.hpp"
#include "tests/simulation/replay.hpp"
#include "tests/simulation/world_state.hpp"

namespace consilium::simulation {
namespace {

constexpr std::uint64_t kEpochStartMs = 1'800'000'000'000;  // Unix time of the first moment
constexpr std::size_t kCouncilKeys = 100;
// After healing: the longest view timeout may just have begun, then a view change, a block, and
// two more for a replica that had lost its votes.
constexpr std::uint64_t kLivenessMs = 75'000;
// With rounds: the council may first lose its patience, then keys are set up anew, batches
// prepared.
constexpr std::uint64_t kMpcLivenessMs = 150'000;
constexpr std::uint64_t kMaxSteps = 5'000'000;  // a livelock without time passing ends here

[[nodiscard]] Genesis make_genesis(const RunOptions& options) {
    Genesis genesis;
    genesis.chain_id = "simulation";
    genesis.time = TimeMs{kEpochStartMs - 1'000'000};
    genesis.parameters = encode(options.mpc.is_on ? simulated_parameters() : schema::Parameters{});
    for (std::size_t i = 0; i < options.replicas; ++i) {
        genesis.organisations.push_back({"Hospital " + std::to_string(i),
                                         simulation_key(i).public_key(),
                                         simulation_key(kCouncilKeys + i).public_key()});
    }
    return genesis;
}

[[nodiscard]] std::string name_of(driver::ReportKind kind) {
    using driver::ReportKind;
    switch (kind) {
        case ReportKind::kDegraded:
            return "degraded";
        case ReportKind::kEvidence:
            return "evidence";
        case ReportKind::kInvalidMessage:
            return "invalid_message";
        case ReportKind::kInvalidProposal:
            return "invalid_proposal";
        case ReportKind::kViewChanged:
            return "view_changed";
        case ReportKind::kAmnesia:
            return "amnesia";
        case ReportKind::kAmnesiaOver:
            return "amnesia_over";
        case ReportKind::kSyncPeerSwitched:
            return "sync_peer_switched";
        case ReportKind::kStateMismatch:
            return "state_mismatch";
    }
    UNREACHABLE();
}

[[nodiscard]] std::string name_of(CrashPoint point) {
    switch (point) {
        case CrashPoint::kBeforeSync:
            return "crash_before_sync";
        case CrashPoint::kBetweenSyncs:
            return "crash_between_syncs";
        case CrashPoint::kAfterSync:
            return "crash_after_sync";
    }
    UNREACHABLE();
}

}  // namespace

World::World(const RunOptions& options)
    : options_(options),
      random_(options.seed * 2'654'435'761 + options.replicas),
      genesis_(make_genesis(options)),
      checks_(genesis_.identity(), genesis_.membership()),
      end_ms_(options.duration_ms) {
    for (std::size_t i = 0; i < options_.replicas; ++i) {
        processes_.emplace_back();
        processes_.back().member = ReplicaId{static_cast<std::uint16_t>(i)};
    }
    if (!options_.is_calm) choose_behaviours();
    const bool is_hiding = options_.mpc.are_haves_hidden;
    if (options_.mpc.lies || is_hiding) {
        for (Process& process : processes_) process.behaviour = Behaviour::kCorrect;
        processes_[options_.mpc.liar].behaviour =
            is_hiding ? Behaviour::kHidesHaves : Behaviour::kLiar;
        faulty_ = 1;
    }
    for (std::size_t i = 0; i < options_.replicas; ++i) {
        if (processes_[i].behaviour != Behaviour::kTwin) continue;
        processes_.emplace_back();
        processes_.back().member = processes_[i].member;
        processes_.back().behaviour = Behaviour::kTwin;
        processes_.back().clock_skew_ms = 17;  // so that twins make different blocks
    }
    for (std::size_t i = 0; i < options_.newcomers; ++i) {
        processes_.emplace_back();
        processes_.back().member = ReplicaId{static_cast<std::uint16_t>(options_.replicas + i)};
    }
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        Process& process = processes_[i];
        process.disk = std::make_unique<SimulatedDisk>();
        process.env = std::make_unique<ProcessEnv>(*this, i);
        if (options_.planted == Planted::kForgottenVotes) process.disk->forget_votes();
        by_key_[key_of(process).public_key()].push_back(i);
    }
    if (options_.mpc.is_on) make_protocol();
    if (options_.newcomers > 0) make_elections();
    if (!options_.mpc.is_on) make_clients();
}

void World::make_protocol() {
    protocol_ = std::make_unique<Protocol>(Protocol::Parts{.stage = *this,
                                                           .genesis = genesis_,
                                                           .options = options_.mpc,
                                                           .seed = options_.seed,
                                                           .replicas = options_.replicas,
                                                           .first_council_key = kCouncilKeys});
    // The first process of each member; a twin has its own mind, but no part in the computation.
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        const bool is_first = by_key_.at(key_of(processes_[i]).public_key()).front() == i;
        if (!is_first) continue;
        protocol_->add_process(i, processes_[i].member.value, !processes_[i].is_correct());
    }
}

const KeyPair& World::key_of(const Process& process) const {
    return simulation_key(process.member.value);
}

void World::log(std::size_t process, const std::string& what) {
    if (options_.log == nullptr) return;
    *options_.log << now_ms_ << " ms, process " << process << ": " << what << "\n";
}

void World::trace(std::uint64_t value) {
    result_.trace_hash = (result_.trace_hash ^ value) * 0x100000001B3ULL;
}

void World::trace(ByteView bytes) {
    for (const std::uint8_t byte : bytes) trace(std::uint64_t{byte});
}

driver::Now World::now_of(const Process& process) const {
    const auto wall = static_cast<std::int64_t>(kEpochStartMs + now_ms_) + process.clock_skew_ms;
    return {now_ms_ + 1'000, TimeMs{static_cast<std::uint64_t>(wall)}};
}

void World::schedule(std::uint64_t delay_ms, std::function<void()> action) {
    queue_.push({now_ms_ + delay_ms, next_order_++, std::move(action)});
}

bool World::step() {
    if (queue_.empty() || checks_.violation()) return false;
    if (++result_.steps > kMaxSteps) {
        checks_.fail("the run does not end");
        return false;
    }
    Event event = queue_.top();
    queue_.pop();
    now_ms_ = event.at_ms;
    trace(event.at_ms * 31 + event.order);
    event.action();
    follow_decided();
    return true;
}

template <typename Action>
void World::guard(std::size_t index, const Action& action) {
    try {
        action();
    } catch (const ProcessCrash& crashed) {
        count(name_of(crashed.point));
        crash(index, random_.between(50, 3'000));
        return;
    }
    const Process& process = processes_[index];
    if (process.is_up() && process.is_correct()) {
        checks_.on_status(index, process.driver->status());
    }
}

void World::start(std::size_t index) {
    Process& process = processes_[index];
    CHECK(!process.is_up());
    log(index, "starts");
    ++process.life;
    driver::DriverOptions options;
    options.genesis = genesis_;
    options.own_key = key_of(process).public_key();
    options.first_start = process.is_first_start;
    options.consensus.heartbeat_ms = 3'000;
    options.client_blob_blocks = 5;  // so that runs of some hundred blocks erase, too
    options.nonce = random_.next();
    guard(index, [&] {
        auto opened = driver::Driver::open(options, *process.env, now_of(process));
        if (!opened) {
            if (process.disk->content().blocks.empty()) return;  // an error planned for genesis
            return checks_.fail("process " + std::to_string(index) +
                                " cannot open its store: " + opened.error().context);
        }
        process.driver = std::move(*opened);
        if (protocol_) protocol_->on_started(index);
        if (process.is_correct()) {
            const SimulatedDisk::Content& stored = process.disk->content();
            checks_.on_stored(stored.blocks.back(), stored.memberships.back());
            checks_.on_started(index, process.driver->head(), process.driver->state());
        }
        process.is_first_start = false;
        process.driver->start(now_of(process));
    });
    if (!process.is_up() && !process.is_restart_planned) crash(index, 500);
    if (process.is_up()) connect(index);
}

void World::connect(std::size_t index) {
    for (std::size_t other = 0; other < processes_.size(); ++other) {
        if (processes_[other].member == processes_[index].member) continue;
        if (!processes_[other].is_up() || is_cut(index, other)) continue;
        const PublicKey one = key_of(processes_[index]).public_key();
        const PublicKey two = key_of(processes_[other]).public_key();
        schedule(random_.between(1, 30),
                 [this, other, one] { feed(other, driver::PeerConnected{one}); });
        schedule(random_.between(1, 30),
                 [this, index, two] { feed(index, driver::PeerConnected{two}); });
    }
}

void World::stop(std::size_t index) {
    if (protocol_) protocol_->on_stopped(index);
    processes_[index].driver.reset();
    processes_[index].last_checked = nullptr;
    ++processes_[index].life;
}

void World::crash(std::size_t index, std::uint64_t restart_after_ms) {
    stop(index);
    Process& process = processes_[index];
    log(index, "crashed");
    process.disk->clear_plans();
    if (process.is_restart_planned) return;
    process.is_restart_planned = true;
    schedule(restart_after_ms, [this, index] {
        processes_[index].is_restart_planned = false;
        if (processes_[index].is_up()) return;
        count("restart");
        start(index);
    });
}

void World::feed(std::size_t index, const driver::Event& event) {
    Process& process = processes_[index];
    if (!process.is_up()) return;
    guard(index, [&] { process.driver->handle(event, now_of(process)); });
}

void World::run_guarded(std::size_t index, const std::function<void()>& action) {
    if (processes_[index].is_up()) guard(index, action);
}

void World::on_submission(std::size_t index, const driver::SubmissionResult& result) {
    if (protocol_) protocol_->on_submission(index, result);
}

void World::follow_decided() {
    while (decided_ < checks_.top().value && !checks_.violation()) {
        if (last_block_ms_ > 0 && !is_healed_) {
            result_.longest_gap_ms = std::max(result_.longest_gap_ms, now_ms_ - last_block_ms_);
        }
        last_block_ms_ = now_ms_;
        const driver::CertifiedBlock& decided = checks_.chain()[decided_++];
        if (decided.certificate.view.value > 0) ++result_.late_views;
        if (protocol_) protocol_->on_decided(decided.block);
        if (!elections_) continue;
        const BlockHeader& header = decided.block.header;
        const Membership& now = checks_.membership_of(header.epoch);
        const bool is_last = now.hash() != header.membership_hash;
        if (is_last) last_change_ = header.height;
        elections_->on_decided(header, now,
                               is_last ? checks_.membership_of(header.epoch.next()) : now);
    }
}

void World::set_timer(std::size_t index, std::uint64_t monotonic_ms) {
    Process& process = processes_[index];
    const std::uint64_t timer = ++process.timer;
    const std::uint64_t now = now_of(process).monotonic_ms;
    const std::uint64_t delay = monotonic_ms > now ? monotonic_ms - now : 1;
    schedule(delay, [this, index, timer] {
        if (processes_[index].timer == timer) feed(index, driver::TimerFired{});
    });
}

void World::answer_checks(std::size_t index, driver::Ticket ticket,
                          const std::vector<driver::SignatureCheck>& checks) {
    driver::SignaturesChecked answer{.ticket = ticket, .valid = {}};
    for (const driver::SignatureCheck& check : checks) {
        answer.valid.push_back(verify_signature(check.key, check.message, check.signature));
    }
    const std::uint64_t life = processes_[index].life;
    schedule(random_.below(4), [this, index, life, answer] {
        if (processes_[index].life == life) feed(index, answer);
    });
}

void World::on_committed(std::size_t index, const driver::CommittedBlock& committed) {
    trace(committed.certificate.digest.view());
    log(index, "committed " + std::to_string(committed.block.header.height.value));
    if (processes_[index].is_correct()) checks_.on_committed(index, committed);
    if (protocol_) protocol_->on_committed(index);
}

void World::on_report(std::size_t index, const driver::Report& report) {
    ++result_.events[name_of(report.kind)];
    last_report_ = report.detail;
    log(index, name_of(report.kind) + ": " + report.detail);
    if (!processes_[index].is_correct()) return;
    checks_.on_report(index, report);
    if (report.kind != driver::ReportKind::kEvidence) return;
    if (!report.offender) return;
    for (const std::size_t offender : by_key_.at(*report.offender)) {
        if (!processes_[offender].is_correct()) continue;
        checks_.fail("A3: evidence against a correct replica: " + report.detail);
    }
}

void World::on_invalid(std::size_t index, const PublicKey& peer) {
    if (!processes_[index].is_correct()) return;
    for (const std::size_t sender : by_key_.at(peer)) {
        if (processes_[sender].is_correct()) {
            checks_.fail("process " + std::to_string(index) + " refused a message of correct " +
                         std::to_string(sender) + ": " + last_report_);
        }
    }
}

std::string World::describe() const {
    std::string text;
    for (const Process& process : processes_) {
        text += "; replica " + std::to_string(process.member.value) + " behaviour " +
                std::to_string(static_cast<int>(process.behaviour));
        if (!process.is_up()) {
            text += " down";
            continue;
        }
        const driver::DriverStatus status = process.driver->status();
        text += " height " + std::to_string(status.height.value) + " view " +
                std::to_string(status.view.value) + " mode " +
                std::to_string(static_cast<int>(status.mode));
    }
    return protocol_ ? text + protocol_->describe() : text;
}

bool World::is_settled(Height goal) const {
    if (protocol_ && !protocol_->is_settled()) return false;
    const Membership& newest = checks_.newest_membership();
    return std::all_of(processes_.begin(), processes_.end(), [&](const Process& process) {
        if (!process.is_correct()) return true;
        if (!process.is_up() || process.driver->head().header.height < goal) return false;
        const driver::DriverMode mode = process.driver->status().mode;
        // Who has lost its votes takes part again in the end.
        const bool is_due =
            process.was_robbed && newest.find(key_of(process).public_key()).has_value();
        return is_due ? mode == driver::DriverMode::kVoting : mode != driver::DriverMode::kDegraded;
    });
}

// Trainers may do what they like: that is no reason to miss or to name a validator.
bool World::are_validators_calm() const {
    const MpcOptions& mpc = options_.mpc;
    const bool is_known =
        mpc.planted == MpcPlanted::kNothing || mpc.planted == MpcPlanted::kSilentWorker;
    return options_.is_calm && options_.are_calm_links_ordered && is_known && !elections_ &&
           !mpc.lies && !mpc.are_haves_hidden && mpc.outages.empty();
}

RunResult World::run() {
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        const bool is_newcomer = processes_[i].member.value >= options_.replicas;
        if (!is_newcomer) {
            start(i);
            continue;
        }
        // Before, while or after it is voted on.
        schedule(random_.below(options_.duration_ms), [this, i] {
            if (!processes_[i].is_up()) start(i);
        });
    }
    if (!options_.is_calm) begin_faults();
    if (elections_) hold_elections();
    if (protocol_) {
        protocol_->begin();
    } else {
        plan_next_client();
    }
    while (now_ms_ < end_ms_ && step()) {
    }
    if (!checks_.violation()) finish();
    result_.violation = checks_.violation();
    result_.blocks = checks_.top().value;
    result_.transactions = checks_.acknowledged();
    result_.simulated_ms = now_ms_;
    if (protocol_) {
        const ProtocolChecks::Counts& counts = protocol_->counts();
        result_.rounds = {{"results", counts.results},
                          {"attempts", counts.attempts},
                          {"aborted", counts.aborted},
                          {"cancelled", counts.cancelled},
                          {"faults", counts.faults},
                          {"openings", counts.openings},
                          {"submissions", counts.submissions},
                          {"ranges", counts.ranges},
                          {"seeds", counts.seeds},
                          {"sacrifices", counts.sacrifices},
                          {"disputes", counts.disputes},
                          {"burned", counts.burned},
                          {"excluded", counts.excluded},
                          {"reveals", counts.reveals},
                          {"references", counts.references},
                          {"letters", protocol_->letters()}};
        for (const auto& [kind, count] : protocol_->changes()) result_.rounds[kind] = count;
    }
    return result_;
}

void World::finish() {
    heal();
    const Height goal = checks_.top().next();
    const std::uint64_t bound =
        now_ms_ + options_.liveness_ms.value_or(protocol_ ? kMpcLivenessMs : kLivenessMs);
    while (!is_settled(goal) && now_ms_ < bound && step()) {
    }
    if (checks_.violation()) return;
    if (!is_settled(goal)) {
        return checks_.fail("A8: no new block within the bound after healing" + describe());
    }
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        if (processes_[i].is_correct())
            checks_.on_final(i, *processes_[i].disk, processes_[i].driver->head().header.height);
    }
    if (protocol_ && are_validators_calm()) {
        protocol_->check_calm(result_.events[name_of(driver::ReportKind::kViewChanged)]);
    }
    if (!options_.is_replayed) return;
    if (const auto difference = find_replay_difference(
            genesis_, checks_.chain(),
            protocol_ ? protocol_->execution_inputs() : std::map<Digest, Bytes>{})) {
        checks_.fail("A10: replay differs at " + *difference);
    }
}

RunResult run_simulation(const RunOptions& options) {
    set_signature_mode(options.signatures);
    World world(options);
    return world.run();
}

}  // namespace consilium::simulation
