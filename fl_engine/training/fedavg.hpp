// Plaintext federated averaging with the chain's integer arithmetic: the engine of baselines.
//
// The same seeds, encoding, sums and model update as a run on the chain, without masks, blur and
// dither. Sees every update in the clear, so it belongs to launchers and experiments on data that
// one machine holds anyway.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/data/dataset.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/models/model_spec.hpp"
#include "fl_engine/privacy/noisy_update.hpp"
#include "fl_engine/training/local_training.hpp"
#include "fl_engine/training/metrics.hpp"
#include "fl_engine/training/transform.hpp"

namespace consilium::fl {

struct FedAvgHospital {
    Dataset training;
    std::uint64_t seed = 0;    // as in its trainer's configuration
    std::uint32_t weight = 1;  // data weight, 1..16
    Deviation deviation;
};

struct FedAvgTask {
    ModelSpec spec;
    IntegerModel initial_model;
    TrainingConfig training;
    std::uint32_t rounds = 6;
    std::uint64_t task = 0;
    std::uint64_t first_round = 0;
    EncodingParameters encoding;  // clip: C of the first round
    ClipBounds clip_bounds;
    // Differential privacy as a trainer adds it, but from the hospitals' seeds, so that a baseline
    // can be repeated; hospitals that change their update add none.
    std::optional<NoiseTerms> noise;
};

// What a weighting rule sees of a round.
struct RoundInput {
    std::uint64_t round = 0;
    EncodingParameters encoding;
    std::span<const IntegerUpdate> updates;
};

// One integer weight per hospital, 0 leaves it out. The default gives each its data weight.
using WeightRule = std::function<Result<std::vector<std::uint64_t>>(const RoundInput&)>;

struct RoundRecord {
    std::uint64_t round = 0;
    std::uint64_t clip = 0;              // C_r
    std::vector<double> update_norms;    // in real units, as encoded
    std::vector<std::uint64_t> weights;  // one a hospital
    Metrics metrics;                     // of the new model on the test set
};

struct FedAvgResult {
    IntegerModel model;
    std::vector<RoundRecord> rounds;
};

[[nodiscard]] Result<FedAvgResult> run_fedavg(const FedAvgTask& task,
                                              std::span<const FedAvgHospital> hospitals,
                                              const Dataset& test, const WeightRule& rule = {});

}  // namespace consilium::fl
