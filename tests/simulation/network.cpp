// What happens to a frame between two processes.
#include <algorithm>

#include "tests/simulation/world_state.hpp"

namespace consilium::simulation {
namespace {

constexpr std::uint64_t kTwinPeriodMs = 2'500;  // for so long a process hears the same twin

}  // namespace

void World::transmit(std::size_t from, const PublicKey& to, const driver::Frame& frame) {
    Process& sender = processes_[from];
    if (sender.is_correct() && sender.last_checked != frame.payload.get()) {
        sender.last_checked = frame.payload.get();
        checks_.on_sent(key_of(sender).public_key(), frame);
    }
    const auto targets = by_key_.find(to);
    if (targets == by_key_.end()) return;
    for (const std::size_t target : targets->second) {
        if (target != from) deliver_later(from, target, frame);
    }
}

void World::transmit_to_all(std::size_t from, const driver::Frame& frame) {
    const ReplicaId own = processes_[from].member;
    for (std::size_t member = 0; member < options_.replicas + options_.newcomers; ++member) {
        if (member == own.value) continue;
        transmit(from, simulation_key(member).public_key(), frame);
    }
}

void World::carry(std::size_t from, const PublicKey& to,
                  const std::function<void(std::size_t)>& deliver) {
    const auto targets = by_key_.find(to);
    if (targets == by_key_.end()) return;
    const MpcOptions& options = options_.mpc;
    const std::uint64_t loss_percent = std::max(weather_.loss_percent, options.letter_loss_percent);
    for (const std::size_t target : targets->second) {
        if (target == from) continue;
        if (is_cut(from, target) || random_.percent(loss_percent)) {
            count("letter_lost");
            continue;
        }
        std::uint64_t delay_ms = random_.between(weather_.delay_min_ms, weather_.delay_max_ms);
        delay_ms += random_.below(options.letter_delay_max_ms + 1);
        const std::uint64_t copies = random_.percent(weather_.duplicate_percent) ? 2 : 1;
        for (std::uint64_t i = 0; i < copies; ++i) {
            schedule(delay_ms * (i + 1), [deliver, target] { deliver(target); });
        }
    }
}

bool World::is_cut(std::size_t from, std::size_t to) const {
    return !side_.empty() && side_[from] != side_[to];
}

// A twin and another process hear each other in some periods only, so that the two minds of one
// member live in different company.
bool World::hears(std::size_t process, std::size_t twin) {
    const std::uint64_t period = now_ms_ / kTwinPeriodMs;
    Random choice(options_.seed ^ (period * 1'000'003) ^ (process * 7'919));
    const std::uint64_t which = choice.below(5);  // 0, 1: the first; 2, 3: the second; 4: both
    const bool is_first = by_key_.at(key_of(processes_[twin]).public_key()).front() == twin;
    return which == 4 || (which < 2) == is_first;
}

// HAVEs travel with transactions, which are let through.
bool World::hides(std::size_t from, std::size_t to, const driver::Frame& frame) const {
    if (frame.kind != driver::FrameKind::kTransaction || !processes_[from].is_up()) return false;
    const auto message = driver::decode_frame(frame.kind, *frame.payload);
    return message && std::holds_alternative<driver::HaveMessage>(*message) &&
           processes_[to].is_up() && processes_[to].driver->status().is_primary;
}

driver::Frame World::garble(const driver::Frame& frame) {
    Bytes payload = *frame.payload;
    switch (random_.below(3)) {
        case 0:
            payload[random_.below(payload.size())] ^=
                static_cast<std::uint8_t>(random_.between(1, 255));
            break;
        case 1:
            payload.resize(random_.below(payload.size()));
            break;
        case 2:
            for (std::uint64_t i = random_.below(64); i > 0; --i) {
                payload.push_back(static_cast<std::uint8_t>(random_.next()));
            }
            break;
    }
    return {frame.kind, std::make_shared<const Bytes>(std::move(payload))};
}

// As on a link that works: nothing overtakes what was sent before.
std::uint64_t World::in_order(std::size_t from, std::size_t to, std::uint64_t delay_ms) {
    std::uint64_t& last_ms = last_arrival_ms_[{from, to}];
    last_ms = std::max(last_ms, now_ms_ + delay_ms);
    return last_ms - now_ms_;
}

void World::deliver_later(std::size_t from, std::size_t to, const driver::Frame& frame) {
    const Process& sender = processes_[from];
    const Process& receiver = processes_[to];
    if (sender.behaviour == Behaviour::kTwin && !hears(to, from)) return;
    if (receiver.behaviour == Behaviour::kTwin && !hears(from, to)) return;
    if (is_cut(from, to)) return count("partitioned");
    if (random_.percent(weather_.loss_percent)) return count("lost");
    driver::Frame sent = frame;
    std::uint64_t delay_ms = random_.between(weather_.delay_min_ms, weather_.delay_max_ms);
    // Mask batches need everybody's share: with rounds, silence ends with healing.
    const bool is_silent = sender.behaviour == Behaviour::kSilent && !(protocol_ && is_healed_);
    if (is_silent && random_.percent(70)) return count("withheld");
    if (sender.behaviour == Behaviour::kSlowVotes && random_.percent(60)) {
        delay_ms += random_.between(100, 1'900);
        count("vote_delayed");
    }
    if (sender.behaviour == Behaviour::kGarbage && random_.percent(30)) {
        sent = garble(frame);
        count("garbled");
    }
    if (sender.behaviour == Behaviour::kHidesHaves && hides(from, to, frame)) {
        return count("have_to_backups_only");
    }
    const std::uint64_t copies = random_.percent(weather_.duplicate_percent) ? 2 : 1;
    if (copies == 2) count("duplicated");
    if (options_.is_calm && options_.are_calm_links_ordered) {
        delay_ms = in_order(from, to, delay_ms);
    } else if (random_.one_in(50)) {
        delay_ms += random_.between(10, 150);  // overtaken by later frames
        count("reordered");
    }
    const PublicKey from_key = key_of(sender).public_key();
    for (std::uint64_t i = 0; i < copies; ++i) {
        schedule(delay_ms + i * random_.between(1, 40), [this, from_key, to, sent] {
            trace(*sent.payload);
            feed(to, driver::PeerFrame{from_key, sent.kind, *sent.payload});
        });
    }
}

}  // namespace consilium::simulation
