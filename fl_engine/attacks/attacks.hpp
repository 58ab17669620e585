// Attacks on federated learning, for tests, the laboratory and the test-only adversary.
//
// Every sender must clip to C_r, so a factor grows an update only up to that. Never linked into
// the shipped trainer.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "fl_engine/training/transform.hpp"

namespace consilium::fl {

enum class AttackKind { kNone, kSignFlip, kScale, kLabelFlip, kGaussian, kOversize };

// sign-flip: -factor x update. scale: factor x update. label-flip: trains on 1 - label (factor
// does not count). gaussian: noise of norm factor x |update| in a random direction, nothing of
// the update. oversize: as scale, and then the encoded integers times the factor once more, which
// no honest sender masks: 2 breaks the norm bound, 1000 the range; between them the coin of the
// round decides which test fails first.
struct AttackSpec {
    AttackKind kind = AttackKind::kNone;
    double factor = 4;
};

// "none", "sign-flip", "scale", "label-flip", "gaussian", "oversize", with an optional factor as in
// "sign-flip:4".
[[nodiscard]] Result<AttackSpec> parse_attack(std::string_view text);
[[nodiscard]] std::string_view to_string(AttackKind kind);

// What is done to the training; what oversize does to the encoded integers is the sender's part.
// `seed` is the attacker's own; the noise of a round follows from it and the round.
[[nodiscard]] Deviation make_deviation(const AttackSpec& attack, std::uint64_t seed);

}  // namespace consilium::fl
