// The two places where a dishonest hospital can deviate in training: its labels and its update.
//
// Only types. The trainer has no transform; experiments and the test-only adversary pass one.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace consilium::fl {

struct TransformContext {
    std::uint64_t round = 0;
    double clip = 0;         // C_r in real units: what the sender's encoding clips to
    std::uint64_t seed = 0;  // of this hospital and round
};

// The update that is encoded instead of the honest one; as long as it.
using UpdateTransform =
    std::function<std::vector<double>(std::span<const double> delta, const TransformContext&)>;
// The labels that are trained on instead of the true ones; as many, each 0 or 1.
using LabelTransform = std::function<std::vector<std::uint8_t>(std::span<const std::uint8_t> labels,
                                                               const TransformContext&)>;

// Either may be empty: honest there.
struct Deviation {
    LabelTransform labels;
    UpdateTransform update;
};

}  // namespace consilium::fl
