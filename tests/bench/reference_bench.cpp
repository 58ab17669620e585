// Micro-benchmarks of the reference trainer: what a round costs a validator before h_sub.
//
// Run with ./run bench. Absolute times belong to one machine; compare runs of one machine only.
#include <benchmark/benchmark.h>

#include "tests/reference/cases.hpp"

namespace consilium::reference {
namespace {

// 64 records and two epochs of an MLP of one hidden layer, inputs and width as given.
void train_mlp(benchmark::State& state) {
    testing::Case one = testing::frozen_cases().back();
    one.layers = {static_cast<std::uint32_t>(state.range(0)),
                  static_cast<std::uint32_t>(state.range(1)), 1};
    one.epochs = 2;
    one.batch_size = 16;
    testing::CaseJob given;
    testing::make_job(one, given);
    for (auto _ : state) benchmark::DoNotOptimize(train(given.job));
    state.counters["d"] = static_cast<double>(given.model.size());
}
BENCHMARK(train_mlp)->Args({30, 16})->Args({784, 32})->Args({2'000, 500});

}  // namespace
}  // namespace consilium::reference
