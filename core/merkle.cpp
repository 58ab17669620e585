// Recursive Merkle tree hash; the left part of n leaves holds the largest power of two below n.
#include "core/merkle.hpp"

#include <bit>
#include <span>

namespace consilium {
namespace {

Digest node_of(const Digest& left, const Digest& right) {
    return tagged_hash("consilium/merkle-node/v1", {left.view(), right.view()});
}

std::size_t split_of(std::size_t count) {
    return std::bit_floor(count - 1);
}

Digest root_of(std::span<const Digest> leaves) {
    if (leaves.size() == 1) return leaves[0];
    const std::size_t split = split_of(leaves.size());
    return node_of(root_of(leaves.first(split)), root_of(leaves.subspan(split)));
}

void collect(std::span<const Digest> leaves, std::size_t index, std::vector<Digest>& siblings) {
    if (leaves.size() == 1) return;
    const std::size_t split = split_of(leaves.size());
    if (index < split) {
        collect(leaves.first(split), index, siblings);
        siblings.push_back(root_of(leaves.subspan(split)));
    } else {
        collect(leaves.subspan(split), index - split, siblings);
        siblings.push_back(root_of(leaves.first(split)));
    }
}

}  // namespace

Digest merkle_leaf(ByteView data) {
    return tagged_hash("consilium/merkle-leaf/v1", data);
}

Digest merkle_root(const std::vector<Digest>& leaves) {
    if (leaves.empty()) return tagged_hash("consilium/merkle-empty/v1", ByteView{});
    return root_of(leaves);
}

MerkleProof prove_leaf(const std::vector<Digest>& leaves, std::size_t index) {
    CHECK(index < leaves.size());
    MerkleProof proof{.index = index, .count = leaves.size(), .siblings = {}};
    collect(leaves, index, proof.siblings);
    return proof;
}

bool verify_leaf(const Digest& root, const Digest& leaf, const MerkleProof& proof) {
    if (proof.index >= proof.count) return false;
    std::uint64_t index = proof.index;
    std::uint64_t last = proof.count - 1;
    Digest hash = leaf;
    for (const Digest& sibling : proof.siblings) {
        if (last == 0) return false;
        if (index % 2 == 1 || index == last) {
            hash = node_of(sibling, hash);
            while (index % 2 == 0 && index != 0) {
                index >>= 1U;
                last >>= 1U;
            }
        } else {
            hash = node_of(hash, sibling);
        }
        index >>= 1U;
        last >>= 1U;
    }
    return last == 0 && hash == root;
}

}  // namespace consilium
