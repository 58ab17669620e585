// Kernels in AVX-512: eight words side by side.
#include "fl_engine/smpc/kernels_vector.hpp"

#ifdef __x86_64__
#include <algorithm>

#include <immintrin.h>

#define KERNEL __attribute__((target("avx512f")))
#define KERNEL_INLINE __attribute__((target("avx512f"), always_inline)) inline

namespace consilium::smpc::kernels {
namespace {

using Lanes = __m512i;
constexpr std::size_t kLanes = 8;
// The forms with a mask of all lanes are the same instructions; g++ 12 takes the source of the
// masked-out lanes of the others for uninitialised (GCC bug 105593).
constexpr __mmask8 kAll = 0xFF;

KERNEL_INLINE Lanes load(const std::uint64_t* words) {
    return _mm512_loadu_si512(words);
}
KERNEL_INLINE void store(std::uint64_t* words, Lanes lanes) {
    _mm512_storeu_si512(words, lanes);
}
KERNEL_INLINE Lanes broadcast(std::uint64_t word) {
    return _mm512_set1_epi64(static_cast<long long>(word));
}
KERNEL_INLINE Lanes zero() {
    return _mm512_setzero_si512();
}
KERNEL_INLINE Lanes plus(Lanes a, Lanes b) {
    return _mm512_add_epi64(a, b);
}
KERNEL_INLINE Lanes both(Lanes a, Lanes b) {
    return _mm512_and_si512(a, b);
}
KERNEL_INLINE Lanes flipped(Lanes a, Lanes b) {
    return _mm512_xor_si512(a, b);
}
template <int kBits>
KERNEL_INLINE Lanes left(Lanes a) {
    return _mm512_maskz_slli_epi64(kAll, a, kBits);
}
template <int kBits>
KERNEL_INLINE Lanes right(Lanes a) {
    return _mm512_maskz_srli_epi64(kAll, a, kBits);
}
KERNEL_INLINE Lanes times32(Lanes a, Lanes b) {
    return _mm512_maskz_mul_epu32(kAll, a, b);
}
KERNEL_INLINE Lanes canonical(Lanes value) {
    // A value below p wraps to a large one when p is taken away.
    return _mm512_maskz_min_epu64(kAll, value, _mm512_sub_epi64(value, broadcast(kPrime61)));
}

#include "fl_engine/smpc/kernels_lanes.inc"

}  // namespace

const VectorKernels& avx512_kernels() {
    return kTable;
}

}  // namespace consilium::smpc::kernels
#endif
