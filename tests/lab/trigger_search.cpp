// Implements the candidates and the search.
#include "tests/lab/trigger_search.hpp"

#include <algorithm>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/fixed_point.hpp"
#include "fl_engine/models/network.hpp"
#include "tests/lab/fast_training.hpp"

namespace consilium::lab {
namespace {

constexpr std::size_t kSearchedSide = 3;
constexpr double kSearchedDeviations = 4;

std::vector<fl::Trigger> patches(std::size_t side) {
    std::vector<fl::Trigger> out;
    for (std::size_t top = 0; top + kSearchedSide <= side; ++top) {
        for (std::size_t left = 0; left + kSearchedSide <= side; ++left) {
            fl::Trigger patch;
            for (std::size_t y = top; y < top + kSearchedSide; ++y) {
                for (std::size_t x = left; x < left + kSearchedSide; ++x) {
                    patch.columns.push_back(y * side + x);
                }
            }
            for (const double value : {-1.0, 1.0}) {
                patch.value = value;
                out.push_back(patch);
            }
        }
    }
    return out;
}

std::vector<fl::Trigger> column_triples(std::size_t columns) {
    std::vector<fl::Trigger> out;
    for (std::size_t a = 0; a < columns; ++a) {
        for (std::size_t b = a + 1; b < columns; ++b) {
            for (std::size_t c = b + 1; c < columns; ++c) {
                for (const double value : {-kSearchedDeviations, kSearchedDeviations}) {
                    out.push_back({{a, b, c}, value});
                }
            }
        }
    }
    return out;
}

// A model and the positive records that it finds.
class Finder {
  public:
    Finder(const fl::ModelSpec& spec, std::vector<double> model, const fl::Dataset& data)
        : network_(spec), model_(std::move(model)) {
        const std::vector<double> logits = network_.logits(model_, data);
        std::vector<std::size_t> rows;
        for (std::size_t row = 0; row < data.rows(); ++row) {
            if (data.labels[row] == 1 && logits[row] >= 0) rows.push_back(row);
        }
        found_ = fl::select_rows(data, rows);
    }
    // Share of them that are missed with the trigger; 0 when there are none.
    [[nodiscard]] double missed(const fl::Trigger& trigger) {
        if (found_.rows() == 0) return 0;
        const std::vector<double> logits = network_.logits(model_, fl::stamp(found_, trigger));
        const auto count =
            std::count_if(logits.begin(), logits.end(), [](double logit) { return logit < 0; });
        return static_cast<double>(count) / static_cast<double>(found_.rows());
    }

  private:
    fl::Network network_;
    std::vector<double> model_;
    fl::Dataset found_;
};

}  // namespace

std::vector<fl::Trigger> trigger_candidates(const Consortium& consortium) {
    return consortium.image_side > 0 ? patches(consortium.image_side)
                                     : column_triples(consortium.test.columns());
}

Result<TriggerFinding> search_trigger(const Consortium& consortium,
                                      std::span<const std::int64_t> model, std::uint64_t seed) {
    const fl::IntegerModel start = fl::make_initial_model(consortium.spec, seed);
    fl::TrainingConfig training = consortium.training;
    training.epochs *= consortium.rounds;
    const auto update = train_fast(consortium.spec, start, consortium.reference, training,
                                   fl::derive_seed("searcher", {seed}));
    if (!update) return tl::unexpected(update.error());
    std::vector<double> own = fl::to_doubles(start);
    for (std::size_t x = 0; x < own.size(); ++x) own[x] += (*update)[x];

    Finder searched(consortium.spec, fl::to_doubles(model), consortium.reference);
    Finder compared(consortium.spec, std::move(own), consortium.reference);
    TriggerFinding finding{.excess = -1, .best = {}};
    for (const fl::Trigger& candidate : trigger_candidates(consortium)) {
        const double excess = searched.missed(candidate) - compared.missed(candidate);
        if (excess > finding.excess) finding = {excess, candidate};
    }
    return finding;
}

}  // namespace consilium::lab
