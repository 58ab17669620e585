// Shares, checks and reveals of batches, computed naively from the parties' masks.
#include "tests/contracts/preparation_driver.hpp"

#include <gtest/gtest.h>

#include "fl_engine/smpc/coin.hpp"

namespace consilium::contracts::testing {
namespace {

namespace keys = schema::keys;
using smpc::Field61;
using smpc::testing::MemberState;

void add_errors(const Errors& errors, std::uint16_t member, std::vector<std::uint64_t>& values) {
    const auto found = errors.find(member);
    if (found == errors.end()) return;
    for (const auto& [position, error] : found->second) {
        values.at(position) = Field61::add(values.at(position), error);
    }
}

template <typename Key>
void append_keys(std::vector<schema::KeyBytes>& out, const std::vector<Key>& ring) {
    for (const Key& key : ring) {
        const auto bytes = key.secret().view();
        std::copy(bytes.begin(), bytes.end(), out.emplace_back().begin());
    }
}

}  // namespace

PreparationScene::PreparationScene(std::uint32_t n, std::uint32_t clients,
                                   const schema::TaskSpec& spec)
    : chain(n), driver(chain) {
    const std::uint32_t trainers = clients == 0 ? n : clients;
    for (std::size_t i = 0; i < trainers; ++i) chain.add_trainer(i);
    EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), schema::Code::kOk);
    driver.set_up_epoch();
}

MemberList PreparationScene::all_but(const MemberList& absent) const {
    MemberList members;
    for (std::uint16_t member = 1; member <= driver.epoch().members.size(); ++member) {
        if (!absent.contains(member)) members.insert(member);
    }
    return members;
}

schema::BatchLabel PreparationScene::label(std::uint64_t batch) const {
    return {driver.epoch().mpc_epoch, batch};
}

schema::BatchRecord PreparationScene::batch(std::uint64_t number) const {
    return chain.load<schema::BatchRecord>(keys::batch(label(number)));
}

keys::CoinId PreparationScene::chi(std::uint64_t batch) const {
    keys::CoinId id;
    id.label.mpc_epoch = driver.epoch().mpc_epoch;
    id.label.batch = batch;
    return id;
}

PublicKey PreparationScene::key(std::uint16_t member) const {
    return driver.epoch().members.at(member - 1U);
}

std::size_t PreparationScene::position(std::uint32_t i, std::uint32_t j) const {
    return smpc::BatchItems(static_cast<std::uint32_t>(driver.epoch().clients.size()))
        .position(i, j);
}

void PreparationScene::post_shares(std::uint64_t batch, const MemberList& members,
                                   const Errors& errors) {
    std::vector<Transaction> transactions;
    for (const std::uint16_t member : members) {
        schema::PrepShare share{label(batch), driver.prep_share(batch, member)};
        add_errors(errors, member, share.values);
        transactions.push_back(chain.make(key(member), kPrepShare, share));
    }
    chain.run(transactions);
}

schema::CoinShare PreparationScene::chi_share(std::uint64_t batch, std::uint16_t member) {
    auto& parties = driver.consortium_at(batch);
    const MemberState& state = parties.members.at(member - 1U);
    return {schema::CoinKind::kChi, chi(batch).label,
            smpc::chi_coin_shares(parties.kdf, parties.committee, member, state.prep_keys)};
}

void PreparationScene::post_chi(std::uint64_t batch, const MemberList& members,
                                const Errors& errors) {
    std::vector<Transaction> transactions;
    for (const std::uint16_t member : members) {
        schema::CoinShare share = chi_share(batch, member);
        add_errors(errors, member, share.values);
        transactions.push_back(chain.make(key(member), kCoinShare, share));
    }
    chain.run(transactions);
}

std::vector<std::uint64_t> PreparationScene::chi_values(std::uint64_t batch) const {
    const auto coin = chain.load<schema::CoinRecord>(keys::coin(chi(batch)));
    CHECK(coin.seed.has_value());
    return smpc::expand_seed(*coin.seed, driver.epoch().clients.size());
}

