// The sparse Merkle tree against a naive model, and its proofs against forgeries.
#include "core/state_tree.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "core/merkle.hpp"

namespace consilium {
namespace {

Bytes key_of(std::uint32_t i) {
    return {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)};
}

// Root by definition: recursion over the sorted paths, no sharing, no incremental update.
Digest naive_root(const std::vector<std::pair<Digest, Bytes>>& leaves, std::size_t depth) {
    if (leaves.empty()) return {};
    if (leaves.size() == 1) {
        const Digest value_hash = tagged_hash("consilium/state-value/v1", leaves[0].second);
        return tagged_hash("consilium/state-leaf/v1", {leaves[0].first.view(), value_hash.view()});
    }
    std::vector<std::pair<Digest, Bytes>> left;
    std::vector<std::pair<Digest, Bytes>> right;
    for (const auto& leaf : leaves) {
        const bool bit = ((leaf.first.bytes[depth / 8] >> (7 - depth % 8)) & 1U) != 0;
        (bit ? right : left).push_back(leaf);
    }
    const Digest left_root = naive_root(left, depth + 1);
    const Digest right_root = naive_root(right, depth + 1);
    return tagged_hash("consilium/state-node/v1", {left_root.view(), right_root.view()});
}

Digest naive_root(const std::map<Bytes, Bytes>& model) {
    std::vector<std::pair<Digest, Bytes>> leaves;
    for (const auto& [key, value] : model) {
        leaves.emplace_back(tagged_hash("consilium/state-key/v1", key), value);
    }
    return naive_root(leaves, 0);
}

TEST(StateTree, random_batches_agree_with_the_naive_model) {
    std::mt19937 random(11);
    std::map<Bytes, Bytes> model;
    StateTree tree;
    for (int batch = 0; batch < 150; ++batch) {
        StateWrites writes;
        const auto count = random() % 12;
        for (unsigned i = 0; i < count; ++i) {
            const Bytes key = key_of(random() % 64);
            if (random() % 3 == 0) {
                writes[key] = std::nullopt;
            } else {
                writes[key] = Bytes{static_cast<std::uint8_t>(random())};
            }
        }
        const StateTree before = tree;
        const Digest root_before = before.root();
        tree = tree.apply(writes);
        for (const auto& [key, value] : writes) {
            if (value) {
                model[key] = *value;
            } else {
                model.erase(key);
            }
        }
        ASSERT_EQ(tree.root(), naive_root(model)) << batch;
        ASSERT_EQ(tree.size(), model.size());
        ASSERT_EQ(before.root(), root_before);  // the old value stays usable
    }
    for (std::uint32_t i = 0; i < 64; ++i) {
        const Bytes key = key_of(i);
        const auto found = model.find(key);
        const std::optional<Bytes> value =
            found == model.end() ? std::nullopt : std::optional(found->second);
        EXPECT_EQ(tree.get(key), value);
        const StateProof proof = tree.prove(key);
        EXPECT_TRUE(verify_state_proof(tree.root(), key, value, proof));
        EXPECT_FALSE(verify_state_proof(tree.root(), key, Bytes{1, 2, 3}, proof));
        if (value) {
            EXPECT_FALSE(verify_state_proof(tree.root(), key, std::nullopt, proof));
        }
        const auto decoded = decode<StateProof>(encode(proof));
        ASSERT_TRUE(decoded);
        EXPECT_EQ(*decoded, proof);
    }
}

TEST(StateTree, root_does_not_depend_on_the_order_of_batches) {
    StateTree forward;
    StateTree backward;
    for (std::uint32_t i = 0; i < 50; ++i) {
        forward = forward.apply({{key_of(i), Bytes{7}}});
        backward = backward.apply({{key_of(49 - i), Bytes{7}}});
    }
    EXPECT_EQ(forward.root(), backward.root());
}

TEST(StateTree, every_changed_byte_of_a_proof_is_refused) {
    StateWrites writes;
    for (std::uint32_t i = 0; i < 40; ++i) writes[key_of(i)] = Bytes{static_cast<std::uint8_t>(i)};
    const StateTree tree = StateTree().apply(writes);
    for (const std::uint32_t i : {3U, 1000U}) {
        const Bytes key = key_of(i);
        const auto value = tree.get(key);
        const Bytes bytes = encode(tree.prove(key));
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            Bytes changed = bytes;
            changed[at] ^= 1U;
            const auto proof = decode<StateProof>(changed);
            EXPECT_FALSE(proof && verify_state_proof(tree.root(), key, value, *proof)) << at;
        }
    }
}

TEST(StateTree, empty_tree_proves_absence) {
    const StateTree tree;
    EXPECT_TRUE(tree.root().is_zero());
    EXPECT_TRUE(verify_state_proof(tree.root(), Bytes{1}, std::nullopt, tree.prove(Bytes{1})));
}

TEST(StateTree, root_of_two_keys_is_frozen) {
    const StateTree tree = StateTree().apply({{Bytes{1}, Bytes{2}}, {Bytes{3}, Bytes{4}}});
    EXPECT_EQ(tree.root().hex(),
              "634d5f7c2141114329734e150b3e9826742e3d499138ccfcbc4dd9854cb987d1");
}

TEST(StateTree, for_each_visits_the_prefix_in_key_order) {
    const StateTree tree =
        StateTree().apply({{Bytes{1, 2}, Bytes{2}}, {Bytes{1, 1}, Bytes{1}}, {Bytes{2}, Bytes{3}}});
    std::vector<Bytes> seen;
    tree.for_each(Bytes{1}, [&](ByteView key, ByteView) { seen.push_back(to_bytes(key)); });
    EXPECT_EQ(seen, (std::vector<Bytes>{{1, 1}, {1, 2}}));
}

TEST(Merkle, every_leaf_of_every_small_tree_is_proven_and_no_other) {
    std::vector<Digest> leaves;
    for (std::uint8_t count = 1; count <= 20; ++count) {
        leaves.push_back(merkle_leaf(ByteView(&count, 1)));
        const Digest root = merkle_root(leaves);
        for (std::size_t i = 0; i < leaves.size(); ++i) {
            const MerkleProof proof = prove_leaf(leaves, i);
            EXPECT_TRUE(verify_leaf(root, leaves[i], proof));
            for (std::size_t j = 0; j < leaves.size(); ++j) {
                MerkleProof moved = proof;
                moved.index = j;
                EXPECT_EQ(verify_leaf(root, leaves[i], moved), i == j) << +count << " " << i << j;
                EXPECT_EQ(verify_leaf(root, leaves[j], proof), i == j);
            }
            MerkleProof shorter = proof;
            if (!shorter.siblings.empty()) {
                shorter.siblings.pop_back();
                EXPECT_FALSE(verify_leaf(root, leaves[i], shorter));
            }
        }
    }
}

}  // namespace
}  // namespace consilium
