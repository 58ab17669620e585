// A certified chain with one learning round, and nodes that serve it well or badly, in memory.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "explorer/node_source.hpp"
#include "tests/contracts/chain.hpp"

namespace consilium::explorer::testing {

// The whole chain as an honest node would store it: registration, approval, task, key setup, a
// round with a poisoner in slot 3, metrics. Real contracts and secure computation, test keys.
struct Ledger {
    Genesis genesis;
    std::vector<CertifiedBlock> blocks;  // [h] is block h; genesis has no certificate
    contracts::testing::MemoryBlobs blobs;
    std::map<PublicKey, KeyPair> keys;

    [[nodiscard]] Height height() const { return blocks.back().block.header.height; }
    // Signs the header as it stands with a quorum of the validators.
    void certify(CertifiedBlock& block) const;
};
// Runs a played chain again, with signatures and certificates.
[[nodiscard]] Ledger certify_chain(const contracts::testing::Chain& chain);
// Built once in a process.
[[nodiscard]] const Ledger& test_ledger();

// Nodes over one ledger. Every hook may change what a node answers.
class FakeSource final : public NodeSource {
  public:
    FakeSource(const Ledger& ledger, std::size_t nodes) : ledger_(ledger), nodes_(nodes) {}

    [[nodiscard]] std::size_t size() const override { return nodes_; }
    [[nodiscard]] std::string name(std::size_t node) const override;
    [[nodiscard]] Result<CertifiedBlock> block(std::size_t node, Height height) override;
    [[nodiscard]] Result<Bytes> blob(std::size_t node, const Digest& hash,
                                     std::uint64_t length) override;
    [[nodiscard]] Result<Height> height(std::size_t node) override;

    std::function<void(std::size_t node, CertifiedBlock& block)> tamper;
    std::function<bool(std::size_t node)> is_down = [](std::size_t) { return false; };
    std::function<Height(std::size_t node)> claimed;  // empty: what is there
    Height served = Height{~std::uint64_t{0}};        // blocks above are not there yet
    bool has_blobs = true;
    std::size_t blocks_served = 0;
    std::size_t blobs_served = 0;

  private:
    const Ledger& ledger_;
    std::size_t nodes_;
};

// A fresh folder for an index; removed at the end.
class TempFolder {
  public:
    TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace consilium::explorer::testing
