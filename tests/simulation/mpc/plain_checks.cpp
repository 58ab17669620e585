// What was opened, against the plain updates.
#include <cstdlib>

#include "contracts/schema/codes.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/field61.hpp"
#include "fl_engine/smpc/model_update.hpp"
#include "fl_engine/smpc/opening.hpp"
#include "fl_engine/smpc/statistics.hpp"
#include "tests/simulation/mpc/protocol_checks.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace keys = schema::keys;
__extension__ using Wide = __int128;

[[nodiscard]] Wide product(const Update& one, const Update& two) {
    Wide sum = 0;
    for (std::size_t x = 0; x < one.size(); ++x) sum += Wide{one[x]} * two[x];
    return sum;
}

[[nodiscard]] bool is_within(std::int64_t opened, Wide plain, Wide bound) {
    const Wide error = Wide{opened} - plain;
    return -bound <= error && error <= bound;
}

// All choices of `count` of the posted shares, as long as `use` says to go on.
template <typename Use>
bool for_each_choice(const std::vector<smpc::PostedShare>& posted, std::size_t count, Use use,
                     std::vector<smpc::PostedShare>& chosen, std::size_t from = 0) {
    if (chosen.size() == count) return use(chosen);
    for (std::size_t i = from; i < posted.size(); ++i) {
        chosen.push_back(posted[i]);
        const bool goes_on = for_each_choice(posted, count, use, chosen, i + 1);
        chosen.pop_back();
        if (!goes_on) return false;
    }
    return true;
}

}  // namespace

const Update* ProtocolChecks::update_of(const schema::RoundLabel& label, std::uint16_t slot) const {
    const auto pledge = read_record<schema::PledgeRecord>(
        reference_.state(), keys::pledge({label.mpc_epoch, label.batch}, slot));
    const auto found = pledge ? updates_.find(pledge->update.sha256) : updates_.end();
    return found == updates_.end() ? nullptr : &found->second;
}

void ProtocolChecks::check(const schema::Statistics& statistics) {
    ++counts_.openings;
    const auto round =
        read_record<schema::RoundRecord>(reference_.state(), keys::round(statistics.label.round));
    const auto epoch = read_record<schema::EpochRecord>(reference_.state(),
                                                        keys::epoch(statistics.label.mpc_epoch));
    const std::int64_t blur = smpc::blur_bound(committee_of(*epoch), round->terms.blur_bits);
    std::vector<const Update*> updates;
    for (std::size_t i = 0; i < statistics.slots.size(); ++i) {
        const Update* update = update_of(statistics.label, statistics.slots[i]);
        if (update == nullptr) return fail_("M3: statistics of an update that nobody made");
        updates.push_back(update);
        if (!is_within(statistics.norms[i], product(*update, *update), blur)) {
            return fail_("M3: the opened norm of slot " + std::to_string(statistics.slots[i]) +
                         " in round " + std::to_string(statistics.label.round) +
                         " is not that of its update");
        }
    }
    check_products(statistics, *round, updates, blur);
    check_references(statistics, *round, updates, blur);
}

void ProtocolChecks::check(const schema::ReferenceFixed& fixed) {
    ++counts_.references;
    const auto round =
        read_record<schema::RoundRecord>(reference_.state(), keys::round(fixed.label.round));
    const auto dimension = static_cast<std::size_t>(round->terms.dimension);
    const Update expected = make_reference_(fixed.label.round, dimension);
    if (sha256(smpc::encode_integers(expected)) != fixed.reference.sha256 ||
        product(expected, expected) != Wide{fixed.reference.squared_norm}) {
        fail_("M13: the reference of round " + std::to_string(fixed.label.round) +
              " is not the one that honest validators computed");
    }
}

void ProtocolChecks::check_references(const schema::Statistics& statistics,
                                      const schema::RoundRecord& round,
                                      const std::vector<const Update*>& updates,
                                      std::int64_t blur) {
    if (!round.reference) {
        if (!statistics.references.empty()) fail_("M13: products with a reference that is none");
        return;
    }
    const Update g =
        make_reference_(statistics.label.round, static_cast<std::size_t>(round.terms.dimension));
    for (std::size_t i = 0; i < updates.size(); ++i) {
        if (is_within(statistics.references.at(i), product(*updates[i], g), blur)) continue;
        return fail_("M13: the product of slot " + std::to_string(statistics.slots[i]) +
                     " with the reference of round " + std::to_string(statistics.label.round));
    }
}

