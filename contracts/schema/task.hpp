// What the council agrees on when it opens a task: model, training hints, defence, schedule.
//
// Model layout: int64 per parameter in units of 2^-32; per layer first the weights, row by row,
// one row per output (weight[out][in]), then the biases, one per output. A logistic model is one
// layer with one output. Layers of an MLP are joined by tanh, the last one is linear (a logit).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/schema/limits.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema/privacy.hpp"
#include "core/codec.hpp"

namespace consilium::schema {

enum class ModelKind : std::uint8_t { kLogistic = 1, kMlp = 2 };
[[nodiscard]] constexpr bool is_known(ModelKind kind) {
    return kind == ModelKind::kLogistic || kind == ModelKind::kMlp;
}
[[nodiscard]] std::string_view to_string(ModelKind kind);

enum class Schedule : std::uint8_t { kAutomatic = 1, kManual = 2 };
[[nodiscard]] constexpr bool is_known(Schedule schedule) {
    return schedule == Schedule::kAutomatic || schedule == Schedule::kManual;
}
[[nodiscard]] std::string_view to_string(Schedule schedule);

enum class Mode : std::uint8_t { kPairwise = 0, kSum = 1 };
[[nodiscard]] constexpr bool is_known(Mode mode) {
    return mode == Mode::kPairwise || mode == Mode::kSum;
}
[[nodiscard]] std::string_view to_string(Mode mode);

struct ModelSpec {
    ModelKind kind = ModelKind::kLogistic;
    std::vector<std::uint32_t> layers;  // inputs, hidden widths, outputs; 30-16-1 is {30, 16, 1}
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("kind", self.kind);
        visit("layers", self.layers, Limit{kMaxLayers});
    }
    friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

// Number of parameters d; nullopt for a shape that is not allowed or has more than
// kMaxUpdateLength.
[[nodiscard]] std::optional<std::uint64_t> parameter_count(const ModelSpec& spec);

// What every trainer should do alike; the chain does not check it.
struct TrainingHints {
    std::uint32_t epochs = 2;
    std::uint32_t batch_size = 16;
    std::uint32_t learning_rate_micros = 50'000;
    std::uint32_t momentum_micros = 0;
    std::uint32_t weight_decay_micros = 0;
    std::uint32_t proximal_micros = 0;  // FedProx term
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("epochs", self.epochs);
        visit("batch_size", self.batch_size);
        visit("learning_rate_micros", self.learning_rate_micros);
        visit("momentum_micros", self.momentum_micros);
        visit("weight_decay_micros", self.weight_decay_micros);
        visit("proximal_micros", self.proximal_micros);
    }
    friend bool operator==(const TrainingHints&, const TrainingHints&) = default;
};

struct RoundWindows {
    Window pledge{.blocks = 8, .ms = 8'000};     // from the opening of the round
    Window submit{.blocks = 4, .ms = 4'000};     // from the end of the pledge window
    Window range{.blocks = 4, .ms = 4'000};      // from SEED; up to 128 parameters: from h_sub
    Window aggregate{.blocks = 4, .ms = 2'000};  // before all validators post their AGG share
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("pledge", self.pledge);
        visit("submit", self.submit);
        visit("range", self.range);
        visit("aggregate", self.aggregate);
    }
    friend bool operator==(const RoundWindows&, const RoundWindows&) = default;
};

struct DataWeight {
    PublicKey trainer;
    std::uint16_t weight = 1;  // 1..16
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("trainer", self.trainer);
        visit("weight", self.weight);
    }
    friend bool operator==(const DataWeight&, const DataWeight&) = default;
};
inline constexpr std::uint16_t kMaxDataWeight = 16;

struct TaskSpec {
    std::string name;
    std::string data_schema;  // name of the columns a trainer must have, such as "wdbc"
    ModelSpec model;
    std::array<std::uint8_t, 32> seed{};  // of the initial model
    TrainingHints training;
    std::uint32_t rounds = 1;
    Schedule schedule = Schedule::kAutomatic;
    Mode mode = Mode::kPairwise;
    std::uint16_t rule = 2;  // entry of the rule table (docs/protocol.md, section 7)
    std::uint8_t nu = 22;    // B = 2^nu bounds the encoded norm
    std::uint64_t clip_initial = std::uint64_t{1} << 32;  // C_1 in Q32
    std::uint64_t clip_min = std::uint64_t{1} << 22;      // bounds of C_next, Q32
    std::uint64_t clip_max = std::uint64_t{1} << 40;
    std::uint16_t malicious_max = 1;  // c_max, the assumed number of malicious clients
    RoundWindows windows;
    std::vector<DataWeight> data_weights;  // 1 for every trainer not named
    std::optional<Digest> reference_set;   // SHA-256 of an approved one (reference_set.hpp)
    bool is_reference_required = false;    // ref_required: no round goes on without a reference
    // Absent: trainers add no noise. Present: the clip norm is fixed (clip_min = clip_initial =
    // clip_max), because norms of noised updates would drive it up.
    std::optional<PrivacyTerms> privacy;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("name", self.name, Limit{256});
        visit("data_schema", self.data_schema, Limit{256});
        visit("model", self.model);
        visit("seed", self.seed);
        visit("training", self.training);
        visit("rounds", self.rounds);
        visit("schedule", self.schedule);
        visit("mode", self.mode);
        visit("rule", self.rule);
        visit("nu", self.nu);
        visit("clip_initial", self.clip_initial);
        visit("clip_min", self.clip_min);
        visit("clip_max", self.clip_max);
        visit("malicious_max", self.malicious_max);
        visit("windows", self.windows);
        visit("data_weights", self.data_weights, Limit{kMaxClients});
        visit("reference_set", self.reference_set);
        visit("is_reference_required", self.is_reference_required);
        visit("privacy", self.privacy);
    }
    friend bool operator==(const TaskSpec&, const TaskSpec&) = default;
};

inline constexpr std::uint32_t kMaxTaskRounds = 100'000;
inline constexpr std::uint64_t kMaxClip = (std::uint64_t{1} << 56) - 1;

// m_min: fewer weighted updates would leave too few honest ones in a sum.
[[nodiscard]] constexpr std::uint16_t min_accepted(std::uint16_t malicious_max) {
    return static_cast<std::uint16_t>(malicious_max + 2 < 3 ? 3 : malicious_max + 2);
}
// n_need: with fewer submissions the round is not opened up.
[[nodiscard]] constexpr std::uint16_t min_submissions(std::uint16_t malicious_max) {
    const auto majority = static_cast<std::uint16_t>(2 * malicious_max + 1);
    const auto accepted = min_accepted(malicious_max);
    return majority > accepted ? majority : accepted;
}

// What is wrong with the spec by itself, in words for people, or nullptr. Whether its rule and its
// reference set exist only the chain knows.
[[nodiscard]] const char* find_fault(const TaskSpec& spec);
// The same for data weights.
[[nodiscard]] const char* find_fault(const std::vector<DataWeight>& weights);

}  // namespace consilium::schema
