// Reads state and outcomes from an untrusted node and proves every answer from genesis.
//
// A header is trusted for the commit certificate it comes with, a value for its sparse Merkle
// proof, a receipt for its Merkle proof. Changes of the validators are followed from genesis: the
// header that announces one is certified by the members before it. What no proof can show is
// freshness: a node may answer with an old, true state, so every answer carries its height and
// time; once a change is known no state of an earlier epoch is taken. Not thread-safe.
#pragma once
#include <cstdint>
#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/genesis.hpp"
#include "core/light_client.hpp"
#include "core/receipt.hpp"
#include "core/result.hpp"
#include "p2p/client/api_channel.hpp"

namespace consilium::p2p {

struct VerifiedValue {
    BlockHeader header;          // of the block whose state it is
    Certificate certificate;     // of that block
    std::optional<Bytes> value;  // nullopt: proven absent
};

struct VerifiedReceipt {
    BlockHeader header;
    Certificate certificate;
    Receipt receipt;
};

struct VerifiedBlock {
    Block block;
    Certificate certificate;
};

class VerifiedReader {
  public:
    // `channel` outlives the reader. The first membership is genesis'; later ones are asked for
    // when an answer is of their epoch.
    VerifiedReader(ApiChannel& channel, const Genesis& genesis);

    // What certifies the newest block that was proven so far.
    [[nodiscard]] const Membership& membership() const { return light_client_.membership(); }

    // kMismatch or kInvalidSignature: the answer is not proven, so the node lies or is of another
    // chain. kNotFound, kUnavailable, kMalformed: there was no answer that could be checked.
    [[nodiscard]] Result<VerifiedValue> read(ByteView key);
    // The same as a record: kMalformed when the proven bytes are no T. nullopt: proven absent.
    template <typename T>
    [[nodiscard]] Result<std::optional<T>> read_record(ByteView key) {
        auto read_value = read(key);
        if (!read_value) return tl::unexpected(read_value.error());
        if (!read_value->value) return std::optional<T>();
        auto record = decode<T>(*read_value->value);
        if (!record) return tl::unexpected(record.error());
        return std::optional<T>(*std::move(record));
    }
    // That the transaction stands in a certified block, and with which receipt.
    [[nodiscard]] Result<VerifiedReceipt> receipt(const Digest& id);
    // A block with its certificate; the transactions are those the header commits to.
    [[nodiscard]] Result<VerifiedBlock> block(Height height);

  private:
    struct CertifiedHeader {
        BlockHeader header;
        Certificate certificate;
    };
    [[nodiscard]] Result<CertifiedHeader> certified_header(const nlohmann::json& object);
    [[nodiscard]] Result<void> check(const BlockHeader& header, const Certificate& certificate);
    [[nodiscard]] Result<void> follow_to(Epoch epoch);

    ApiChannel& channel_;
    LightClient light_client_;
};

}  // namespace consilium::p2p
