// Collecting and opening the shares of coins.
#include "contracts/verification/coins.hpp"

#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/labels.hpp"
#include "contracts/verification/opening.hpp"
#include "contracts/verification/shares.hpp"
#include "fl_engine/smpc/coin.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::Code;
using schema::CoinKind;
using schema::CoinRecord;
using schema::EpochRecord;
using schema::keys::CoinId;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

static_assert(schema::kCoinWords == smpc::kCoinElements);

Bytes label_bytes(const CoinId& id) {
    if (id.kind == CoinKind::kChi) return smpc::chi_label(id.label.mpc_epoch, id.label.batch);
    const auto coin =
        id.kind == CoinKind::kRange ? smpc::RoundCoin::kRange : smpc::RoundCoin::kTest;
    return smpc::round_coin_label(
        {coin, id.label.mpc_epoch, id.label.round, std::uint64_t{id.label.attempt}});
}

SharePosts load_shares(const StateView& state, const CoinId& id, schema::MemberSet members) {
    return load_posts(state, members,
                      [&](std::uint16_t member) { return keys::coin_share(id, member); });
}

void check_late(Execution& execution, const CoinId& id, const CoinRecord& coin,
                const smpc::PostedShare& late) {
    const SharePosts posts = load_shares(execution.state, id, set_of(coin.base));
    const auto fault = smpc::check_late_share(posts.spans(), late);
    if (fault) report_fault(execution, action::kCoinShare, id.label, *fault);
}

Code post_chi(Execution& execution, const Sender& sender, const schema::CoinShare& share) {
    const auto epoch = current_epoch(execution.state);
    if (!epoch || epoch->phase != schema::EpochPhase::kActive) return Code::kWrongPhase;
    const schema::BatchLabel label{share.label.mpc_epoch, share.label.batch};
    if (label.mpc_epoch != epoch->mpc_epoch) return Code::kWrongLabel;
    if (share.label != chi_coin(label).label) return Code::kWrongLabel;
    const auto batch = execution.state.find<schema::BatchRecord>(keys::batch(label));
    if (!batch) return Code::kWrongLabel;
    const bool is_open = batch->state == schema::BatchState::kSacrifice;
    const Code code = post_coin_share(execution, sender, *epoch, share, is_open);
    if (code == Code::kOk && is_open) execution.posted_batches.insert(label.batch);
    return code;
}

Code post_round_coin(Execution& execution, const Sender& sender, const schema::CoinShare& share) {
    const auto round = rounds::current_round(execution.state);
    if (!round) return Code::kWrongPhase;
    if (share.label != round->label) return Code::kWrongLabel;
    const auto epoch = execution.state.load<EpochRecord>(keys::epoch(share.label.mpc_epoch));
    const bool is_open = coin_of(round->phase) == share.kind;
    const Code code = post_coin_share(execution, sender, epoch, share, is_open);
    if (code == Code::kOk && is_open) execution.has_round_news = true;
    return code;
}

}  // namespace

CoinId chi_coin(const schema::BatchLabel& label) {
    CoinId id;
    id.kind = CoinKind::kChi;
    id.label.mpc_epoch = label.mpc_epoch;
    id.label.batch = label.batch;
    return id;
}

CoinId round_coin(CoinKind kind, const schema::RoundLabel& label) {
    CHECK(kind != CoinKind::kChi);
    return {kind, label};
}

std::optional<CoinKind> coin_of(schema::Phase phase) {
    switch (phase) {
        case schema::Phase::kCoinRange:
            return CoinKind::kRange;
        case schema::Phase::kCoinTest:
            return CoinKind::kTest;
        case schema::Phase::kSubmitting:
        case schema::Phase::kRanging:
        case schema::Phase::kStat1:
        case schema::Phase::kStat2:
        case schema::Phase::kAggregate:
        case schema::Phase::kResult:
        case schema::Phase::kAborted:
        case schema::Phase::kCancelled:
            return std::nullopt;
    }
    UNREACHABLE();
}

Code post_coin_share(Execution& execution, const Sender& sender, const EpochRecord& epoch,
                     const schema::CoinShare& share, bool is_open) {
    const auto member = epoch.find_member(sender.key);
    if (!member) return Code::kNotAMember;
    if (epoch.is_excluded(*member)) return Code::kMemberExcluded;
    const CoinId id{share.kind, share.label};
    CoinRecord coin = load_coin(execution.state, id);
    if (!is_open && !coin.seed) return Code::kWrongPhase;
    const Code code = check_words(share.values, schema::kCoinWords);
    if (code != Code::kOk) return code;
    const Bytes key = keys::coin_share(id, *member);
    if (const auto stored = execution.state.find<schema::ShareRecord>(key)) {
        return compare_stored(execution, sender, action::kCoinShare,
                              stored->values == share.values);
    }
    execution.state.store(key, schema::ShareRecord{share.values});
    coin.posters |= schema::member_bit(*member);
    execution.state.store(keys::coin(id), coin);
    if (coin.seed) check_late(execution, id, coin, {*member, share.values});
    return Code::kOk;
}

CoinRecord load_coin(const StateView& state, const CoinId& id) {
    return state.find<CoinRecord>(keys::coin(id)).value_or(CoinRecord{});
}

std::optional<Digest> try_open_coin(Execution& execution, const EpochRecord& epoch,
                                    const CoinId& id) {
    CoinRecord coin = load_coin(execution.state, id);
    if (coin.seed) return coin.seed;
    const auto heard = heard_of(epoch, coin.posters);
    const SharePosts posts = load_shares(execution.state, id, heard);
    const auto opening = smpc::open_shares(committee_of(epoch), posts.spans());
    if (!opening) return std::nullopt;
    for (const smpc::Fault& fault : opening->faults) {
        report_fault(execution, action::kCoinShare, id.label, fault);
    }
    coin.base.assign(opening->base.begin(), opening->base.end());
    coin.seed = smpc::coin_seed(label_bytes(id), opening->values);
    execution.state.store(keys::coin(id), coin);
    execution.emit(schema::Module::kVerification, event::kSeed,
                   schema::SeedOpened{id.kind, id.label, *coin.seed});
    return coin.seed;
}

void forget_coin(Execution& execution, const CoinId& id) {
    execution.state.erase(keys::coin(id));
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        execution.state.erase(keys::coin_share(id, member));
    }
}

void forget_round_coins(Execution& execution, const schema::RoundLabel& label) {
    forget_coin(execution, round_coin(CoinKind::kRange, label));
    forget_coin(execution, round_coin(CoinKind::kTest, label));
}

Code execute_coin_share(Execution& execution, const Sender& sender,
                        const Transaction& transaction) {
    return with_arguments<schema::CoinShare>(transaction.arguments, [&](const auto& share) {
        return share.kind == CoinKind::kChi ? post_chi(execution, sender, share)
                                            : post_round_coin(execution, sender, share);
    });
}

}  // namespace consilium::contracts::verification
