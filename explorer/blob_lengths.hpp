// How long a blob is that executing a block needs: nodes are asked by hash and length.
#pragma once
#include <cstdint>
#include <optional>

#include "core/block.hpp"
#include "core/state_tree.hpp"

namespace consilium::explorer {

// From the transactions of the block or the records before it; nullopt: nothing names the blob.
// Walks the state, so ask only for what is missing.
[[nodiscard]] std::optional<std::uint64_t> find_blob_length(const StateTree& state,
                                                            const Block& block, const Digest& hash);

}  // namespace consilium::explorer
