// The reference update of the simulated rounds: the set that the council approves, and g.
//
// The reference trainer has tests of its own; here every validator must only come to the same g of
// a round, and that g must lie near the direction of the honest updates.
#pragma once
#include <cstdint>

#include "node/mpc/reference_source.hpp"
#include "tests/simulation/mpc/trainer.hpp"

namespace consilium::simulation {

// Records of both classes with as many columns as the model has inputs.
[[nodiscard]] schema::ReferenceSet simulated_reference_set(std::size_t columns);
// g of a round.
[[nodiscard]] Update reference_update(std::uint64_t seed, std::uint64_t round,
                                      std::size_t dimension);

class SimulatedReference final : public mpc::ReferenceSource {
  public:
    explicit SimulatedReference(std::uint64_t seed) : seed_(seed) {}
    [[nodiscard]] Result<std::vector<std::int64_t>> compute(
        const mpc::ReferenceRequest& request) override;

  private:
    std::uint64_t seed_;
};

}  // namespace consilium::simulation
