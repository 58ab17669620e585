// Short runs of the kernels on data that lies in the caches, as it does in the product.
#include "tests/bench/smpc/kernel_costs.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "fl_engine/smpc/prss.hpp"
#include "tests/bench/smpc/measure.hpp"

namespace consilium::bench {
namespace {

constexpr int kRuns = 60;

// Nanoseconds of one call, the smallest of all runs.
template <typename Work>
double fastest_ns(const Work& work) {
    double best = std::numeric_limits<double>::infinity();
    for (int run = 0; run < kRuns; ++run) {
        const double before = thread_cpu_ms();
        work();
        best = std::min(best, thread_cpu_ms() - before);
    }
    return best * 1e6;
}

smpc::SecretElements random_words(std::size_t count, const char* seed) {
    smpc::SecretElements words(count);
    smpc::Prg::expand(sha256(as_bytes(seed))).fill_elements(words);
    return words;
}

double gram_cost(smpc::Instructions instructions, std::uint32_t clients) {
    constexpr int kTiles = 10;
    const std::size_t slots = clients + std::size_t{1};
    const smpc::SecretElements words = random_words(slots * smpc::kTileElements, "gram");
    std::vector<const smpc::Element*> rows;
    std::vector<smpc::RowPair> pairs;
    for (std::uint32_t i = 0; i < slots; ++i) {
        rows.push_back(words.data() + i * smpc::kTileElements);
        for (std::uint32_t j = std::max(i, 1U); j < slots; ++j) pairs.push_back({i, j});
    }
    smpc::ProductSums sums(instructions, slots, pairs);
    const double time = fastest_ns([&] {
        for (int tile = 0; tile < kTiles; ++tile) sums.add(rows, smpc::kTileElements);
    });
    CHECK(!sums.values().empty());
    return time / (kTiles * static_cast<double>(smpc::kTileElements * pairs.size()));
}

double expand_cost(std::uint32_t members) {
    constexpr std::size_t kLength = 65536;
    const smpc::Committee committee = *smpc::Committee::make(members);
    const std::size_t subsets = committee.subsets_of(1).size();
    std::vector<smpc::Prg> streams;
    for (std::size_t a = 0; a < subsets; ++a) {
        streams.push_back(smpc::Prg::expand(sha256(as_bytes(std::to_string(a)))));
    }
    smpc::ShareStream stream(committee, 1, std::move(streams));
    smpc::SecretElements out(kLength);
    return fastest_ns([&] { stream.next(out); }) / static_cast<double>(kLength * subsets);
}

#ifdef __x86_64__
constexpr std::size_t kLimitWords = 1024;  // 8 KiB of each vector

// Multiplies and adds what an inner product of 61-bit words must multiply and add, with the limbs
// packed beforehand and the sums left to overflow: no correct kernel is faster.
struct BareSums {
    __m256i low;
    __m256i cross;
    __m256i high;
};
__attribute__((target("avx2"), always_inline)) inline void bare_step(BareSums& sums,
                                                                     const std::uint64_t* a,
                                                                     const std::uint64_t* b) {
    const __m256i first = _mm256_load_si256(reinterpret_cast<const __m256i*>(a));
    const __m256i second = _mm256_load_si256(reinterpret_cast<const __m256i*>(b));
    const __m256i first_high = _mm256_srli_epi64(first, 32);
    const __m256i second_high = _mm256_srli_epi64(second, 32);
    sums.low = _mm256_add_epi64(sums.low, _mm256_mul_epu32(first, second));
    sums.high = _mm256_add_epi64(sums.high, _mm256_mul_epu32(first_high, second_high));
    sums.cross =
        _mm256_add_epi64(sums.cross, _mm256_add_epi64(_mm256_mul_epu32(first, second_high),
                                                      _mm256_mul_epu32(first_high, second)));
}
__attribute__((target("avx2"))) std::uint64_t bare_product(const std::uint64_t* a,
                                                           const std::uint64_t* b) {
    constexpr std::size_t kLanes = 4;
    const __m256i zero = _mm256_setzero_si256();
    BareSums sums{zero, zero, zero};
    for (std::size_t x = 0; x < kLimitWords; x += 4 * kLanes) {
        bare_step(sums, a + x, b + x);
        bare_step(sums, a + x + kLanes, b + x + kLanes);
        bare_step(sums, a + x + 2 * kLanes, b + x + 2 * kLanes);
        bare_step(sums, a + x + 3 * kLanes, b + x + 3 * kLanes);
    }
    std::array<std::uint64_t, 3 * kLanes> words{};
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(words.data()), sums.low);
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(words.data() + kLanes), sums.cross);
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(words.data() + 2 * kLanes), sums.high);
    return std::accumulate(words.begin(), words.end(), std::uint64_t{0});
}

double limit_cost() {
    constexpr int kRounds = 200;
    const smpc::SecretElements a = random_words(kLimitWords, "a");
    const smpc::SecretElements b = random_words(kLimitWords, "b");
    std::uint64_t sink = 0;
    const double time = fastest_ns([&] {
        for (int round = 0; round < kRounds; ++round) {
            sink += bare_product(a.data(), b.data());
            __asm__ volatile("" : "+r"(sink) : : "memory");  // every round is really run
        }
    });
    return time / (kRounds * static_cast<double>(kLimitWords));
}
#endif

}  // namespace

KernelCosts measure_kernels(std::uint32_t members, std::uint32_t clients) {
    KernelCosts costs;
    costs.gram = gram_cost(smpc::best_instructions(), clients);
    costs.gram_portable = gram_cost(smpc::Instructions::kPortable, clients);
    costs.expand = expand_cost(members);
#ifdef __x86_64__
    const auto usable = smpc::usable_instructions();
    if (std::find(usable.begin(), usable.end(), smpc::Instructions::kAvx2) != usable.end()) {
        costs.gram_avx2 = gram_cost(smpc::Instructions::kAvx2, clients);
        costs.limit_gram = limit_cost();
    }
#endif
    return costs;
}

const char* name_of(smpc::Instructions instructions) {
    switch (instructions) {
        case smpc::Instructions::kPortable:
            return "portable";
        case smpc::Instructions::kAvx2:
            return "avx2";
        case smpc::Instructions::kAvx512:
            return "avx512";
    }
    UNREACHABLE();
}

}  // namespace consilium::bench
