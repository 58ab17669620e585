// Implements the comparison of the protocol in memory with the plaintext engine.
#include "tests/lab/through_mpc.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "fl_engine/smpc/encoding.hpp"
#include "tests/lab/experiment.hpp"
#include "tests/lab/participants.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::lab {
namespace {

using mpc::testing::World;
using mpc::testing::WorldOptions;

constexpr std::uint32_t kUsualRounds = 3;

// The reference records as the council's set. A chain takes kMinReferenceRecords at least; what
// the stratified draw is short of comes from the first site.
schema::ReferenceSet reference_set_of(const Consortium& consortium) {
    schema::ReferenceSet set;
    set.data_schema = "study";
    const std::size_t columns = consortium.reference.columns();
    for (std::size_t i = 0; i < columns; ++i) set.columns.push_back({"c" + std::to_string(i)});
    const auto append = [&](const fl::Dataset& data, std::size_t rows) {
        for (std::size_t row = 0; row < rows; ++row) {
            set.labels.push_back(data.labels.at(row));
            for (std::size_t i = 0; i < columns; ++i) {
                set.features.push_back(
                    std::llround(data.features.at(row * columns + i) / fl::kFixedPointUnit));
            }
        }
    };
    append(consortium.reference, consortium.reference.rows());
    if (set.labels.size() < schema::kMinReferenceRecords) {
        append(consortium.sites.front(), schema::kMinReferenceRecords - set.labels.size());
    }
    return set;
}

WorldOptions options_of(const Setting& setting, const Consortium& consortium,
                        std::uint64_t first_clip_norm, std::uint64_t seed) {
    const auto c_max = static_cast<std::uint16_t>(std::max<std::size_t>(1, setting.attackers));
    const smpc::StatMode mode = mode_for(consortium.spec.parameter_count(), c_max);
    WorldOptions options;
    options.validators = setting.validators;
    options.clients = static_cast<std::uint32_t>(setting.sites);
    options.mode = static_cast<schema::Mode>(mode);
    options.rounds = setting.rounds == 0 ? kUsualRounds : setting.rounds;
    options.seed = seed;
    options.adjust_task = [=, layers = consortium.spec.layers](schema::TaskSpec& task) {
        task.model.kind =
            layers.size() == 2 ? schema::ModelKind::kLogistic : schema::ModelKind::kMlp;
        task.model.layers = layers;
        task.malicious_max = c_max;
        task.clip_initial = first_clip_norm;
    };
    return options;
}

class Sample {
  public:
    Sample(const Setting& setting, const Consortium& consortium, fl::Collusion attack,
           bool has_reference, std::uint64_t seed)
        : setting_(setting),
          consortium_(consortium),
          has_reference_(has_reference),
          seed_(seed),
          attackers_(choose_attackers(setting, seed, static_cast<std::size_t>(seed))),
          participants_(consortium, attack, attackers_, seed) {}

    Result<SampleReport> run() {
        // The council's C_1 comes from a rehearsal on a model like the one the contract draws.
        const auto clip = first_clip(consortium_, attackers_,
                                     fl::make_initial_model(consortium_.spec, seed_), seed_);
        if (!clip) return tl::unexpected(clip.error());
        WorldOptions options = options_of(setting_, consortium_, *clip, seed_);
        options.has_reference = has_reference_;
        if (has_reference_) options.reference = reference_set_of(consortium_);
        World world(options);
        world.make_update = [&](std::size_t client, const schema::RoundRecord& round) {
            return updates_of(world, round).at(client);
        };
        if (!world.run_rounds(world.options.rounds, 200 * std::size_t{world.options.rounds})) {
            return make_error(ErrorCode::kUnavailable,
                              "the consortium in memory did not finish its rounds");
        }
        if (failure_) return tl::unexpected(*failure_);
        history_ = smpc::VerdictHistory::make(static_cast<std::uint32_t>(setting_.sites));
        const auto opened = world.events_of<schema::Statistics>(schema::event::kStatistics);
        for (const schema::Statistics& statistics : opened) compare(world, statistics);
        for (const schema::RoundResult& result : world.results()) {
            world.expect_result_is_plain_sum(result);
            ++report_.rounds;
        }
        if (::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed()) {
            report_.defects.emplace_back("a check of the consortium in memory failed, see above");
        }
        return report_;
    }

