// Costs of the range proof: a client's whole work for one update, and a validator's weights.
#include <benchmark/benchmark.h>

#include <numeric>

#include "fl_engine/smpc/range_check.hpp"
#include "fl_engine/smpc/range_polynomial.hpp"
#include "fl_engine/smpc/range_proof.hpp"

namespace consilium::smpc {
namespace {

constexpr std::uint32_t kNormBits = 22;

std::vector<ClientMaskKey> make_ring(const Committee& committee) {
    std::vector<ClientMaskKey> ring;
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        const Digest secret = sha256(as_bytes("key" + std::to_string(rank)));
        ring.emplace_back(std::span<const std::uint8_t, 32>(secret.bytes));
    }
    return ring;
}

std::vector<std::int64_t> make_update(std::size_t dimension) {
    std::vector<std::int64_t> update(dimension);
    for (std::size_t x = 0; x < dimension; ++x) {
        update[x] = static_cast<std::int64_t>(x * 7919 % 4001) - 2000;
    }
    return update;
}

// n = 4: mask, blob bytes, projections, polynomial, mask of the proof.
void prove_update(benchmark::State& state) {
    const Committee committee = *Committee::make(4);
    const Kdf kdf("bench");
    const auto ring = make_ring(committee);
    const auto update = make_update(static_cast<std::size_t>(state.range(0)));
    const RangeShape shape = range_shape(update.size(), kNormBits);
    const RangeStatement statement{
        shape, shape.is_small() ? std::nullopt : std::optional(sha256(as_bytes("R")))};
    for (auto _ : state) {
        const auto masked = mask_update(kdf, committee, ring, update, kNormBits).value();
        benchmark::DoNotOptimize(encode_words(masked));
        const auto proof = make_range_proof(kdf, committee, ring, statement, masked).value();
        benchmark::DoNotOptimize(encode_words(proof));
    }
}
BENCHMARK(prove_update)->Arg(31)->Arg(513)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void project_update(benchmark::State& state) {
    const auto update = make_update(static_cast<std::size_t>(state.range(0)));
    const RangeProjections rows(range_shape(update.size(), kNormBits), sha256(as_bytes("R")));
    for (auto _ : state) benchmark::DoNotOptimize(rows.project(update));
}
BENCHMARK(project_update)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void extend_digits(benchmark::State& state) {
    std::vector<Element> values(range_shape(513, kNormBits).bits() + 1);
    std::iota(values.begin(), values.end(), Element{1});
    for (auto _ : state) benchmark::DoNotOptimize(extend_polynomial(values));
}
BENCHMARK(extend_digits)->Unit(benchmark::kMillisecond);

// Once per round: Y and the Lagrange coefficients.
void prepare_verifier(benchmark::State& state) {
    const RangeShape shape = range_shape(static_cast<std::uint64_t>(state.range(0)), kNormBits);
    const Digest seed_r = sha256(as_bytes("R"));
    const Digest seed_t = sha256(as_bytes("T"));
    for (auto _ : state) benchmark::DoNotOptimize(RangeVerifier(shape, seed_r, seed_t));
}
BENCHMARK(prepare_verifier)->Arg(513)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace consilium::smpc
