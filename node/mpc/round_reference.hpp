// A chain validator's REF: the reference update of the open round (smpc-protocol.md, section 7.1).
//
// Computed once per round from public inputs and kept until the chain has it; after a restart the
// same inputs give the same bytes. Needs no secret and no place in the committee.
#pragma once
#include <optional>

#include "node/mpc/reference_source.hpp"
#include "node/mpc/worker.hpp"

namespace consilium::mpc {

struct ReferenceContext {
    const PublicKey& own_key;
    BlobSource& blobs;
    ReferenceSource& source;
    const StateReader& state;
    WorkerStatus& status;
    std::vector<Outgoing>& owed;
};

class RoundReference {
  public:
    // Adds the REF to what is owed, if one is.
    void step(const ReferenceContext& context);

  private:
    [[nodiscard]] std::optional<Outgoing> compute(const ReferenceContext& context,
                                                  const schema::RoundRecord& round);

    std::uint64_t round_ = 0;           // that `outgoing_` is of
    std::optional<Outgoing> outgoing_;  // absent though round_ is set: it could not be computed
};

}  // namespace consilium::mpc
