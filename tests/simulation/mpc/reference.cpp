// A set that the contract approves, an update that every validator makes alike.
#include "tests/simulation/mpc/reference.hpp"

namespace consilium::simulation {
namespace {

constexpr std::size_t kRecords = schema::kMinReferenceRecords + 6;
constexpr std::uint64_t kReferenceOwn = 0;  // no trainer's number

}  // namespace

schema::ReferenceSet simulated_reference_set(std::size_t columns) {
    schema::ReferenceSet set;
    set.data_schema = "study";
    for (std::size_t i = 0; i < columns; ++i) set.columns.push_back({"c" + std::to_string(i)});
    Random random(columns);
    for (std::size_t record = 0; record < kRecords; ++record) {
        for (std::size_t i = 0; i < columns; ++i) {
            set.features.push_back(static_cast<std::int64_t>(random.below(1U << 30U)));
        }
        set.labels.push_back(static_cast<std::uint8_t>(record % 2));
    }
    return set;
}

Update reference_update(std::uint64_t seed, std::uint64_t round, std::size_t dimension) {
    return similar_update(seed, round, kReferenceOwn, dimension);
}

Result<std::vector<std::int64_t>> SimulatedReference::compute(
    const mpc::ReferenceRequest& request) {
    CHECK(request.set == simulated_reference_set(request.model_spec.layers.front()));
    CHECK(request.model.size() == request.terms.dimension);
    return reference_update(seed_, request.round,
                            static_cast<std::size_t>(request.terms.dimension));
}

}  // namespace consilium::simulation
