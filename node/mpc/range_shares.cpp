// RANGE blobs, unmasked into shares and put into the round's linear forms.
#include "node/mpc/range_shares.hpp"

namespace consilium::mpc {
namespace {

// z_i^(k) of one client.
std::optional<smpc::SecretElements> read_message(const Context& context, const BatchKeys& keys,
                                                 const schema::RoundRecord& round,
                                                 smpc::ClientIndex slot) {
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    const auto record = context.find<schema::RangeRecord>(
        schema::keys::range(batch, static_cast<std::uint16_t>(slot)));
    if (!record) return std::nullopt;
    const auto blob = context.blobs.get(record->proof.sha256);
    if (!blob) return std::nullopt;  // certified, hence held by others: it is being fetched
    const auto shape = smpc::range_shape(round.terms.dimension, round.terms.nu);
    const auto words = smpc::decode_words(*blob, shape.message_length());
    if (!words) return std::nullopt;
    return smpc::range_message_share(context.kdf, context.committee, context.self,
                                     keys.masks.at(slot), *words);
}

}  // namespace

std::optional<std::vector<smpc::RangeShares>> evaluate_ranges(
    const Context& context, const BatchKeys& keys, const schema::RoundRecord& round,
    std::span<const smpc::ClientShare> clients) {
    const auto shape = smpc::range_shape(round.terms.dimension, round.terms.nu);
    if (!round.test_seed || round.range_seed.has_value() == shape.is_small()) return std::nullopt;
    std::vector<smpc::SecretElements> messages;
    for (const smpc::ClientShare& client : clients) {
        auto message = read_message(context, keys, round, client.client);
        if (!message) return std::nullopt;
        messages.push_back(std::move(*message));
    }
    const smpc::RangeVerifier verifier(shape, round.range_seed, *round.test_seed);
    std::vector<smpc::RangeShares> shares;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        shares.push_back(verifier.evaluate(clients[i].values, messages[i]));
    }
    return shares;
}

}  // namespace consilium::mpc
