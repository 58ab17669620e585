// Implements plaintext federated averaging on the chain's integers.
#include "fl_engine/training/fedavg.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/types.hpp"
#include "fl_engine/data/random_stream.hpp"

namespace consilium::fl {
namespace {

ByteSource seeded_bytes(std::uint64_t seed) {
    return [stream = RandomStream(seed)](std::span<std::uint8_t> out) mutable {
        constexpr unsigned kTopByte = 56;
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(stream.next() >> kTopByte);
    };
}

Result<IntegerUpdate> make_update(const FedAvgTask& task, const FedAvgHospital& hospital,
                                  const IntegerModel& model, const RoundInput& round) {
    const std::uint64_t seed = training_seed(hospital.seed, task.task, round.round);
    const TransformContext context{
        .round = round.round, .clip = clip_to_double(round.encoding.clip), .seed = seed};
    Result<std::vector<double>> delta = [&] {
        if (!hospital.deviation.labels) {
            return train_update(task.spec, model, hospital.training, task.training, seed);
        }
        Dataset data = hospital.training;
        data.labels = hospital.deviation.labels(data.labels, context);
        return train_update(task.spec, model, data, task.training, seed);
    }();
    if (!delta) return tl::unexpected(delta.error());
    if (hospital.deviation.update) {
        return encode_update(hospital.deviation.update(*delta, context), round.encoding);
    }
    if (!task.noise) return encode_update(*delta, round.encoding);
    RandomBits random(seeded_bytes(derive_seed("fedavg-noise", {seed})));
    return make_noisy_update(*delta, round.encoding, *task.noise, random);
}

Result<std::vector<std::uint64_t>> choose_weights(std::span<const FedAvgHospital> hospitals,
                                                  const RoundInput& round, const WeightRule& rule) {
    if (rule) return rule(round);
    std::vector<std::uint64_t> weights;
    weights.reserve(hospitals.size());
    for (const FedAvgHospital& hospital : hospitals) weights.push_back(hospital.weight);
    return weights;
}

struct WeightedSum {
    IntegerUpdate sum;
    std::uint64_t weight_sum = 0;
};

Result<WeightedSum> add_up(std::span<const IntegerUpdate> updates,
                           std::span<const std::uint64_t> weights) {
    constexpr std::uint64_t kMaxWeight = std::uint64_t{1} << 16U;  // H4 of the protocol
    WeightedSum out{.sum = IntegerUpdate(updates.front().size()), .weight_sum = 0};
    if (weights.size() != updates.size()) {
        return make_error(ErrorCode::kMismatch, "the rule must give one weight per hospital");
    }
    for (std::size_t i = 0; i < updates.size(); ++i) {
        if (weights[i] > kMaxWeight) {
            return make_error(ErrorCode::kLimitExceeded, "a weight is above 2^16");
        }
        out.weight_sum += weights[i];
        for (std::size_t x = 0; x < out.sum.size(); ++x) {
            // At most 64 hospitals of norm 2^23 and weight 2^16: far inside int64.
            out.sum[x] += static_cast<std::int64_t>(weights[i]) * updates[i][x];
        }
    }
    return out;
}

Result<void> check_task(const FedAvgTask& task, std::span<const FedAvgHospital> hospitals,
                        const Dataset& test) {
    constexpr std::size_t kMaxParticipants = 64;  // client slots of the protocol
    if (hospitals.empty() || hospitals.size() > kMaxParticipants) {
        return make_error(ErrorCode::kRefused, "federated averaging needs 1 to 64 hospitals");
    }
    if (task.clip_bounds.min == 0 || task.clip_bounds.min > task.clip_bounds.max ||
        task.clip_bounds.max >= kMaxClip) {
        return make_error(ErrorCode::kRefused, "the bounds of the clip norm are out of order");
    }
    if (task.initial_model.size() != task.spec.parameter_count() ||
        test.columns() != task.spec.input_count()) {
        return make_error(ErrorCode::kRefused,
                          "model, specification and test data do not fit together");
    }
    return {};
}

}  // namespace

Result<FedAvgResult> run_fedavg(const FedAvgTask& task, std::span<const FedAvgHospital> hospitals,
                                const Dataset& test, const WeightRule& rule) {
    if (const Result<void> status = check_task(task, hospitals, test); !status) {
        return tl::unexpected(status.error());
    }
    FedAvgResult result{.model = task.initial_model, .rounds = {}};
    EncodingParameters encoding = task.encoding;
    for (std::uint32_t count = 0; count < task.rounds; ++count) {
        RoundInput round{.round = task.first_round + count, .encoding = encoding, .updates = {}};
        std::vector<IntegerUpdate> updates;
        std::vector<Uint128> norms;
        RoundRecord record{.round = round.round,
                           .clip = encoding.clip,
                           .update_norms = {},
                           .weights = {},
                           .metrics = {}};
        const double unit = clip_to_double(encoding.clip) /
                            static_cast<double>((std::uint64_t{1} << encoding.norm_bits) -
                                                ceil_sqrt(task.spec.parameter_count()));
        for (const FedAvgHospital& hospital : hospitals) {
            Result<IntegerUpdate> update = make_update(task, hospital, result.model, round);
            if (!update) return tl::unexpected(update.error());
            norms.push_back(norm_squared(*update));
            record.update_norms.push_back(std::sqrt(static_cast<double>(norms.back())) * unit);
            updates.push_back(std::move(*update));
        }
        round.updates = updates;
        Result<std::vector<std::uint64_t>> weights = choose_weights(hospitals, round, rule);
        if (!weights) return tl::unexpected(weights.error());
        const Result<WeightedSum> sum = add_up(updates, *weights);
        if (!sum) return tl::unexpected(sum.error());
        Result<IntegerModel> model =
            apply_aggregate(result.model, sum->sum, sum->weight_sum, encoding);
        if (!model) return tl::unexpected(model.error());
        result.model = std::move(*model);
        record.weights = std::move(*weights);
        record.metrics = evaluate(task.spec, result.model, test);
        result.rounds.push_back(std::move(record));
        encoding.clip = next_clip(norms, task.spec.parameter_count(), encoding, task.clip_bounds);
    }
    return result;
}

}  // namespace consilium::fl
