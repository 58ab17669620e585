// The site's own account of spent privacy, as it lies on its disk.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/codec.hpp"

namespace consilium::trainer {

inline constexpr std::size_t kMaxCountedTasks = 65'536;

struct TaskSpending {
    std::uint32_t task{};
    std::uint64_t rho{};  // units of 2^-40
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("task", self.task);
        visit("rho", self.rho);
    }
    friend bool operator==(const TaskSpending&, const TaskSpending&) = default;
};
// The sealed file "privacy-account".
struct SiteAccount {
    std::uint64_t last_round{};  // counted; rounds only grow
    std::uint64_t rho{};         // of all tasks
    std::uint8_t delta_bits{};   // the smallest delta so far
    std::vector<TaskSpending> tasks;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("last_round", self.last_round);
        visit("rho", self.rho);
        visit("delta_bits", self.delta_bits);
        visit("tasks", self.tasks, Limit{kMaxCountedTasks});
    }
    friend bool operator==(const SiteAccount&, const SiteAccount&) = default;
};

}  // namespace consilium::trainer
