// Local training and evaluation on the hospital's own rows, which never leave this process.
//
// Loads one CSV with its declared schema, keeps a stratified hold-out for metrics, and turns a
// global model into the integer update of a round. Deterministic by seed, task and round.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "core/random.hpp"
#include "core/result.hpp"
#include "fl_engine/data/dataset.hpp"
#include "fl_engine/privacy/random_bits.hpp"
#include "fl_engine/training/transform.hpp"

namespace consilium::trainer {

struct LearnerOptions {
    std::string data_file;               // CSV
    std::string schema_file;             // TOML, fl_engine/data/schema.hpp
    double holdout = 0.2;                // share of rows kept for metrics
    std::uint64_t seed = 1;              // the hospital's own
    fl::Deviation deviation;             // empty in the shipped trainer
    fl::ByteSource noise = fill_random;  // of differential privacy
};

class Learner {
  public:
    [[nodiscard]] static Result<Learner> load(LearnerOptions options);

    // u of the round: int64 units of C_r / (B - ceil(sqrt d)), exact norm at most B; clipped and
    // noised first when the round's terms say so, anew at each call. `model` is the
    // blob of the round's model. kRefused when data, model or task do not fit together.
    [[nodiscard]] Result<std::vector<std::int64_t>> make_update(const schema::TaskSpec& task,
                                                                const schema::RoundRecord& round,
                                                                ByteView model) const;
    // Metrics of a model version on the held-out rows; a metric that the rows do not define (one
    // class only) is an error kUnavailable.
    [[nodiscard]] Result<schema::ReportMetrics> evaluate(const schema::TaskRecord& task,
                                                         std::uint32_t version,
                                                         ByteView model) const;
    [[nodiscard]] std::size_t training_rows() const { return training_.rows(); }
    [[nodiscard]] std::size_t held_out_rows() const { return held_out_.rows(); }

  private:
    Learner(LearnerOptions options, fl::Dataset training, fl::Dataset held_out)
        : options_(std::move(options)),
          training_(std::move(training)),
          held_out_(std::move(held_out)) {}

    LearnerOptions options_;
    fl::Dataset training_;
    fl::Dataset held_out_;
};

}  // namespace consilium::trainer
