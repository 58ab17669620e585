// How long a blob is that executing a block needs: nodes are asked by hash and length.
#pragma once
#include <cstdint>
#include <optional>

#include "contracts/schema/limits.hpp"
#include "core/block.hpp"
#include "core/state_tree.hpp"

namespace consilium::explorer {

// Execution names one missing blob at a time. The most that it may read in one block: each member's
// share of w for every live batch and of the round's sum, the model, the set of every proposal.
inline constexpr std::size_t kMaxBlobsPerBlock =
    (schema::kMaxLiveBatches + 1) * schema::kMaxCommittee + 1 + schema::kMaxOpenProposals;

// From the transactions of the block or the records before it; nullopt: nothing names the blob.
// Walks the state, so ask only for what is missing.
[[nodiscard]] std::optional<std::uint64_t> find_blob_length(const StateTree& state,
                                                            const Block& block, const Digest& hash);

}  // namespace consilium::explorer
