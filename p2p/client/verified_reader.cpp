// Decoding and checking of proofs that a node's API hands out.
#include "p2p/client/verified_reader.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/merkle.hpp"
#include "core/state_tree.hpp"
#include "p2p/client/api_values.hpp"
#include "p2p/client/memberships.hpp"

namespace consilium::p2p {

using nlohmann::json;

VerifiedReader::VerifiedReader(ApiChannel& channel, const Genesis& genesis)
    : channel_(channel), light_client_(genesis.identity(), genesis.membership()) {}

// Each step is certified by members that are known already, so a lying node makes no more of them
// than there are.
Result<void> VerifiedReader::follow_to(Epoch epoch) {
    while (light_client_.membership().epoch < epoch) {
        auto followed = follow_next_membership(
            light_client_, [this](std::string_view target) { return channel_.get(target); });
        if (!followed) return followed;
    }
    return {};
}

Result<void> VerifiedReader::check(const BlockHeader& header, const Certificate& certificate) {
    if (auto followed = follow_to(header.epoch); !followed) return followed;
    return light_client_.check(header, certificate);
}

Result<VerifiedReader::CertifiedHeader> VerifiedReader::certified_header(const json& object) {
    auto header = value_at<BlockHeader>(object, "header");
    if (!header) return tl::unexpected(header.error());
    if (header->height == Height{0}) {
        return make_error(ErrorCode::kUnavailable,
                          "the chain has no certified block yet, so nothing of it can be proven; "
                          "wait for the first one");
    }
    auto certificate = value_at<Certificate>(object, "certificate");
    if (!certificate) return tl::unexpected(certificate.error());
    if (auto checked = check(*header, *certificate); !checked) {
        return tl::unexpected(checked.error());
    }
    return CertifiedHeader{*std::move(header), *std::move(certificate)};
}

Result<VerifiedValue> VerifiedReader::read(ByteView key) {
    const auto object =
        object_of(successful(channel_.get("/v1/state/" + to_hex(key) + "?proof=1"), "state"));
    if (!object) return tl::unexpected(object.error());
    auto certified = certified_header(*object);
    if (!certified) return tl::unexpected(certified.error());
    if (certified->header.epoch != light_client_.membership().epoch) {
        return make_error(ErrorCode::kUnavailable,
                          "the node is behind a change of the validators; ask another one");
    }
    const auto proof = value_at<StateProof>(*object, "proof");
    if (!proof) return tl::unexpected(proof.error());
    std::optional<Bytes> value;
    const auto found = object->find("value");
    if (found == object->end()) {
        return make_error(ErrorCode::kMalformed, "the answer lacks value");
    }
    if (!found->is_null()) {
        auto bytes = bytes_at(*object, "value");
        if (!bytes) return tl::unexpected(bytes.error());
        value = *std::move(bytes);
    }
    if (auto proven = verify_state_proof(certified->header.state_root, key, value, *proof);
        !proven) {
        return tl::unexpected(proven.error());
    }
    return VerifiedValue{certified->header, std::move(certified->certificate), std::move(value)};
}

Result<VerifiedReceipt> VerifiedReader::receipt(const Digest& id) {
    const auto object = object_of(
        successful(channel_.get("/v1/transactions/" + id.hex() + "?proof=1"), "transaction"));
    if (!object) return tl::unexpected(object.error());
    auto certified = certified_header(*object);
    if (!certified) return tl::unexpected(certified.error());
    auto encoded = bytes_at(*object, "receipt_bytes");
    if (!encoded) return tl::unexpected(encoded.error());
    auto receipt = decode<Receipt>(*encoded);
    if (!receipt) return tl::unexpected(receipt.error());
    const auto proof = value_at<MerkleProof>(*object, "receipt_proof");
    if (!proof) return tl::unexpected(proof.error());
    // Leaf 0 holds the events of the block itself (core/receipt.hpp).
    if (receipt->tx_id != id || proof->index == 0 ||
        !verify_leaf(certified->header.receipt_root, merkle_leaf(*encoded), *proof)) {
        return make_error(ErrorCode::kMismatch, "the receipt does not belong to the block");
    }
    return VerifiedReceipt{certified->header, std::move(certified->certificate),
                           *std::move(receipt)};
}

Result<VerifiedBlock> VerifiedReader::block(Height height) {
    const auto answer =
        successful(channel_.get("/v1/blocks/" + std::to_string(height.value) + "?raw=1"), "block");
    if (!answer) return tl::unexpected(answer.error());
    codec::Reader reader(as_bytes(answer->body));
    VerifiedBlock found;
    reader.read(found.block);
    reader.read(found.certificate);
    if (auto error = reader.finish()) return tl::unexpected(*std::move(error));
    if (found.block.header.height != height) {
        return make_error(ErrorCode::kMismatch, "the node sent another block");
    }
    if (auto checked = check(found.block.header, found.certificate); !checked) {
        return tl::unexpected(checked.error());
    }
    if (transaction_root(transaction_ids(found.block.transactions)) != found.block.header.tx_root) {
        return make_error(ErrorCode::kMismatch, "the transactions are not those of the block");
    }
    return found;
}

}  // namespace consilium::p2p
