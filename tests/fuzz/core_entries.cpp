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

void run_transaction(ByteView data) {
    run_decoder<Transaction>(data);
    const auto transaction = decode_transaction(data);
    if (!transaction) return;
    // Random bytes are hardly ever a signature; the call must not mind any key.
    (void)has_valid_signature(*transaction);
}

void run_genesis(ByteView data) {
    run_decoder<Genesis>(data);
    const auto genesis = decode<Genesis>(data);
    if (genesis && validate_genesis(*genesis)) (void)genesis->membership();
}

void run_state_proof(ByteView data) {
    run_decoder<StateProof>(data);
    const auto proof = decode<StateProof>(data);
    if (!proof) return;
    const Bytes key{1, 2, 3};
    CHECK(!verify_state_proof(Digest{}, key, std::nullopt, *proof) ||
          (proof->siblings.empty() && !proof->other_leaf));
}

void run_merkle_proof(ByteView data) {
    run_decoder<MerkleProof>(data);
    const auto proof = decode<MerkleProof>(data);
    if (proof) CHECK(!verify_leaf(Digest{}, merkle_leaf(Bytes{1}), *proof));
}

void run_certificate(ByteView data) {
    run_decoder<Certificate>(data);
    const auto certificate = decode<Certificate>(data);
    if (!certificate) return;
    const Membership nobody;
    (void)verify_certificate({"fuzz", Digest{}}, nobody, *certificate);
}

void run_hex(ByteView data) {
    const std::string text(data.begin(), data.end());
    const auto bytes = decode_hex(text);
    if (bytes) CHECK(bytes->size() * 2 == text.size());
    (void)decode_digest_hex(text);
    (void)decode_public_key_hex(text);
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
