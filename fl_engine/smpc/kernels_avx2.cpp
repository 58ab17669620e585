// Kernels in AVX2: four words side by side.
#include "fl_engine/smpc/kernels_vector.hpp"

#ifdef __x86_64__
#include <algorithm>

#include <immintrin.h>

#define KERNEL __attribute__((target("avx2")))
#define KERNEL_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace consilium::smpc::kernels {
namespace {

using Lanes = __m256i;
constexpr std::size_t kLanes = 4;

KERNEL_INLINE Lanes load(const std::uint64_t* words) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(words));
}
KERNEL_INLINE void store(std::uint64_t* words, Lanes lanes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(words), lanes);
}
KERNEL_INLINE Lanes broadcast(std::uint64_t word) {
    return _mm256_set1_epi64x(static_cast<long long>(word));
}
KERNEL_INLINE Lanes zero() {
    return _mm256_setzero_si256();
}
KERNEL_INLINE Lanes plus(Lanes a, Lanes b) {
    return _mm256_add_epi64(a, b);
}
KERNEL_INLINE Lanes both(Lanes a, Lanes b) {
    return _mm256_and_si256(a, b);
}
KERNEL_INLINE Lanes flipped(Lanes a, Lanes b) {
    return _mm256_xor_si256(a, b);
}
template <int kBits>
KERNEL_INLINE Lanes left(Lanes a) {
    return _mm256_slli_epi64(a, kBits);
}
template <int kBits>
KERNEL_INLINE Lanes right(Lanes a) {
    return _mm256_srli_epi64(a, kBits);
}
KERNEL_INLINE Lanes times32(Lanes a, Lanes b) {
    return _mm256_mul_epu32(a, b);
}
KERNEL_INLINE Lanes canonical(Lanes value) {
    const Lanes is_over = _mm256_cmpgt_epi64(value, broadcast(kPrime61 - 1));
    return _mm256_sub_epi64(value, both(is_over, broadcast(kPrime61)));
}

#include "fl_engine/smpc/kernels_lanes.inc"

}  // namespace

const VectorKernels& avx2_kernels() {
    return kTable;
}

}  // namespace consilium::smpc::kernels
#endif
