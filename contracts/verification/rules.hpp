// The table of verdict rules: a better rule is one more entry with the height it is active from.
//
// A task names its rule when it is created; the council may give it another for its next rounds
// (set_rule). Numbers are never reused and an entry never changes. Entry 1 is smpc-protocol.md,
// section 7; docs/protocol.md says what the others do differently.
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
    Height activation;  // from this height on tasks may have it
    Result<smpc::Verdict> (*judge)(const smpc::VerdictInput& input, smpc::VerdictHistory& history);
};
[[nodiscard]] std::span<const Rule> rule_table();
// nullptr: there is no such rule, or it is not yet active at that height.
[[nodiscard]] const Rule* find_rule(std::span<const Rule> table, std::uint16_t number,
                                    Height height);
[[nodiscard]] const Rule* find_rule(std::uint16_t number, Height height);

}  // namespace consilium::contracts::verification
