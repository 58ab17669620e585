// Signing, naming and decoding transactions.
#include "core/transaction.hpp"

namespace consilium {

Digest signing_digest(const Transaction& transaction) {
    const Bytes encoded = encode(transaction);
    CHECK(encoded.size() > Signature::kSize);
    return tagged_hash("consilium/transaction/v1",
                       ByteView(encoded).first(encoded.size() - Signature::kSize));
}

Digest transaction_id(const Transaction& transaction) {
    return tagged_hash("consilium/transaction-id/v1", encode(transaction));
}

void sign_transaction(Transaction& transaction, const KeyPair& key) {
    transaction.sender = key.public_key();
    transaction.signature = key.sign(signing_digest(transaction));
}

bool has_valid_signature(const Transaction& transaction) {
    return verify_signature(transaction.sender, signing_digest(transaction), transaction.signature);
}

Result<Transaction> decode_transaction(ByteView data) {
    if (data.size() > kMaxTransactionBytes) {
        return make_error(ErrorCode::kLimitExceeded,
                          "a transaction has at most " + std::to_string(kMaxTransactionBytes) +
                              " bytes, this one has " + std::to_string(data.size()));
    }
    return decode<Transaction>(data);
}

}  // namespace consilium
