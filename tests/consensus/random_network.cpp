// Event loop, weather and checkers of the random network.
#include "tests/consensus/random_network.hpp"

#include <algorithm>

namespace consilium::consensus {

std::uint64_t TestRandom::next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DU;
}

RandomNetwork::RandomNetwork(const RandomNetworkOptions& options)
    : options_(options), random_(options.seed) {
    for (std::size_t i = 0; i < options.count + options.twins; ++i) {
        const std::size_t index = i < options.count ? i : i - options.twins;
        nodes_.push_back(std::make_unique<TestNode>(
            NodeOptions{options.count, static_cast<std::uint16_t>(index), {}}));
        nodes_.back()->holds_answers = true;
        nodes_.back()->has_endless_work = true;
        nodes_.back()->cache = &cache_;
        // Twins build different blocks.
        nodes_.back()->next_transactions = {sha256(as_bytes("node " + std::to_string(i)))};
    }
    group_.assign(nodes_.size(), 0);
    down_.assign(nodes_.size(), false);
    checked_.assign(nodes_.size(), 1);
}

bool RandomNetwork::is_faulty(std::size_t node) const {
    return nodes_[node]->options.index >= options_.count - options_.twins;
}

bool RandomNetwork::is_linked(std::size_t a, std::size_t b) const {
    return is_healed() || group_[a] == group_[b];
}

void RandomNetwork::fail(const std::string& what) {
    if (result_.failure.empty()) {
        result_.failure = "seed " + std::to_string(options_.seed) + " at " + std::to_string(now_) +
                          " ms: " + what;
    }
}

void RandomNetwork::schedule(std::uint64_t at, Item item) {
    queue_.emplace(std::pair{at, order_++}, std::move(item));
}

void RandomNetwork::route(std::size_t from, const Outgoing& outgoing) {
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
        const auto index = nodes_[to]->options.index;
        if (to == from || index == nodes_[from]->options.index) continue;
        if (outgoing.to && outgoing.to->value != index) continue;
        if (!is_linked(from, to)) continue;
        if (!is_healed() && random_.chance(options_.loss_percent)) continue;
        const std::uint64_t copies = random_.chance(5) ? 2 : 1;
        for (std::uint64_t i = 0; i < copies; ++i) {
            const std::uint64_t spread = is_healed() ? 20 : 400;
            schedule(now_ + 1 + random_.below(random_.chance(80) ? 20 : spread),
                     {Kind::kDeliver, to, outgoing.bytes});
        }
    }
}

// A3: a correct replica never signs two messages for one (type, view, height).
void RandomNetwork::check_sent(const Bytes& bytes) {
    const auto message = decode_message(bytes);
    if (!message) return fail("a replica sent what does not decode");
    const auto slot = slot_of(*message);
    if (!slot || sender_of(*message).value >= options_.count - options_.twins) return;
    const auto [first, is_new] = signed_.try_emplace(
        std::tuple{type_of(*message), slot->height, slot->view, sender_of(*message)}, bytes);
    if (!is_new && first->second != bytes) fail("two messages for one slot: " + render(*message));
    if (is_new && type_of(*message) == MessageType::kViewChange) ++result_.view_changes;
}

// A1, A5: one block at a height, under a certificate (verified by the node when it commits).
void RandomNetwork::check_chain(std::size_t node) {
    const auto& chain = nodes_[node]->chain;
    for (std::size_t& next = checked_[node]; next < chain.size(); ++next) {
        const BlockHeader& header = chain[next].header;
        const auto [decided, is_new] = decided_.try_emplace(header.height, header_digest(header));
        if (!is_new && decided->second != header_digest(header)) {
            fail("two blocks at height " + std::to_string(header.height.value));
        }
    }
}

void RandomNetwork::after_step(std::size_t node) {
    TestNode& subject = *nodes_[node];
    for (const Outgoing& outgoing : std::exchange(subject.outgoing, {})) {
        if (!is_faulty(node)) check_sent(outgoing.bytes);
        route(node, outgoing);
    }
    check_chain(node);
    if (node == 0 && subject.replica->can_vote()) is_forgetful_ = false;
    if (subject.replica->buffered_messages() > subject.replica->max_buffered_messages()) {
        fail("too many messages buffered");
    }
    for (const Evidence& evidence : std::exchange(subject.evidence, {})) {
        ++result_.evidence;
        if (evidence.offender.value < options_.count - options_.twins) {
            fail("evidence against a correct replica");
        }
        if (!verify_evidence(evidence, subject.replica->verify_context())) {
            fail("evidence does not verify");
        }
    }
    subject.actions.clear();
    if (!subject.local.empty()) schedule(now_ + 1 + random_.below(15), {Kind::kAnswers, node, {}});
    if (subject.sync_wanted) schedule(now_ + 20 + random_.below(60), {Kind::kSync, node, {}});
    if (subject.wake_up) {
        schedule(std::max(subject.wake_up->value, now_ + 1), {Kind::kWake, node, {}});
    }
}

