// Merkle tree over a list of byte strings, with inclusion proofs (RFC 9162, section 2.1).
//
// Same shape as Certificate Transparency's tree; leaves and nodes are hashed under different tags.
#pragma once
#include <cstdint>
#include <vector>

#include "core/codec.hpp"
#include "core/digest.hpp"

namespace consilium {

struct MerkleProof {
    std::uint64_t index{};         // of the leaf, from 0
    std::uint64_t count{};         // of leaves in the tree
    std::vector<Digest> siblings;  // from the leaf upwards
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("index", self.index);
        visit("count", self.count);
        visit("siblings", self.siblings, Limit{64});
    }
    friend bool operator==(const MerkleProof&, const MerkleProof&) = default;
};

[[nodiscard]] Digest merkle_leaf(ByteView data);
// The root of no leaves is a tagged hash of nothing.
[[nodiscard]] Digest merkle_root(const std::vector<Digest>& leaves);
// CHECKs index < leaves.size().
[[nodiscard]] MerkleProof prove_leaf(const std::vector<Digest>& leaves, std::size_t index);
[[nodiscard]] bool verify_leaf(const Digest& root, const Digest& leaf, const MerkleProof& proof);

}  // namespace consilium
