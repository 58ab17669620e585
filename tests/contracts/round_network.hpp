// A chain with one task, driven up to its first round, and what a round should come to.
#pragma once
#include <gtest/gtest.h>

#include "fl_engine/smpc/model_update.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {

struct Network {
    explicit Network(std::size_t organisations, const schema::TaskSpec& spec = test_task())
        : chain(organisations), driver(chain) {
        for (std::size_t i = 0; i < organisations; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), schema::Code::kOk);
    }
    // Up to the opening of the first round.
    void start() {
        driver.set_up_epoch();
        driver.prepare_batches();
        ASSERT_EQ(driver.round().phase, schema::Phase::kSubmitting);
    }
    [[nodiscard]] std::set<std::uint16_t> all_slots() const {
        std::set<std::uint16_t> slots;
        for (std::uint16_t i = 1; i <= driver.epoch().clients.size(); ++i) slots.insert(i);
        return slots;
    }
    [[nodiscard]] schema::TaskRecord task() const {
        return chain.load<schema::TaskRecord>(schema::keys::task(1));
    }
    [[nodiscard]] schema::VerdictRecord verdict(std::uint64_t round) const {
        return chain.load<schema::VerdictRecord>(schema::keys::verdict(round));
    }
    Chain chain;
    ConsortiumDriver driver;
};

inline std::vector<std::int64_t> model_of(const Chain& chain, std::uint32_t version) {
    const auto record = chain.load<schema::ModelRecord>(schema::keys::model(1, version));
    const auto content = chain.blobs.get(record.parameters.sha256);
    EXPECT_TRUE(content.has_value());
    return smpc::decode_integers(*content, record.parameters.length / 8).value();
}

// The model must have moved by the weighted mean of the plaintext updates, up to the dither.
inline void expect_model_step(const Network& net, const Updates& updates, std::uint64_t round) {
    const auto record = net.chain.load<schema::RoundRecord>(schema::keys::round(round));
    ASSERT_EQ(record.phase, schema::Phase::kResult);
    const auto verdict = net.verdict(round);
    const std::size_t dimension = updates[0].size();
    std::vector<std::int64_t> sum(dimension, 0);
    for (const schema::ClientOutcome& client : verdict.clients) {
        for (std::size_t x = 0; x < dimension; ++x) {
            sum[x] += std::int64_t{client.reduced_weight} * updates[client.slot - 1U][x];
        }
    }
    const smpc::ModelStep step{record.terms.clip_norm,
                               smpc::encoding_scale(record.terms.nu, dimension), record.weight_sum};
    const auto before = model_of(net.chain, record.terms.model_version);
    const auto after = model_of(net.chain, *record.model_version);
    const auto expected = smpc::apply_aggregate(before, sum, step).value();
    const std::int64_t width = record.dither_bits ? std::int64_t{1} << *record.dither_bits : 0;
    const auto members =
        net.chain.load<schema::EpochRecord>(schema::keys::epoch(record.label.mpc_epoch));
    const auto committee =
        smpc::Committee::make(static_cast<std::uint32_t>(members.members.size())).value();
    const auto clip = static_cast<double>(step.clip_norm);
    const double per_unit =
        clip / (static_cast<double>(step.scale) * static_cast<double>(step.weight_sum));
    const double bound =
        static_cast<double>(committee.subset_count()) * static_cast<double>(width) * per_unit + 1;
    for (std::size_t x = 0; x < dimension; ++x) {
        EXPECT_LE(std::abs(static_cast<double>(after[x] - expected[x])), bound);
    }
    EXPECT_NE(before, after);
}

}  // namespace consilium::contracts::testing