  private:
    using Updates = std::vector<fl::IntegerUpdate>;

    const Updates& updates_of(const World& world, const schema::RoundRecord& round) {
        Updates& updates = updates_[round.label.round];
        if (!updates.empty()) return updates;
        const Bytes model = world.blobs.get(round.terms.model.sha256).value();
        const auto parameters =
            smpc::decode_integers(model, consortium_.spec.parameter_count()).value();
        const RoundContext context{static_cast<std::uint32_t>(updates_.size() - 1),
                                   parameters,
                                   {round.terms.nu, round.terms.clip_norm}};
        auto made = participants_.make_updates(context, {});
        if (!made) failure_ = made.error();
        updates = made ? std::move(*made)
                       : Updates(consortium_.sites.size(), fl::IntegerUpdate(parameters.size()));
        return updates;
    }

    // The site behind a slot of the epoch.
    static std::size_t site_of(const World& world, const schema::EpochRecord& epoch,
                               std::uint16_t slot) {
        const PublicKey& key = epoch.clients.at(slot - 1U);
        const auto found =
            std::find_if(world.clients.begin(), world.clients.end(),
                         [&](const auto& client) { return client->key.public_key() == key; });
        return static_cast<std::size_t>(found - world.clients.begin());
    }

    void compare(const World& world, const schema::Statistics& statistics) {
        const std::string name = "round " + std::to_string(statistics.label.round);
        const auto epoch =
            world.find<schema::EpochRecord>(schema::keys::epoch(statistics.label.mpc_epoch))
                .value();
        const auto round =
            world.find<schema::RoundRecord>(schema::keys::round(statistics.label.round)).value();
        if (statistics.slots.size() != setting_.sites) {
            report_.defects.push_back(name + ": not every client passed");
            return;
        }
        Updates updates;
        for (const std::uint16_t slot : statistics.slots) {
            updates.push_back(updates_.at(statistics.label.round)[site_of(world, epoch, slot)]);
        }
        const OpenedValues opened = open(world, statistics, round);
        check_blur(name, opened, updates);
        if (has_reference_) check_reference(name, world, opened, updates, round);
        check_verdict(name, world.verdict(statistics.label.round), opened, round);
        for (const schema::ClientOutcome& client : world.verdict(statistics.label.round).clients) {
            if (client.reduced_weight == 0 && !client.is_suspect &&
                participants_.is_attacker(site_of(world, epoch, client.slot))) {
                ++report_.rejections;
            }
        }
    }

    static OpenedValues open(const World& world, const schema::Statistics& statistics,
                             const schema::RoundRecord& round) {
        const auto committee = smpc::Committee::make(world.options.validators).value();
        OpenedValues opened;
        opened.mode = static_cast<smpc::StatMode>(statistics.mode);
        opened.c_max = round.terms.malicious_max;
        opened.blur_bound = smpc::blur_bound(committee, round.terms.blur_bits);
        opened.norms = statistics.norms;
        opened.statistics = statistics.values;
        if (round.reference) {
            opened.reference = smpc::VerdictReference{
                statistics.references, static_cast<std::int64_t>(round.reference->squared_norm)};
        }
        if (opened.mode == smpc::StatMode::kSum) return opened;
        const std::size_t count = statistics.norms.size();
        opened.statistics.assign(count * count, 0);
        std::size_t next = 0;
        for (std::size_t i = 0; i < count; ++i) {
            opened.statistics[i * count + i] = statistics.norms[i];
            for (std::size_t j = i + 1; j < count; ++j) {
                opened.statistics[i * count + j] = statistics.values[next];
                opened.statistics[j * count + i] = statistics.values[next++];
            }
        }
        return opened;
    }

