// Shares of coins, from the keys of the batch or of the round.
#include "node/mpc/coin_shares.hpp"

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/coin.hpp"

namespace consilium::mpc {
namespace {

using schema::CoinKind;

Outgoing make_outgoing(std::string label, schema::CoinShare share) {
    return {.label = std::move(label),
            .module = static_cast<std::uint16_t>(schema::Module::kVerification),
            .action = schema::action::kCoinShare,
            .arguments = encode(share),
            .blobs = {}};
}

}  // namespace

bool is_coin_share_owed(const Context& context, const schema::keys::CoinId& coin) {
    const auto record = context.find<schema::CoinRecord>(schema::keys::coin(coin));
    return !record || !context.is_mine(record->posters);
}

Outgoing make_chi_share(const Context& context, const BatchKeys& keys,
                        const schema::BatchLabel& batch) {
    schema::CoinShare share;
    share.kind = CoinKind::kChi;
    share.label.mpc_epoch = batch.mpc_epoch;
    share.label.batch = batch.batch;
    share.values = smpc::chi_coin_shares(context.kdf, context.committee, context.self, keys.prep);
    return make_outgoing(
        epoch_name(batch.mpc_epoch) + "/batch-" + std::to_string(batch.batch) + "/coin-chi",
        std::move(share));
}

Outgoing make_round_coin_share(const Context& context, const EpochKeys& keys, CoinKind kind,
                               const schema::RoundLabel& label) {
    CHECK(kind != CoinKind::kChi);
    CHECK(keys.are_at(context.epoch, label.round));
    const auto coin = kind == CoinKind::kRange ? smpc::RoundCoin::kRange : smpc::RoundCoin::kTest;
    schema::CoinShare share{kind, label, {}};
    share.values =
        smpc::round_coin_shares(context.kdf, context.committee, context.self, keys.coin,
                                {coin, label.mpc_epoch, label.round, std::uint64_t{label.attempt}});
    return make_outgoing("round-" + std::to_string(label.round) + "-" +
                             std::to_string(label.attempt) + "/coin-" +
                             std::string(to_string(kind)),
                         std::move(share));
}

}  // namespace consilium::mpc
