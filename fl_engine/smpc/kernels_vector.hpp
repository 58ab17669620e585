// The vector forms of kernels.hpp as tables of functions; kernels.cpp chooses among them.
//
// A table's functions may run only on a processor that has its instructions.
#pragma once
#include "fl_engine/smpc/kernels.hpp"

namespace consilium::smpc::kernels {

inline constexpr std::size_t kScratchWords = 480;  // of one row of ProductSums
inline constexpr std::size_t kVectorStep = 16;     // lengths of combine_rows and add_rows

struct VectorKernels {
    std::size_t sum_words{};  // of one pair of ProductSums
    Element (*inner_product)(std::span<const Element> a, std::span<const Element> b){};
    void (*add_products)(RowPointers rows, std::size_t length, std::span<const RowPair> pairs,
                         std::span<Element> scratch, std::span<Element> sums){};
    Element (*product_of_sums)(const Element* sums){};
    // As in kernels.hpp for a length that is a multiple of kVectorStep.
    void (*combine_rows)(std::span<const Element> coefficients, RowPointers rows,
                         std::span<Element> out){};
    void (*add_rows)(RowPointers rows, std::span<Element> out){};
};

#ifdef __x86_64__
[[nodiscard]] const VectorKernels& avx2_kernels();
[[nodiscard]] const VectorKernels& avx512_kernels();
#endif

}  // namespace consilium::smpc::kernels
