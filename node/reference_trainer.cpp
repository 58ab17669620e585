// Fills the job of the deterministic reference trainer.
#include "node/reference_trainer.hpp"

#include "fl_engine/reference/trainer.hpp"

namespace consilium::node {

Result<std::vector<std::int64_t>> ReferenceTrainer::compute(const mpc::ReferenceRequest& request) {
    const schema::TrainingHints& training = request.training;
    if (training.proximal_micros != 0) {
        // The hospitals' trainers refuse such a task, too.
        return make_error(ErrorCode::kRefused, "the task asks for a proximal term");
    }
    return reference::train({.task = request.terms.task,
                             .round = request.round,
                             .layers = request.model_spec.layers,
                             .model = request.model,
                             .epochs = training.epochs,
                             .batch_size = training.batch_size,
                             .learning_rate_micros = training.learning_rate_micros,
                             .momentum_micros = training.momentum_micros,
                             .weight_decay_micros = training.weight_decay_micros,
                             .norm_bits = request.terms.nu,
                             .clip_norm = request.terms.clip_norm,
                             .features = request.set.features,
                             .labels = request.set.labels});
}

}  // namespace consilium::node
