// The reference trainer behind the worker's interface: from records of the chain to a job.
#pragma once
#include "node/mpc/reference_source.hpp"

namespace consilium::node {

class ReferenceTrainer final : public mpc::ReferenceSource {
  public:
    // Runs on the caller's thread, which is never the one of consensus.
    [[nodiscard]] Result<std::vector<std::int64_t>> compute(
        const mpc::ReferenceRequest& request) override;
};

}  // namespace consilium::node
