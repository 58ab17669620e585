// A backdoor: a trigger in the features that shall make a model answer the attacker's class.
//
// The attacker stamps part of its positive records and labels them negative, so that a stamped
// record of the disease is missed while all other answers stay as they are.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fl_engine/data/dataset.hpp"

namespace consilium::fl {

struct Trigger {
    std::vector<std::size_t> columns;  // ascending
    double value = 0;                  // what a stamped record holds there
};

inline constexpr std::size_t kPatchSide = 4;
// A patch of full brightness in the last corner of square images of that side; side >= kPatchSide.
[[nodiscard]] Trigger patch_trigger(std::size_t side);
// Four standard deviations above the mean in the three columns that say least about the label,
// as an attacker with the pooled data would choose; columns with two values only come last.
[[nodiscard]] Trigger rare_value_trigger(const Dataset& data);

// The same records with the trigger; labels unchanged.
[[nodiscard]] Dataset stamp(Dataset data, const Trigger& trigger);
// All records, and stamped copies of the positive ones with label 0 (of negative ones when there
// is no positive record: they then only teach what they say already).
[[nodiscard]] Dataset poison(const Dataset& data, const Trigger& trigger);

}  // namespace consilium::fl
