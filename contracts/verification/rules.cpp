// The entries of the rule table.
#include "contracts/verification/rules.hpp"

#include <array>

namespace consilium::contracts::verification {
namespace {

constexpr std::array kRules{
    Rule{1, "norm, null, reference, agreement or leave-one-out", Height{1}, &smpc::judge},
    Rule{2, "a majority that agrees, or the reference", Height{1}, &smpc::judge_with_majority},
};

}  // namespace

std::span<const Rule> rule_table() {
    return kRules;
}

const Rule* find_rule(std::span<const Rule> table, std::uint16_t number, Height height) {
    for (const Rule& rule : table) {
        if (rule.number == number) return height < rule.activation ? nullptr : &rule;
    }
    return nullptr;
}

const Rule* find_rule(std::uint16_t number, Height height) {
    return find_rule(rule_table(), number, height);
}

}  // namespace consilium::contracts::verification
