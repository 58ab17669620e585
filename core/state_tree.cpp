// Batch updates, look-ups and proofs of the sparse Merkle tree.
#include "core/state_tree.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "core/check.hpp"

namespace consilium {

struct StateTree::Node {
    Digest hash;
    std::shared_ptr<const Node> left;
    std::shared_ptr<const Node> right;
    // Leaves only:
    Digest path;
    Digest value_hash;
    Bytes key;
    Bytes value;

    [[nodiscard]] bool is_leaf() const { return left == nullptr && right == nullptr; }
};

namespace {

using NodePtr = std::shared_ptr<const StateTree::Node>;

Digest path_of(ByteView key) {
    return tagged_hash("consilium/state-key/v1", key);
}
Digest value_hash_of(ByteView value) {
    return tagged_hash("consilium/state-value/v1", value);
}
Digest leaf_hash_of(const Digest& path, const Digest& value_hash) {
    return tagged_hash("consilium/state-leaf/v1", {path.view(), value_hash.view()});
}
Digest node_hash_of(const Digest& left, const Digest& right) {
    return tagged_hash("consilium/state-node/v1", {left.view(), right.view()});
}

bool bit_of(const Digest& path, std::size_t depth) {
    CHECK(depth < kMaxProofDepth);
    return ((path.bytes[depth / 8] >> (7 - depth % 8)) & 1U) != 0;
}

Digest hash_of(const NodePtr& node) {
    return node ? node->hash : Digest{};
}

NodePtr make_leaf(const Bytes& key, const Bytes& value) {
    auto leaf = std::make_shared<StateTree::Node>();
    leaf->path = path_of(key);
    leaf->value_hash = value_hash_of(value);
    leaf->hash = leaf_hash_of(leaf->path, leaf->value_hash);
    leaf->key = key;
    leaf->value = value;
    return leaf;
}

// A lone leaf moves up, so the shape depends on the set of keys only.
NodePtr combine(NodePtr left, NodePtr right) {
    if (!left && !right) return nullptr;
    if (!left && right->is_leaf()) return right;
    if (!right && left->is_leaf()) return left;
    auto node = std::make_shared<StateTree::Node>();
    node->hash = node_hash_of(hash_of(left), hash_of(right));
    node->left = std::move(left);
    node->right = std::move(right);
    return node;
}

struct Change {
    Digest path;
    NodePtr leaf;  // null deletes
};

std::size_t split_point(std::span<const Change> changes, std::size_t depth) {
    const auto first_right = std::partition_point(
        changes.begin(), changes.end(), [&](const Change& c) { return !bit_of(c.path, depth); });
    return static_cast<std::size_t>(first_right - changes.begin());
}

NodePtr build(std::span<const Change> leaves, std::size_t depth) {
    if (leaves.empty()) return nullptr;
    if (leaves.size() == 1) return leaves[0].leaf;
    const std::size_t split = split_point(leaves, depth);
    return combine(build(leaves.first(split), depth + 1), build(leaves.subspan(split), depth + 1));
}

NodePtr update(const NodePtr& node, std::span<const Change> changes, std::size_t depth) {
    if (changes.empty()) return node;
    if (node && !node->is_leaf()) {
        const std::size_t split = split_point(changes, depth);
        return combine(update(node->left, changes.first(split), depth + 1),
                       update(node->right, changes.subspan(split), depth + 1));
    }
    std::vector<Change> leaves;
    bool existing_is_pending = node != nullptr;
    for (const Change& change : changes) {
        if (existing_is_pending && node->path <= change.path) {
            if (node->path < change.path) leaves.push_back({node->path, node});
            existing_is_pending = false;  // placed, or replaced by this change
        }
        if (change.leaf) leaves.push_back(change);
    }
    if (existing_is_pending) leaves.push_back({node->path, node});
    return build(leaves, depth);
}

std::size_t count_leaves(const NodePtr& node, const std::vector<Change>& changes) {
    std::size_t present = 0;
    for (const Change& change : changes) {
        const StateTree::Node* walk = node.get();
        for (std::size_t depth = 0; walk != nullptr && !walk->is_leaf(); ++depth) {
            walk = bit_of(change.path, depth) ? walk->right.get() : walk->left.get();
        }
        if (walk != nullptr && walk->path == change.path) ++present;
    }
    return present;
}

}  // namespace

std::optional<Bytes> StateTree::get(ByteView key) const {
    const Digest path = path_of(key);
    const Node* walk = root_.get();
    for (std::size_t depth = 0; walk != nullptr && !walk->is_leaf(); ++depth) {
        walk = bit_of(path, depth) ? walk->right.get() : walk->left.get();
    }
    if (walk == nullptr || walk->path != path) return std::nullopt;
    return walk->value;
}

StateTree StateTree::apply(const StateWrites& writes) const {
    std::vector<Change> changes;
    changes.reserve(writes.size());
    for (const auto& [key, value] : writes) {
        CHECK(key.size() <= kMaxStateKeyBytes);
        changes.push_back({path_of(key), value ? make_leaf(key, *value) : nullptr});
    }
    std::sort(changes.begin(), changes.end(),
              [](const Change& a, const Change& b) { return a.path < b.path; });
    const auto added = static_cast<std::size_t>(
        std::count_if(changes.begin(), changes.end(), [](const Change& c) { return c.leaf; }));
    StateTree next;
    next.size_ = size_ + added - count_leaves(root_, changes);
    next.root_ = update(root_, changes, 0);
    return next;
}

Digest StateTree::root() const {
    return hash_of(root_);
}

StateProof StateTree::prove(ByteView key) const {
    const Digest path = path_of(key);
    StateProof proof;
    const Node* walk = root_.get();
    for (std::size_t depth = 0; walk != nullptr && !walk->is_leaf(); ++depth) {
        const bool right = bit_of(path, depth);
        proof.siblings.push_back(hash_of(right ? walk->left : walk->right));
        walk = right ? walk->right.get() : walk->left.get();
    }
    if (walk != nullptr && walk->path != path) {
        proof.other_leaf = OtherLeaf{walk->path, walk->value_hash};
    }
    return proof;
}

void StateTree::for_each(ByteView prefix,
                         const std::function<void(ByteView, ByteView)>& visit) const {
    std::map<Bytes, const Node*> found;
    std::vector<const Node*> open;
    if (root_) open.push_back(root_.get());
    while (!open.empty()) {
        const Node* node = open.back();
        open.pop_back();
        if (node->is_leaf()) {
            if (node->key.size() >= prefix.size() &&
                std::equal(prefix.begin(), prefix.end(), node->key.begin())) {
                found.emplace(node->key, node);
            }
            continue;
        }
        if (node->left) open.push_back(node->left.get());
        if (node->right) open.push_back(node->right.get());
    }
    for (const auto& [key, node] : found) visit(key, node->value);
}

Result<void> verify_state_proof(const Digest& root, ByteView key, const std::optional<Bytes>& value,
                                const StateProof& proof) {
    const Digest path = path_of(key);
    const std::size_t depth = proof.siblings.size();
    if (depth > kMaxProofDepth) {
        return make_error(ErrorCode::kLimitExceeded, "state proof deeper than a path");
    }
    Digest hash;
    if (value) {
        if (proof.other_leaf) {
            return make_error(ErrorCode::kMismatch, "proof of absence shown for a value");
        }
        hash = leaf_hash_of(path, value_hash_of(*value));
    } else if (proof.other_leaf) {
        if (proof.other_leaf->path == path) {
            return make_error(ErrorCode::kMismatch, "proof of absence names the key itself");
        }
        for (std::size_t i = 0; i < depth; ++i) {
            if (bit_of(proof.other_leaf->path, i) != bit_of(path, i)) {
                return make_error(ErrorCode::kMismatch, "leaf of another place in the tree");
            }
        }
        hash = leaf_hash_of(proof.other_leaf->path, proof.other_leaf->value_hash);
    }
    for (std::size_t i = depth; i > 0; --i) {
        const Digest& sibling = proof.siblings[i - 1];
        hash = bit_of(path, i - 1) ? node_hash_of(sibling, hash) : node_hash_of(hash, sibling);
    }
    if (hash != root) return make_error(ErrorCode::kMismatch, "state proof leads to another root");
    return {};
}

}  // namespace consilium
