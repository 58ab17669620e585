// The chain's state, authenticated by a sparse Merkle tree, as a persistent value.
//
// A key's path is the 256-bit tagged hash of the key. A subtree without keys hashes to zero, a
// subtree with one key is that key's leaf, so depth stays near log2 of the number of keys. Nodes
// are immutable and shared: apply() costs O(writes * depth) and leaves the old tree usable, which
// is how a proposal is executed before it is decided.
//
// Hashes: path  = H("consilium/state-key/v1",   key)
//         value = H("consilium/state-value/v1", value)
//         leaf  = H("consilium/state-leaf/v1",  path || value hash)
//         node  = H("consilium/state-node/v1",  left || right)
// Not thread-safe to modify; copies share nodes and may be read on any thread.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/codec.hpp"
#include "core/digest.hpp"
#include "core/state.hpp"

namespace consilium {

inline constexpr std::size_t kMaxProofDepth = 256;  // bits of a path

// The leaf that stands where an absent key would.
struct OtherLeaf {
    Digest path;
    Digest value_hash;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("path", self.path);
        visit("value_hash", self.value_hash);
    }
    friend bool operator==(const OtherLeaf&, const OtherLeaf&) = default;
};

// Proof that a key has a value, or has none.
struct StateProof {
    std::vector<Digest> siblings;         // from the root down
    std::optional<OtherLeaf> other_leaf;  // absence only; none when the place is empty
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("siblings", self.siblings, Limit{kMaxProofDepth});
        visit("other_leaf", self.other_leaf);
    }
    friend bool operator==(const StateProof&, const StateProof&) = default;
};

class StateTree final : public StateReader {
  public:
    StateTree() = default;  // empty; root is the zero digest

    [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
    [[nodiscard]] StateTree apply(const StateWrites& writes) const;
    [[nodiscard]] Digest root() const;
    [[nodiscard]] StateProof prove(ByteView key) const;
    [[nodiscard]] std::size_t size() const { return size_; }

    // Calls `visit` for every key that starts with `prefix`, in the order of keys. Walks the whole
    // tree: for queries of people, not for contracts.
    void for_each(ByteView prefix,
                  const std::function<void(ByteView key, ByteView value)>& visit) const;

    struct Node;

  private:
    std::shared_ptr<const Node> root_;
    std::size_t size_ = 0;
};

// kMismatch unless `proof` shows that under `root` the key has exactly `value` (nullopt: absent).
[[nodiscard]] Result<void> verify_state_proof(const Digest& root, ByteView key,
                                              const std::optional<Bytes>& value,
                                              const StateProof& proof);

}  // namespace consilium