    void check_value(const std::string& name, std::int64_t opened, std::int64_t exact,
                     std::int64_t bound) {
        ++report_.opened_values;
        const double share =
            std::abs(static_cast<double>(opened - exact)) / static_cast<double>(bound);
        report_.largest_blur = std::max(report_.largest_blur, share);
        if (share > 1) report_.defects.push_back(name + ": an opened value is beyond its blur");
    }

    void check_blur(const std::string& name, const OpenedValues& opened, const Updates& updates) {
        const std::size_t count = updates.size();
        const std::vector<std::int64_t> gram = gram_matrix(updates);
        const bool is_sum = opened.mode == smpc::StatMode::kSum;
        const auto weights = smpc::clip_weights(opened.norms, opened.blur_bound);
        for (std::size_t i = 0; i < count; ++i) {
            check_value(name, opened.norms[i], gram[i * count + i], opened.blur_bound);
            std::int64_t sum = 0;
            for (std::size_t j = 0; j < count; ++j) {
                if (j == i) continue;
                sum += weights[j] * gram[i * count + j];
                if (!is_sum) {
                    check_value(name, opened.statistics[i * count + j], gram[i * count + j],
                                opened.blur_bound);
                }
            }
            if (is_sum) check_value(name, opened.statistics[i], sum, 256 * opened.blur_bound);
        }
    }

    // g is the blob whose hash a quorum posted; its products with the updates are opened blurred.
    void check_reference(const std::string& name, const World& world, const OpenedValues& opened,
                         const Updates& updates, const schema::RoundRecord& round) {
        const auto blob = round.reference ? world.blobs.get(round.reference->sha256) : std::nullopt;
        if (!blob || !opened.reference || opened.reference->products.size() != updates.size()) {
            report_.defects.push_back(name + ": no reference was agreed on");
            return;
        }
        const auto g = smpc::decode_integers(*blob, updates.front().size()).value();
        for (std::size_t i = 0; i < updates.size(); ++i) {
            const std::int64_t exact = std::inner_product(updates[i].begin(), updates[i].end(),
                                                          g.begin(), std::int64_t{0});
            check_value(name, opened.reference->products[i], exact, opened.blur_bound);
        }
    }

    void check_verdict(const std::string& name, const schema::VerdictRecord& record,
                       const OpenedValues& opened, const schema::RoundRecord& round) {
        const auto verdict =
            judge_opened(round.terms.rule, opened, round.terms.clip_norm, history_);
        if (!verdict) {
            report_.defects.push_back(name + ": " + verdict.error().context);
            return;
        }
        for (std::size_t i = 0; i < verdict->clients.size(); ++i) {
            const smpc::ClientVerdict& plain = verdict->clients[i];
            const schema::ClientOutcome& on_chain = record.clients.at(i);
            ++report_.verdicts;
            if (static_cast<int>(plain.code) != static_cast<int>(on_chain.code) ||
                plain.is_suspect != on_chain.is_suspect || plain.weight != on_chain.weight ||
                verdict->reduced.weights[i] != on_chain.reduced_weight) {
                report_.defects.push_back(name + ": client " + std::to_string(i + 1) +
                                          " is judged differently");
            }
        }
        if (verdict->is_cancelled != record.is_cancelled) {
            report_.defects.push_back(name + ": cancelled on one side only");
        }
    }

    const Setting& setting_;
    const Consortium& consortium_;
    bool has_reference_;
    std::uint64_t seed_;
    std::vector<std::size_t> attackers_;
    Participants participants_;
    std::map<std::uint64_t, Updates> updates_;  // by round, in the order of sites
    smpc::VerdictHistory history_;
    std::optional<Error> failure_;
    SampleReport report_;
};

}  // namespace

Result<SampleReport> run_through_mpc(const Setting& setting, const Consortium& consortium,
                                     fl::Collusion attack, bool has_reference, std::uint64_t seed) {
    return Sample(setting, consortium, attack, has_reference, seed).run();
}

}  // namespace consilium::lab
