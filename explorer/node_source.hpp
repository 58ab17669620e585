// Where blocks and blobs come from, as an interface: the follower is tested without a network.
//
// Nothing that comes through here is trusted. Nodes are numbered from 0 in the order in which the
// operator named them. Errors: kNotFound, the node has no such thing (yet); kUnavailable, no
// answer; anything else, an answer that cannot be used.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "explorer/chain_verifier.hpp"

namespace consilium::explorer {

class NodeSource {
  public:
    NodeSource() = default;
    NodeSource(const NodeSource&) = delete;
    NodeSource& operator=(const NodeSource&) = delete;
    NodeSource(NodeSource&&) = delete;
    NodeSource& operator=(NodeSource&&) = delete;
    virtual ~NodeSource() = default;

    [[nodiscard]] virtual std::size_t size() const = 0;
    [[nodiscard]] virtual std::string name(std::size_t node) const = 0;  // "host:port"
    [[nodiscard]] virtual Result<CertifiedBlock> block(std::size_t node, Height height) = 0;
    // Content with that hash and length.
    [[nodiscard]] virtual Result<Bytes> blob(std::size_t node, const Digest& hash,
                                             std::uint64_t length) = 0;
    // The height that the node claims to have.
    [[nodiscard]] virtual Result<Height> height(std::size_t node) = 0;
};

}  // namespace consilium::explorer
