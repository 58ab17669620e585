// The table of verdict rules: a better rule is one more entry with the height it is active from.
//
// A task names its rule when it is created and keeps it; numbers are never reused. Entry 1 is
// smpc-protocol.md, section 7.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "core/types.hpp"
#include "fl_engine/smpc/verdict.hpp"

namespace consilium::contracts::verification {

struct Rule {
    std::uint16_t number;
    std::string_view name;
    Height activation;  // tasks created from this height on may name it
    Result<smpc::Verdict> (*judge)(const smpc::VerdictInput& input, smpc::VerdictHistory& history);
};
[[nodiscard]] std::span<const Rule> rule_table();
// nullptr: there is no such rule, or it is not yet active at that height.
[[nodiscard]] const Rule* find_rule(std::span<const Rule> table, std::uint16_t number,
                                    Height height);
[[nodiscard]] const Rule* find_rule(std::uint16_t number, Height height);

}  // namespace consilium::contracts::verification
