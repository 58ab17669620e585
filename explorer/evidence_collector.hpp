// Gathers evidence of equivocation from the nodes: two messages that one member signed for one
// slot.
//
// It is no part of the chain; each node keeps what it has seen. Evidence proves itself with the
// membership of its epoch, so it is verified before it is stored, and who sent it does not matter.
// One thread. Bounded: per member as many as a node keeps, per poll a few fetches.
#pragma once
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "explorer/index_store.hpp"

namespace consilium::explorer {

// Where evidence comes from; nothing that comes through here is trusted. Nodes are numbered as in
// NodeSource.
class EvidenceSource {
  public:
    EvidenceSource() = default;
    EvidenceSource(const EvidenceSource&) = delete;
    EvidenceSource& operator=(const EvidenceSource&) = delete;
    EvidenceSource(EvidenceSource&&) = delete;
    EvidenceSource& operator=(EvidenceSource&&) = delete;
    virtual ~EvidenceSource() = default;

    [[nodiscard]] virtual std::size_t evidence_nodes() const = 0;
    [[nodiscard]] virtual std::string evidence_node(std::size_t node) const = 0;
    // What the node says it holds, by id.
    [[nodiscard]] virtual Result<std::vector<Digest>> evidence_ids(std::size_t node) = 0;
    // Encoded consensus::Evidence.
    [[nodiscard]] virtual Result<Bytes> evidence(std::size_t node, const Digest& id) = 0;
};

class EvidenceCollector {
  public:
    static constexpr std::size_t kMaxPerMember = 8;  // as nodes keep; more prove nothing more
    static constexpr std::size_t kMaxFetches = 4;    // of one poll: they hold up the follower
    static constexpr std::size_t kMaxRefused = 4096;

    // Both outlive the collector.
    EvidenceCollector(IndexStore& store, EvidenceSource& source) : store_(store), source_(source) {}

    // Asks the next node, in turn, until it fails to give something. How much was stored; errors of
    // the index only.
    [[nodiscard]] Result<std::size_t> poll(TimeMs now);

  private:
    enum class Outcome { kStored, kKnown, kNotYet, kNotGiven, kRefused };
    [[nodiscard]] Result<Outcome> take(std::size_t node, const Digest& id, TimeMs now);
    [[nodiscard]] Result<Outcome> store(std::size_t node, const Digest& id, Bytes content,
                                        TimeMs now);
    [[nodiscard]] Result<void> note_lie(std::size_t node, const std::string& found, TimeMs now);

    IndexStore& store_;
    EvidenceSource& source_;
    std::size_t next_node_ = 0;
    std::set<Digest> refused_;  // not asked for again
};

}  // namespace consilium::explorer
