// Shape of models and validity of task specifications.
#include "contracts/schema/task.hpp"

#include <algorithm>
#include <set>

#include "contracts/schema/names.hpp"

namespace consilium::schema {
namespace {

constexpr std::uint32_t kMaxEpochs = 1'000;
constexpr std::uint32_t kMaxBatchSize = 1U << 16;
constexpr std::uint32_t kMaxRateMicros = 10'000'000;

const char* find_window_fault(const RoundWindows& windows) {
    for (const Window& window :
         {windows.pledge, windows.submit, windows.range, windows.aggregate}) {
        if (window.blocks == 0 || window.blocks > kMaxWindow.blocks) return "window blocks";
        if (window.ms > kMaxWindow.ms) return "window ms";
    }
    return nullptr;
}

const char* find_training_fault(const TrainingHints& training) {
    if (training.epochs == 0 || training.epochs > kMaxEpochs) return "training epochs";
    if (training.batch_size == 0 || training.batch_size > kMaxBatchSize) return "batch size";
    if (training.learning_rate_micros == 0) return "learning rate";
    for (const std::uint32_t rate : {training.learning_rate_micros, training.momentum_micros,
                                     training.weight_decay_micros, training.proximal_micros}) {
        if (rate > kMaxRateMicros) return "training rates";
    }
    return nullptr;
}

const char* find_clip_fault(const TaskSpec& spec) {
    if (spec.clip_min == 0 || spec.clip_max > kMaxClip) return "clip bounds";
    if (spec.clip_initial < spec.clip_min || spec.clip_initial > spec.clip_max) {
        return "clip_initial outside clip_min..clip_max";
    }
    return nullptr;
}

const char* find_defence_fault(const TaskSpec& spec, std::uint64_t dimension) {
    if (spec.nu < 16 || spec.nu > 23) return "nu outside 16..23";
    // 2^nu >= 16 ceil(sqrt d): the square of both sides, with d rounded up to a square.
    std::uint64_t root = 0;
    while (root * root < dimension) ++root;
    if ((std::uint64_t{1} << spec.nu) < 16 * root) return "nu too small for the model";
    if (spec.malicious_max == 0) return "malicious_max below 1";
    if (min_submissions(spec.malicious_max) > kMaxClients) return "malicious_max too large";
    const std::uint64_t needed = 16 * (std::uint64_t{spec.malicious_max} + 1);
    if (spec.mode == Mode::kPairwise && dimension < needed) {
        return "the model is too small for pairwise mode";
    }
    return nullptr;
}

// The reference trainer has one output, as the hospitals' trainers have.
const char* find_reference_fault(const TaskSpec& spec) {
    if (!spec.reference_set) {
        return spec.is_reference_required ? "a reference is required, but no set is named"
                                          : nullptr;
    }
    return spec.model.layers.back() == 1 ? nullptr : "a reference needs a model with one output";
}

}  // namespace

const char* find_fault(const std::vector<DataWeight>& weights) {
    std::set<PublicKey> seen;
    for (const DataWeight& entry : weights) {
        if (entry.weight == 0 || entry.weight > kMaxDataWeight) return "data weight outside 1..16";
        if (!seen.insert(entry.trainer).second) return "a trainer has two data weights";
    }
    return nullptr;
}

const char* find_privacy_fault(const TaskSpec& spec, std::uint64_t dimension) {
    if (!spec.privacy) return nullptr;
    if (spec.clip_min != spec.clip_initial || spec.clip_max != spec.clip_initial) {
        return "privacy: clip_min, clip_initial and clip_max must be equal";
    }
    return find_fault(*spec.privacy, dimension, spec.nu);
}

std::optional<std::uint64_t> parameter_count(const ModelSpec& spec) {
    if (spec.layers.size() < 2 || spec.layers.size() > kMaxLayers) return std::nullopt;
    if (spec.kind == ModelKind::kLogistic && (spec.layers.size() != 2 || spec.layers[1] != 1)) {
        return std::nullopt;
    }
    std::uint64_t total = 0;
    for (std::size_t i = 0; i + 1 < spec.layers.size(); ++i) {
        const std::uint64_t inputs = spec.layers[i];
        const std::uint64_t outputs = spec.layers[i + 1];
        if (inputs == 0 || outputs == 0) return std::nullopt;
        if (inputs > kMaxUpdateLength || outputs > kMaxUpdateLength) return std::nullopt;
        total += inputs * outputs + outputs;  // at most 2^40 + 2^20 a layer
        if (total > kMaxUpdateLength) return std::nullopt;
    }
    return total;
}

const char* find_fault(const TaskSpec& spec) {
    if (!is_valid_name(spec.name)) return "task name";
    if (!is_valid_name(spec.data_schema)) return "data schema name";
    const auto dimension = parameter_count(spec.model);
    if (!dimension) return "model shape";
    if (*dimension < kMinUpdateLength) return "the model has too few parameters";
    if (spec.rounds == 0 || spec.rounds > kMaxTaskRounds) return "number of rounds";
    if (const char* fault = find_training_fault(spec.training)) return fault;
    if (const char* fault = find_clip_fault(spec)) return fault;
    if (const char* fault = find_defence_fault(spec, *dimension)) return fault;
    if (const char* fault = find_privacy_fault(spec, *dimension)) return fault;
    if (const char* fault = find_window_fault(spec.windows)) return fault;
    if (const char* fault = find_reference_fault(spec)) return fault;
    return find_fault(spec.data_weights);
}

}  // namespace consilium::schema
