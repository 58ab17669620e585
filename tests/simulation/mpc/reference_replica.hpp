// Executes the decided chain once more, alone: the omniscient record's state, receipts and events.
//
// It holds every blob that any party of the simulation ever made, so it never waits.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "contracts/executor.hpp"
#include "core/block.hpp"
#include "core/genesis.hpp"
#include "core/state_tree.hpp"

namespace consilium::simulation {

class ReferenceReplica final : public contracts::BlobReader {
  public:
    // `parameters_differ`: a planted defect, contracts that follow another parameter.
    ReferenceReplica(const Genesis& genesis, bool parameters_differ);

    void add_blob(const Bytes& content) { blobs_[sha256(content)] = content; }
    [[nodiscard]] std::optional<Bytes> get(const Digest& hash) const override;
    // Executes the next block of the chain; what differs from its header, or nullopt.
    [[nodiscard]] std::optional<std::string> follow(const Block& block);

    [[nodiscard]] Height height() const { return height_; }
    [[nodiscard]] const StateTree& state() const { return state_; }
    [[nodiscard]] const BlockReceipts& receipts() const { return receipts_; }  // of the newest

  private:
    std::map<Digest, Bytes> blobs_;
    StateTree state_;
    BlockReceipts receipts_;
    Height height_;
};

}  // namespace consilium::simulation
