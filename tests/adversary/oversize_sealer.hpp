// A sender that masks more than the norm bound allows, and proves as well as a cheater can.
#pragma once
#include <memory>

#include "fl_engine/attacks/attacks.hpp"
#include "fl_engine/trainer/update_sealer.hpp"

namespace consilium::adversary {

// Of an attack that needs one (oversize); null for those that send what an honest trainer could.
[[nodiscard]] std::unique_ptr<trainer::UpdateSealer> make_sealer(const fl::AttackSpec& attack);

}  // namespace consilium::adversary
