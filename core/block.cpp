// Digest of a header and root of its transactions.
#include "core/block.hpp"

namespace consilium {

Digest header_digest(const BlockHeader& header) {
    return tagged_hash("consilium/block-header/v1", encode(header));
}

Digest transaction_root(const std::vector<Digest>& ids) {
    std::vector<Digest> leaves;
    leaves.reserve(ids.size());
    for (const Digest& id : ids) leaves.push_back(merkle_leaf(id.view()));
    return merkle_root(leaves);
}

std::vector<Digest> transaction_ids(const std::vector<Transaction>& transactions) {
    std::vector<Digest> ids;
    ids.reserve(transactions.size());
    for (const Transaction& transaction : transactions) ids.push_back(transaction_id(transaction));
    return ids;
}

}  // namespace consilium