void RandomNetwork::restart(std::size_t node) {
    TestNode& subject = *nodes_[node];
    down_[node] = false;
    std::optional<std::uint64_t> nonce;
    if (options_.has_amnesia && node == 0 && random_.chance(60)) {
        is_forgetful_ = true;
        subject.journal.clear();
        if (random_.chance(50)) {
            subject.chain.resize(1);
            checked_[node] = 1;
        }
    }
    // The store stays suspect until the replica has found that it may vote again.
    if (is_forgetful_ && node == 0) nonce = random_.next();
    subject.restart(TimeMs{now_}, nonce);
    subject.step(TimeMs{now_}, PendingWork{TimeMs{now_}, false});
}

void RandomNetwork::change_weather() {
    if (is_healed()) return;
    const bool is_split = options_.has_partitions && random_.chance(60);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        group_[i] = is_split ? random_.below(2) : 0;
        if (options_.has_crashes && !down_[i] && random_.chance(10)) {
            down_[i] = true;
            schedule(std::min(now_ + 100 + random_.below(3'000), options_.chaos_ms),
                     {Kind::kRestart, i, {}});
        }
    }
    schedule(std::min(now_ + 200 + random_.below(3'000), options_.chaos_ms),
             {Kind::kWeather, 0, {}});
}

void RandomNetwork::handle(const Item& item) {
    TestNode& node = *nodes_[item.node];
    if (item.kind == Kind::kWeather) return change_weather();
    if (item.kind == Kind::kRestart) {
        restart(item.node);
        return after_step(item.node);
    }
    if (down_[item.node]) return;
    switch (item.kind) {
        case Kind::kDeliver:
            if (!node.receive(TimeMs{now_}, item.bytes)) return;
            break;
        case Kind::kWake:
            if (!node.wake_up || node.wake_up->value > now_) return;
            node.tick(TimeMs{now_});
            break;
        case Kind::kAnswers:
            node.run_local(TimeMs{now_});
            break;
        case Kind::kSync: {
            const std::size_t peer = random_.below(nodes_.size());
            if (!down_[peer] && is_linked(item.node, peer)) {
                node.sync_from(TimeMs{now_}, *nodes_[peer]);
            }
            break;
        }
        case Kind::kWeather:
        case Kind::kRestart:
            break;
    }
    after_step(item.node);
}

RandomNetworkResult RandomNetwork::run() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i]->step(TimeMs{now_}, PendingWork{TimeMs{now_}, false});
        after_step(i);
    }
    schedule(now_ + 1'000, {Kind::kWeather, 0, {}});
    const std::uint64_t end = options_.chaos_ms + options_.healed_ms;
    const std::size_t correct = options_.count - options_.twins;
    std::vector<bool> has_moved(correct, false);
    while (!queue_.empty() && result_.failure.empty()) {
        const auto first = queue_.begin();
        now_ = std::max(now_, first->first.first);
        const Item item = first->second;
        queue_.erase(first);
        if (now_ >= end) break;
        if (is_healed() && heads_at_healing_.empty()) {
            for (const auto& node : nodes_) heads_at_healing_.push_back(node->head().value);
        }
        handle(item);
        if (!is_healed()) continue;
        const std::uint64_t best =
            *std::max_element(heads_at_healing_.begin(), heads_at_healing_.end());
        bool is_done = true;
        for (std::size_t i = 0; i < correct; ++i) {
            if (!has_moved[i] && nodes_[i]->head().value > best) {
                has_moved[i] = true;
                result_.first_block_after_ms =
                    std::max(result_.first_block_after_ms, now_ - options_.chaos_ms);
            }
            is_done =
                is_done && nodes_[i]->head().value > best + 4 && nodes_[i]->replica->can_vote();
        }
        if (is_done) break;
    }
    for (std::size_t i = 0; i < correct; ++i) {
        result_.blocks = std::max(result_.blocks, nodes_[i]->head().value);
        if (!has_moved[i]) fail("no new block at replica " + std::to_string(i) + " after healing");
        if (!nodes_[i]->replica->can_vote()) fail("replica " + std::to_string(i) + " cannot vote");
    }
    return result_;
}

}  // namespace consilium::consensus
