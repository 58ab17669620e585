// Checks a job, trains, encodes.
#include "fl_engine/reference/trainer.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/check.hpp"
#include "core/codec.hpp"
#include "core/digest.hpp"
#include "fl_engine/reference/encode.hpp"
#include "fl_engine/reference/network.hpp"
#include "fl_engine/reference/numbers.hpp"

namespace consilium::reference {
namespace {

constexpr std::uint64_t kMaxParameters = std::uint64_t{1} << 20U;  // d of the protocol
constexpr std::uint32_t kMaxEpochs = 1'000;
constexpr std::uint64_t kMaxClip = std::uint64_t{1} << 56U;  // exclusive
constexpr std::uint32_t kMillion = 1'000'000;

// d, or 0 for layers that no model has.
std::uint64_t parameter_count(std::span<const std::uint32_t> layers) {
    if (layers.size() < 2 || layers.back() != 1) return 0;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
        if (layers[i] == 0 || layers[i] > kMaxParameters) return 0;
        count += (std::uint64_t{layers[i]} + 1) * layers[i + 1];
        if (layers[i + 1] > kMaxParameters || count > kMaxParameters) return 0;
    }
    return count;
}

const char* find_data_fault(const Job& job) {
    const std::uint64_t count = parameter_count(job.layers);
    if (count == 0) return "layers";
    if (job.model.size() != count) return "number of the model's parameters";
    if (job.labels.empty()) return "no records";
    if (job.features.size() / job.layers.front() != job.labels.size() ||
        job.features.size() % job.layers.front() != 0) {
        return "number of features";
    }
    const auto is_class = [](std::uint8_t label) { return label <= 1; };
    if (!std::all_of(job.labels.begin(), job.labels.end(), is_class)) return "labels";
    return nullptr;
}

const char* find_fault(const Job& job) {
    if (const char* fault = find_data_fault(job)) return fault;
    if (job.epochs == 0 || job.epochs > kMaxEpochs) return "epochs";
    if (job.batch_size == 0) return "batch size";
    if (job.learning_rate_micros == 0) return "learning rate";
    if (job.momentum_micros >= kMillion || job.weight_decay_micros >= kMillion) {
        return "momentum and weight decay must be below 1";
    }
    if (job.norm_bits < 16 || job.norm_bits > 23) return "norm bits";
    if ((std::uint64_t{1} << job.norm_bits) < 16 * ceil_sqrt(job.model.size())) return "norm bits";
    if (job.clip_norm == 0 || job.clip_norm >= kMaxClip) return "clip norm";
    return nullptr;
}

double real_of_micros(std::uint32_t micros) {
    return static_cast<double>(micros) / 1e6;
}

std::vector<double> reals_of(std::span<const std::int64_t> values) {
    std::vector<double> reals(values.size());
    std::transform(values.begin(), values.end(), reals.begin(),
                   [](std::int64_t value) { return static_cast<double>(value) * 0x1p-32; });
    return reals;
}

// A permutation that task, round and epoch fix: records sorted by a hash of their number.
std::vector<std::size_t> order_of_epoch(const Job& job, std::uint32_t epoch) {
    std::vector<std::pair<Digest, std::size_t>> keyed;
    for (std::uint64_t record = 0; record < job.labels.size(); ++record) {
        const std::array<Bytes, 4> parts{
            consilium::encode(std::uint64_t{job.task}), consilium::encode(job.round),
            consilium::encode(std::uint64_t{epoch}), consilium::encode(record)};
        keyed.emplace_back(
            tagged_hash("consilium/reference-order/v1", {parts[0], parts[1], parts[2], parts[3]}),
            static_cast<std::size_t>(record));
    }
    std::sort(keyed.begin(), keyed.end());
    std::vector<std::size_t> order;
    for (const auto& [key, record] : keyed) order.push_back(record);
    return order;
}

}  // namespace

Result<std::vector<std::int64_t>> train(const Job& job) {
    if (!is_arithmetic_as_assumed()) {
        return make_error(ErrorCode::kRefused,
                          "the processor does not round to nearest with subnormals");
    }
    if (const char* fault = find_fault(job)) {
        return make_error(ErrorCode::kRefused, std::string("reference training: ") + fault);
    }
    const std::vector<double> start = reals_of(job.model);
    const Rows rows{
        job.layers.front(), reals_of(job.features), {job.labels.begin(), job.labels.end()}};
    Descent descent(job.layers, start,
                    {.batch_size = job.batch_size,
                     .rate = real_of_micros(job.learning_rate_micros),
                     .momentum = real_of_micros(job.momentum_micros),
                     .weight_decay = real_of_micros(job.weight_decay_micros)});
    for (std::uint32_t epoch = 0; epoch < job.epochs; ++epoch) {
        descent.run_epoch(rows, order_of_epoch(job, epoch));
    }
    std::vector<double> update = descent.parameters();
    for (std::size_t x = 0; x < update.size(); ++x) {
        update[x] -= start[x];
        if (!is_finite(update[x])) {
            return make_error(ErrorCode::kRefused, "reference training diverged");
        }
    }
    return reference::encode(update, {job.norm_bits, job.clip_norm});
}

std::uint64_t squared_norm(std::span<const std::int64_t> update) {
    const Uint128 sum = exact_norm(update);
    CHECK(sum >> 64U == 0);
    return static_cast<std::uint64_t>(sum);
}

}  // namespace consilium::reference
