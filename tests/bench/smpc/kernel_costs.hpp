// What one element costs in the inner loops, beside what the processor allows.
#pragma once
#include <cstdint>

#include "fl_engine/smpc/kernels.hpp"

namespace consilium::bench {

// Nanoseconds of processor time, minima over many short runs.
struct KernelCosts {
    double gram = 0;       // per element and pair, tiles of all slots of a batch, best set
    double gram_avx2 = 0;  // 0 where there is no AVX2
    double gram_portable = 0;
    double limit_gram = 0;  // the bare AVX2 loop: multiply and add, nothing folded
    double expand = 0;      // per element and subset: AES and multiply-add
};

[[nodiscard]] KernelCosts measure_kernels(std::uint32_t members, std::uint32_t clients);

[[nodiscard]] const char* name_of(smpc::Instructions instructions);

}  // namespace consilium::bench
