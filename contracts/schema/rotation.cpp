// The statement that a successor signs.
#include "contracts/schema/rotation.hpp"

namespace consilium::schema {
namespace {

struct Statement {
    ChainIdentity chain;
    PublicKey key;
    PublicKey successor;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("chain_id", self.chain.chain_id, Limit{kMaxChainIdBytes});
        visit("genesis_hash", self.chain.genesis_hash);
        visit("key", self.key);
        visit("successor", self.successor);
    }
};

}  // namespace

Digest rotation_digest(const ChainIdentity& chain, const PublicKey& key,
                       const PublicKey& successor) {
    return tagged_hash("consilium/rotate-key/v1", encode(Statement{chain, key, successor}));
}

}  // namespace consilium::schema
