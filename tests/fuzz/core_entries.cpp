// Entry points of core: what a client, a peer or a file hands over as ledger types.
#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/genesis.hpp"
#include "core/membership.hpp"
#include "core/merkle.hpp"
#include "core/receipt.hpp"
#include "core/state_tree.hpp"
#include "core/transaction.hpp"
#include "tests/fuzz/entry_points.hpp"

namespace consilium::fuzz {
namespace {

bool run_transaction(ByteView data) {
    const auto transaction = decode_transaction(data);
    if (!transaction) return false;
    // Random bytes are hardly ever a signature; the call must not mind any key.
    (void)has_valid_signature(*transaction);
    return run_decoder<Transaction>(data);
}

bool run_genesis(ByteView data) {
    const auto genesis = decode<Genesis>(data);
    if (!genesis) return false;
    if (validate_genesis(*genesis)) (void)genesis->membership();
    return run_decoder<Genesis>(data);
}

bool run_state_proof(ByteView data) {
    const auto proof = decode<StateProof>(data);
    if (!proof) return false;
    // The zero root is that of the empty tree: it proves absence, by an empty proof only.
    const bool is_proved = verify_state_proof(Digest{}, Bytes{1}, std::nullopt, *proof).has_value();
    CHECK(!is_proved || (proof->siblings.empty() && !proof->other_leaf));
    return run_decoder<StateProof>(data);
}

bool run_merkle_proof(ByteView data) {
    const auto proof = decode<MerkleProof>(data);
    if (!proof) return false;
    CHECK(!verify_leaf(Digest{}, merkle_leaf(Bytes{1}), *proof));
    return run_decoder<MerkleProof>(data);
}

bool run_certificate(ByteView data) {
    const auto certificate = decode<Certificate>(data);
    if (!certificate) return false;
    (void)verify_certificate({"fuzz", Digest{}}, Membership{}, *certificate);
    return run_decoder<Certificate>(data);
}

bool run_hex(ByteView data) {
    const std::string text(data.begin(), data.end());
    (void)decode_digest_hex(text);
    (void)decode_public_key_hex(text);
    const auto bytes = decode_hex(text);
    CHECK(!bytes || bytes->size() * 2 == text.size());
    return bytes.has_value();
}

Bytes hex_sample(Random& random) {
    const std::string text = to_hex(encode_sample<Digest>(random));
    return {text.begin(), text.end()};
}

}  // namespace

const std::vector<EntryPoint>& core_entry_points() {
    static const std::vector<EntryPoint> kEntries{
        {"transaction", run_transaction, encode_sample<Transaction>},
        decoder_of<Block>("block"),
        decoder_of<BlockHeader>("block_header"),
        {"certificate", run_certificate, encode_sample<Certificate>},
        decoder_of<Membership>("membership"),
        {"genesis", run_genesis, encode_sample<Genesis>},
        decoder_of<BlockReceipts>("block_receipts"),
        {"state_proof", run_state_proof, encode_sample<StateProof>},
        {"merkle_proof", run_merkle_proof, encode_sample<MerkleProof>},
        {"hexadecimal", run_hex, hex_sample},
    };
    return kEntries;
}

}  // namespace consilium::fuzz
