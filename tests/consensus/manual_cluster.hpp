// A cluster whose messages move only when the test says so, for named rules and transcripts.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/consensus/testkit.hpp"

namespace consilium::consensus {

class ManualCluster {
  public:
    explicit ManualCluster(std::size_t count, const ReplicaConfig& config = {});

    [[nodiscard]] TestNode& node(std::size_t index) { return *nodes_[index]; }
    [[nodiscard]] std::size_t size() const { return nodes_.size(); }
    void advance(std::uint64_t ms) { now = TimeMs{now.value + ms}; }
    void tick_all();
    // A transaction waits at every replica from now on.
    void add_work();
    // Routes until nothing moves. Only messages that pass the filter and no cut link.
    void deliver();
    void drop();  // what waits to be routed is lost
    void isolate(std::size_t index);
    void heal() { cut.clear(); }
    // Ticks all replicas at their wake-up times and delivers, up to now + ms.
    void run_for(std::uint64_t ms);

    TimeMs now{1'000};
    std::set<std::pair<std::size_t, std::size_t>> cut;  // from, to
    std::function<bool(std::size_t from, std::size_t to, const Message&)> filter;
    std::function<void(std::size_t node)> after_step;

  private:
    bool route(std::size_t from);
    std::vector<std::unique_ptr<TestNode>> nodes_;
};

// All messages of one type that a node has sent since its actions were cleared.
template <typename T>
[[nodiscard]] std::vector<T> sent_of(const TestNode& node) {
    std::vector<T> found;
    for (const Action& action : node.actions) {
        const Bytes* bytes = nullptr;
        if (const auto* broadcast = std::get_if<Broadcast>(&action)) bytes = &broadcast->message;
        if (const auto* send = std::get_if<Send>(&action)) bytes = &send->message;
        if (bytes == nullptr) continue;
        const auto message = decode_message(*bytes);
        if (const auto* typed = std::get_if<T>(&*message)) found.push_back(*typed);
    }
    return found;
}

template <typename T>
[[nodiscard]] std::vector<T> actions_of(const TestNode& node) {
    std::vector<T> found;
    for (const Action& action : node.actions) {
        if (const auto* typed = std::get_if<T>(&action)) found.push_back(*typed);
    }
    return found;
}

}  // namespace consilium::consensus
