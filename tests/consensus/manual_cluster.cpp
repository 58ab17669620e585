// Routing by hand.
#include "tests/consensus/manual_cluster.hpp"

#include <algorithm>

namespace consilium::consensus {

ManualCluster::ManualCluster(std::size_t count, const ReplicaConfig& config) {
    for (std::size_t i = 0; i < count; ++i) {
        nodes_.push_back(
            std::make_unique<TestNode>(NodeOptions{count, static_cast<std::uint16_t>(i), config}));
        nodes_.back()->tick(now);
    }
}

void ManualCluster::tick_all() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i]->tick(now);
        if (after_step) after_step(i);
    }
}

void ManualCluster::add_work() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i]->step(now, PendingWork{now, false});
        if (after_step) after_step(i);
    }
}

bool ManualCluster::route(std::size_t from) {
    const auto waiting = std::exchange(nodes_[from]->outgoing, {});
    for (const Outgoing& outgoing : waiting) {
        const auto message = decode_message(outgoing.bytes);
        CHECK(message.has_value());
        for (std::size_t to = 0; to < nodes_.size(); ++to) {
            if (to == from || (outgoing.to && outgoing.to->value != to)) continue;
            if (cut.contains({from, to})) continue;
            if (filter && !filter(from, to, *message)) continue;
            nodes_[to]->receive(now, outgoing.bytes);
            if (after_step) after_step(to);
        }
    }
    return !waiting.empty();
}

void ManualCluster::deliver() {
    bool has_moved = true;
    while (has_moved) {
        has_moved = false;
        for (std::size_t from = 0; from < nodes_.size(); ++from) {
            has_moved = route(from) || has_moved;
        }
    }
}

void ManualCluster::drop() {
    for (auto& node : nodes_) node->outgoing.clear();
}

void ManualCluster::isolate(std::size_t index) {
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
        cut.insert({index, other});
        cut.insert({other, index});
    }
}

void ManualCluster::run_for(std::uint64_t ms) {
    const TimeMs end{now.value + ms};
    while (true) {
        deliver();
        TimeMs next = end;
        for (const auto& node : nodes_) {
            if (node->wake_up)
                next = std::min(next, std::max(*node->wake_up, TimeMs{now.value + 1}));
        }
        if (next >= end) break;
        now = next;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (!nodes_[i]->wake_up || *nodes_[i]->wake_up > now) continue;
            nodes_[i]->tick(now);
            if (after_step) after_step(i);
        }
    }
    now = end;
}

}  // namespace consilium::consensus
