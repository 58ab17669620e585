// The frozen jobs of the reference trainer: made from small seeds, by the same rule in
// make_vectors.py, so that both sides start from the same integers.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/digest.hpp"
#include "fl_engine/reference/trainer.hpp"

namespace consilium::reference::testing {

struct Case {
    std::string name;
    std::vector<std::uint32_t> layers;
    std::uint64_t seed{};
    std::uint32_t records{};
    std::uint32_t epochs{};
    std::uint32_t batch_size{};
    std::uint32_t learning_rate_micros{};
    std::uint32_t momentum_micros{};
    std::uint32_t weight_decay_micros{};
    std::uint32_t norm_bits{};
    std::uint64_t clip_norm{};
};

[[nodiscard]] inline std::vector<Case> frozen_cases() {
    constexpr std::uint64_t kOne = std::uint64_t{1} << 32U;
    return {
        {"logistic-15", {15, 1}, 1, 64, 2, 16, 50'000, 0, 0, 22, 2 * kOne},
        {"logistic-15-short-clip", {15, 1}, 2, 64, 2, 16, 50'000, 0, 0, 22, kOne / 64},
        {"logistic-30-momentum", {30, 1}, 3, 100, 3, 7, 100'000, 900'000, 1'000, 23, 3 * kOne},
        {"mlp-15-16-1", {15, 16, 1}, 4, 64, 2, 16, 50'000, 0, 0, 22, 2 * kOne},
        {"mlp-30-16-1", {30, 16, 1}, 5, 64, 4, 16, 100'000, 0, 0, 22, 3 * kOne},
        {"mlp-30-16-1-short-clip", {30, 16, 1}, 6, 70, 1, 64, 100'000, 0, 0, 20, kOne / 1000},
        {"mlp-7-5-3-1-decay", {7, 5, 3, 1}, 7, 65, 5, 10, 300'000, 500'000, 20'000, 16, kOne},
        {"mlp-784-32-1", {784, 32, 1}, 8, 64, 1, 32, 30'000, 0, 0, 22, 4 * kOne},
    };
}

class CaseStream {
  public:
    explicit CaseStream(std::uint64_t seed) : state_(seed) {}
    [[nodiscard]] std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    // In [-2^bits, 2^bits).
    [[nodiscard]] std::int64_t centred(unsigned bits) {
        return static_cast<std::int64_t>(next() >> (63U - bits)) - (std::int64_t{1} << bits);
    }

  private:
    std::uint64_t state_;
};

// Owns what the job points to.
struct CaseJob {
    std::vector<std::int64_t> model;
    std::vector<std::int64_t> features;
    std::vector<std::uint8_t> labels;
    Job job;
};

inline void make_job(const Case& given, CaseJob& out) {
    CaseStream stream(given.seed);
    std::size_t parameters = 0;
    for (std::size_t i = 0; i + 1 < given.layers.size(); ++i) {
        parameters += (std::size_t{given.layers[i]} + 1) * given.layers[i + 1];
    }
    for (std::size_t x = 0; x < parameters; ++x) out.model.push_back(stream.centred(30));
    const std::size_t cells = std::size_t{given.records} * given.layers.front();
    for (std::size_t x = 0; x < cells; ++x) out.features.push_back(stream.centred(33));
    for (std::uint32_t record = 0; record < given.records; ++record) {
        // A rule that can be learned, with some noise.
        const bool is_positive = out.features[record * given.layers.front()] > 0;
        const bool is_noise = stream.next() % 8 == 0;
        out.labels.push_back(is_positive != is_noise ? 1 : 0);
    }
    out.job = {.task = 1,
               .round = given.seed,
               .layers = given.layers,
               .model = out.model,
               .epochs = given.epochs,
               .batch_size = given.batch_size,
               .learning_rate_micros = given.learning_rate_micros,
               .momentum_micros = given.momentum_micros,
               .weight_decay_micros = given.weight_decay_micros,
               .norm_bits = given.norm_bits,
               .clip_norm = given.clip_norm,
               .features = out.features,
               .labels = out.labels};
}

[[nodiscard]] inline Bytes bytes_of(const std::vector<std::int64_t>& update) {
    Bytes bytes;
    for (const std::int64_t value : update) {
        for (unsigned shift = 0; shift < 64; shift += 8) {
            bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> shift));
        }
    }
    return bytes;
}

// One line a case: name, SHA-256 of the d int64 little-endian, squared norm.
[[nodiscard]] inline std::string describe_cases() {
    std::string text;
    for (const Case& one : frozen_cases()) {
        CaseJob owner;
        make_job(one, owner);
        const auto update = train(owner.job);
        text += one.name + " ";
        text += update ? sha256(bytes_of(*update)).hex() + " " +
                             std::to_string(squared_norm(*update)) + "\n"
                       : update.error().context + "\n";
    }
    return text;
}

}  // namespace consilium::reference::testing