std::vector<std::uint64_t> PreparationScene::weights(std::uint64_t batch, std::uint16_t member) {
    const MemberState& state = driver.consortium_at(batch).members.at(member - 1U);
    const auto factors = chi_values(batch);
    std::vector<std::uint64_t> share(state.masks[0].size());
    for (std::size_t x = 0; x < share.size(); ++x) {
        share[x] = Field61::negate(state.masks[0][x]);
        for (std::size_t i = 0; i < factors.size(); ++i) {
            share[x] = Field61::add(share[x], Field61::mul(factors[i], state.masks[i + 1][x]));
        }
    }
    return share;
}

std::vector<Transaction> PreparationScene::make_weights(std::uint64_t batch,
                                                        const MemberList& members,
                                                        const Errors& errors) {
    std::vector<Transaction> transactions;
    for (const std::uint16_t member : members) {
        std::vector<std::uint64_t> share = weights(batch, member);
        add_errors(errors, member, share);
        const Bytes content = smpc::encode_words(share);
        const schema::PrepWeights arguments{label(batch),
                                            {chain.blobs.put(content), content.size()}};
        transactions.push_back(chain.make(key(member), kPrepWeights, arguments));
        EXPECT_TRUE(is_blob_expected(chain.state, transactions.back()));
    }
    return transactions;
}

void PreparationScene::post_weights(std::uint64_t batch, const MemberList& members,
                                    const Errors& errors) {
    chain.run(make_weights(batch, members, errors));
}

void PreparationScene::post_checks(std::uint64_t batch, const MemberList& members,
                                   const Errors& errors) {
    auto& parties = driver.consortium_at(batch);
    const auto factors = chi_values(batch);
    smpc::testing::Posts shares;
    for (std::uint16_t member = 1; member <= parties.committee.t() + 1; ++member) {
        shares[member] = weights(batch, member);
    }
    const auto opened = smpc::interpolate_vector(smpc::testing::posted(shares), 0);
    const auto delta = this->batch(batch).delta;
    std::vector<Transaction> transactions;
    for (const std::uint16_t member : members) {
        const MemberState& state = parties.members.at(member - 1U);
        schema::PrepCheck check{label(batch), {}};
        for (std::uint32_t j = 1; j <= factors.size(); ++j) {
            std::uint64_t value = Field61::negate(smpc::inner_product(opened, state.masks.at(j)));
            for (std::uint32_t i = 0; i <= factors.size(); ++i) {
                const std::size_t item = parties.items.position(i, j);
                const std::uint64_t factor = i == 0 ? Field61::negate(1) : factors[i - 1];
                const std::uint64_t masked = Field61::add(delta.at(item), state.prep.rho[item]);
                value = Field61::add(value, Field61::mul(factor, masked));
            }
            check.values.push_back(value);
        }
        add_errors(errors, member, check.values);
        transactions.push_back(chain.make(key(member), kPrepCheck, check));
    }
    chain.run(transactions);
}

schema::PrepReveal PreparationScene::reveal(std::uint64_t batch, std::uint16_t member) {
    const MemberState& state = driver.consortium_at(batch).members.at(member - 1U);
    const auto dispute = chain.load<schema::DisputeRecord>(keys::dispute(label(batch)));
    schema::PrepReveal arguments;
    arguments.label = label(batch);
    for (const std::uint16_t slot : dispute.asked_slots()) {
        append_keys(arguments.masks, state.mask_rings.at(slot));
    }
    append_keys(arguments.prep, state.prep_keys);
    return arguments;
}

void PreparationScene::post_reveals(std::uint64_t batch, const MemberList& members,
                                    const std::map<std::uint16_t, std::size_t>& false_keys) {
    std::vector<Transaction> transactions;
    for (const std::uint16_t member : members) {
        schema::PrepReveal arguments = reveal(batch, member);
        if (const auto found = false_keys.find(member); found != false_keys.end()) {
            const std::size_t masks = arguments.masks.size();
            auto& keys = found->second < masks ? arguments.masks : arguments.prep;
            keys.at(found->second < masks ? found->second : found->second - masks)[0] ^= 1;
        }
        transactions.push_back(chain.make(key(member), kPrepReveal, arguments));
    }
    chain.run(transactions);
}

void PreparationScene::pass_preparation_window() {
    chain.pass(test_parameters().preparation_window.blocks + 1);
}

void PreparationScene::sacrifice(std::uint64_t batch, const MemberList& members) {
    post_chi(batch, members);
    post_weights(batch, members);
    post_checks(batch, members);
}

}  // namespace consilium::contracts::testing
