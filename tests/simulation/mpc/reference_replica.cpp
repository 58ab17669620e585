// One execution per decided block.
#include "tests/simulation/mpc/reference_replica.hpp"

#include "contracts/schema/keys.hpp"
#include "contracts/schema/parameters.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {

ReferenceReplica::ReferenceReplica(const Genesis& genesis, bool parameters_differ) {
    Genesis own = genesis;
    if (parameters_differ) {
        auto parameters = decode<schema::Parameters>(genesis.parameters).value();
        ++parameters.batch_stock;
        own.parameters = encode(parameters);
    }
    state_ = state_.apply(contracts::genesis_state(own).value());
}

std::optional<Bytes> ReferenceReplica::get(const Digest& hash) const {
    const auto found = blobs_.find(hash);
    if (found == blobs_.end()) return std::nullopt;
    return found->second;
}

std::optional<std::string> ReferenceReplica::follow(const Block& block) {
    const BlockHeader& header = block.header;
    CHECK(header.height == height_.next());
    auto effects =
        contracts::execute_block(state_, *this, {header.height, header.time}, block.transactions);
    if (!effects) return "a blob that nobody ever made: " + effects.error().sha256.hex();
    if (!effects->inadmissible.empty()) return "an inadmissible transaction in a decided block";
    for (const Bytes& blob : effects->blobs) add_blob(blob);
    state_ = state_.apply(effects->writes);
    receipts_ = std::move(effects->receipts);
    height_ = header.height;
    if (state_.root() != header.state_root) return "the state root";
    return std::nullopt;
}

}  // namespace consilium::simulation
