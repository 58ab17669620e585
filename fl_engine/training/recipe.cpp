// Implements the table of measured hyperparameters.
#include "fl_engine/training/recipe.hpp"

#include "core/check.hpp"
#include "fl_engine/data/schema.hpp"

namespace consilium::fl {

Recipe default_recipe(std::string_view source, std::size_t feature_count,
                      std::uint32_t hidden_units) {
    CHECK(feature_count > 0 && feature_count <= kMaxColumns && hidden_units > 0);
    constexpr unsigned kUnitBits = 32;
    Recipe recipe;
    recipe.spec = {ModelKind::kMlp, {static_cast<std::uint32_t>(feature_count), hidden_units, 1}};
    recipe.training = {.epochs = 4, .batch_size = 16, .learning_rate_millionths = 100'000};
    recipe.initial_clip = std::uint64_t{3} << kUnitBits;
    if (source == "heart") {
        // The hospitals differ so much that longer local training drives their updates apart.
        recipe.training = {.epochs = 2, .batch_size = 16, .learning_rate_millionths = 50'000};
        recipe.initial_clip = std::uint64_t{2} << kUnitBits;
    }
    return recipe;
}

}  // namespace consilium::fl