void ProtocolChecks::check_products(const schema::Statistics& statistics,
                                    const schema::RoundRecord& round,
                                    const std::vector<const Update*>& updates, std::int64_t blur) {
    const std::string what = "M3: an opened product in round " +
                             std::to_string(statistics.label.round) + " is not that of the updates";
    std::size_t position = 0;
    for (std::size_t i = 0; i < updates.size(); ++i) {
        if (statistics.mode == schema::Mode::kPairwise) {
            for (std::size_t j = i + 1; j < updates.size(); ++j) {
                const Wide plain = product(*updates[i], *updates[j]);
                if (!is_within(statistics.values.at(position++), plain, blur)) return fail_(what);
            }
            continue;
        }
        Wide plain = 0;
        for (std::size_t j = 0; j < updates.size(); ++j) {
            if (j != i) plain += Wide{round.clip_weights.at(j)} * product(*updates[i], *updates[j]);
        }
        const Wide bound = Wide{blur} << smpc::kSumBlurExtraBits;
        if (!is_within(statistics.values.at(i), plain, bound)) return fail_(what);
    }
}

std::optional<std::vector<std::int64_t>> ProtocolChecks::find_aggregate(
    const schema::RoundResult& result, const smpc::Committee& committee) const {
    const auto posts = aggregates_.find(result.label.round);
    if (posts == aggregates_.end()) return std::nullopt;
    std::vector<std::vector<smpc::Element>> words;
    std::vector<smpc::PostedShare> posted;
    words.reserve(posts->second.size());
    for (const auto& [member, blob] : posts->second) {
        words.push_back(smpc::decode_words(blob, blob.size() / 8).value());
        posted.push_back({member, words.back()});
    }
    std::optional<std::vector<std::int64_t>> found;
    std::vector<smpc::PostedShare> chosen;
    for_each_choice(
        posted, committee.t() + 1,
        [&](const std::vector<smpc::PostedShare>& base) {
            auto values = smpc::read_aggregate(smpc::interpolate_vector(base, 0));
            if (smpc::aggregate_digest(values) != result.aggregate) return true;
            found = std::move(values);
            return false;
        },
        chosen);
    return found;
}

void ProtocolChecks::check(const schema::RoundResult& result) {
    ++counts_.results;
    counts_.last_result = result.label.round;
    const auto round =
        read_record<schema::RoundRecord>(reference_.state(), keys::round(result.label.round));
    const auto epoch =
        read_record<schema::EpochRecord>(reference_.state(), keys::epoch(result.label.mpc_epoch));
    const auto aggregate = find_aggregate(result, committee_of(*epoch));
    if (!aggregate) return fail_("M4: the aggregate is on no polynomial of the posted shares");
    check_aggregate(result, *round, *aggregate);
    const auto before = reference_.get(round->terms.model.sha256);
    const auto after = reference_.get(result.model.sha256);
    if (!before || !after) return fail_("M4: a model that nobody made");
    const auto expected = smpc::apply_aggregate(
        smpc::decode_integers(*before, aggregate->size()).value(), *aggregate,
        {.clip_norm = round->terms.clip_norm,
         .scale = smpc::encoding_scale(round->terms.nu, round->terms.dimension),
         .weight_sum = result.weight_sum});
    if (!expected || smpc::encode_integers(*expected) != *after) {
        fail_("M4: the new model does not follow from the aggregate");
    }
    aggregates_.erase(result.label.round);
}

void ProtocolChecks::check_aggregate(const schema::RoundResult& result,
                                     const schema::RoundRecord& round,
                                     const std::vector<std::int64_t>& aggregate) {
    const auto verdict =
        read_record<schema::VerdictRecord>(reference_.state(), keys::verdict(result.label.round));
    const auto epoch =
        read_record<schema::EpochRecord>(reference_.state(), keys::epoch(result.label.mpc_epoch));
    std::vector<Wide> sum(static_cast<std::size_t>(round.terms.dimension));
    std::uint64_t weight_sum = 0;
    for (const schema::ClientOutcome& outcome : verdict->clients) {
        if (outcome.reduced_weight == 0) continue;
        const Update* update = update_of(result.label, outcome.slot);
        if (update == nullptr) return fail_("M4: a weight for an update that nobody made");
        weight_sum += outcome.reduced_weight;
        for (std::size_t x = 0; x < sum.size(); ++x) {
            sum[x] += Wide{outcome.reduced_weight} * (*update)[x];
        }
    }
    if (weight_sum != result.weight_sum) return fail_("M4: the sum of weights");
    const Wide dither = verdict->dither_bits
                            ? Wide{committee_of(*epoch).subset_count()} << *verdict->dither_bits
                            : Wide{0};
    for (std::size_t x = 0; x < sum.size(); ++x) {
        if (is_within(aggregate.at(x), sum[x], dither)) continue;
        return fail_("M4: coordinate " + std::to_string(x) + " of the aggregate of round " +
                     std::to_string(result.label.round) + " is not the weighted sum");
    }
}

}  // namespace consilium::simulation
