// Leaves and root of the receipt tree.
#include "core/receipt.hpp"

namespace consilium {

std::vector<Digest> receipt_leaves(const BlockReceipts& receipts) {
    std::vector<Digest> leaves;
    leaves.reserve(receipts.receipts.size() + 1);
    codec::Writer writer;
    writer.write_counted(receipts.events, Limit{kMaxEventsPerList});
    leaves.push_back(merkle_leaf(std::move(writer).take()));
    for (const Receipt& receipt : receipts.receipts) leaves.push_back(merkle_leaf(encode(receipt)));
    return leaves;
}

Digest receipt_root(const BlockReceipts& receipts) {
    return merkle_root(receipt_leaves(receipts));
}

}  // namespace consilium
